"""Score variants: what each allele changes in what a model says.

Both alleles are looked at on both strands in a centred window and in some moved ones. Gives the
change of the class probability and of its log2 odds (ALT - REF), the log-likelihood ratio of a
masked language model, z and p against shuffled flanks, loss and gain calls, and binding sites
gained and lost. Writes Parquet, the VCF with these fields, and what was rejected and why; with
--saturate a heat map. The same command again goes on where it was stopped.

    dnasweep score-variants --model models:/tokenizer-grid@best --genome hg38.fa --data x.vcf.gz
    dnasweep score-variants --model RUN_ID --genome hg38.fa --data x.vcf --motifs jaspar.meme
    dnasweep score-variants --model RUN_ID --genome hg38.fa --saturate chr5:1,295,000-1,295,200
"""

from rich.console import Console

from dnasweep.jobs.variant_options import VariantOptions


def main(options: VariantOptions, console: Console) -> None:
    from dnasweep.workflows.variants import run_variants

    run_variants(options, console)
