"""Rank k-mers by pointwise mutual information, a measure of how strongly their bases are associated.

Counts k-mers in a genome or in the pretraining rows, and stores the ranked table, which masking schemes
find by its key.

    dnasweep pmi --genome hg38.fa.gz --k 6 --out ranks.csv
    dnasweep pmi --data promoters.csv --k 6 --pmi pmi_n
    dnasweep pretrain --data promoters.csv --tokenizers kmer-6-overlap --masking genemask --pmi-table KEY
"""

from rich.console import Console

from dnasweep.sweeps.kmer_table_options import KmerTableOptions


def main(options: KmerTableOptions, console: Console) -> None:
    from dnasweep.workflows.kmer_table import run_kmer_table

    run_kmer_table(options, console)
