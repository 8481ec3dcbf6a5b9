"""Score variants: how each allele changes the predictions of a model.

Both alleles are scored on both strands, in a centred window and in shifted ones. Computes the change of
the class probability and of its log2 odds (ALT - REF), the log-likelihood ratio of a masked language
model, z and p against shuffled flanks, calls of loss and gain, and binding sites gained and lost. Writes
Parquet, each VCF with these fields, the scores of other tables as TSV, and the rejected variants with
reasons; with --saturate, a heat map.
The same command resumes after an interruption.

    dnasweep score-variants --model models:/tokenizer-grid@best --genome hg38.fa --data x.vcf.gz
    dnasweep score-variants --model RUN_ID --genome hg38.fa --data x.vcf --motifs jaspar.meme
    dnasweep score-variants --model RUN_ID --genome hg38.fa --saturate chr5:1,295,000-1,295,200
"""

from rich.console import Console

from dnasweep.jobs.variant_options import VariantOptions


def main(options: VariantOptions, console: Console) -> None:
    from dnasweep.workflows.run import run
    from dnasweep.workflows.variants import VariantJob

    run(VariantJob.of, options, console, waiting="reading the variants and the model")
