"""Rank words of DNA by pointwise mutual information: how much their bases belong together.

Counts a genome, or the rows that pretraining reads, and keeps the ranked table where masking
schemes find it by its key.

    dnasweep pmi --genome hg38.fa.gz --k 6 --out ranks.csv
    dnasweep pmi --data promoters.csv --k 6 --pmi pmi_n
    dnasweep pretrain --data promoters.csv --tokenizers kmer-6-overlap --masking genemask --pmi-table KEY
"""

from rich.console import Console

from dnasweep.sweeps.kmer_table_options import KmerTableOptions


def main(options: KmerTableOptions, console: Console) -> None:
    from dnasweep.workflows.kmer_table import run_kmer_table

    run_kmer_table(options, console)
