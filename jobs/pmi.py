"""Rank words of DNA by pointwise mutual information: how much their bases belong together.

Counts a genome, or the rows that pretraining reads, and keeps the ranked table where masking
schemes find it by its key.

    python jobs/pmi.py --genome hg38.fa.gz --k 6 --out ranks.csv
    python jobs/pmi.py --data promoters.csv --k 6 --pmi pmi_n
    python jobs/pretrain.py --data promoters.csv --tokenizers kmer-6-overlap --masking genemask --pmi-table KEY
"""

from dnasweep.cli.command import run_command
from dnasweep.sweeps.kmer_table_options import KmerTableOptions
from rich.console import Console


def main(options: KmerTableOptions, console: Console) -> None:
    from dnasweep.workflows.kmer_table import run_kmer_table

    run_kmer_table(options, console)


if __name__ == "__main__":
    run_command(main, KmerTableOptions, doc=__doc__)
