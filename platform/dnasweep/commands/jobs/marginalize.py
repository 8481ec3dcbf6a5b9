"""Measure the effect of a motif on a model's output, alone or with a second one, by spacing and orientation.

Motifs are inserted into many backgrounds: dinucleotide-preserving shuffles of your sequences, or random
bases. All conditions are compared in the same backgrounds, so effects have paired intervals. For two motifs
the interaction is reported (output with both - with the first - with the second + with neither), with
p-values adjusted over all spacings and orientations. Writes tables as CSV and Parquet, and a page with a
curve by spacing and a heat map. Computes in this process, or on Ray with --address or --num-actors; the same
command resumes after an interruption.

    dnasweep marginalize --model models:/tokenizer-grid@best --motif "TATA box" --data promoters.csv
    dnasweep marginalize --model models:/tokenizer-grid@best --motif TATAWAWR --other YYANWYY \\
        --spacings 10..40 --held other --positions 58 --length 100
"""

from rich.console import Console

from dnasweep.jobs.marginal_request import MarginalOptions


def main(options: MarginalOptions, console: Console) -> None:
    from dnasweep.workflows.marginals import MarginalJob
    from dnasweep.workflows.run import run

    run(MarginalJob.of, options, console)
