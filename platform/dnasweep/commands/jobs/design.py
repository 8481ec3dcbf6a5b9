"""Edit sequences so that a model's output rises or falls, under constraints, and explain the edits.

Every step computes every single substitution that is allowed (with --preselect those that the gradient
prefers) of several sequences at once, and keeps the best; with --beam the best few. At most --edits bases of a
sequence change; motifs and bases can be kept, and the share of G and C held in a range. Writes the sequences
as FASTA, every edit with the output after it as CSV and Parquet, and a page with the course of the output and
the attributions before and after. Computes in this process, or on Ray with --address or --num-actors; the
same command again goes on where it was stopped.

    dnasweep design --model models:/tokenizer-grid@best --data new.fa --edits 5
    dnasweep design --model models:/tokenizer-grid@best --data new.fa --goal lower --keep-motifs TATAWAWR \\
        --keep-bases 240..260 --gc .4 .6
"""

from rich.console import Console

from dnasweep.jobs.design_request import DesignOptions


def main(options: DesignOptions, console: Console) -> None:
    from dnasweep.workflows.designs import run_designs

    run_designs(options, console)
