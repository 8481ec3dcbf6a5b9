"""What a motif does to a model's output, alone and with a second one, by spacing and orientation.

Motifs are put into many backgrounds: shuffles of your sequences that keep their dinucleotides, or random
bases. Every condition is compared in the same backgrounds, so effects have paired intervals. For two motifs
it says what both do beyond the sum of what each does (output of both - of the first - of the second + of
neither), with p-values adjusted over all spacings and orientations. Writes tables as CSV and Parquet and a
page with a curve by spacing and a heat map. Computes in this process, or on Ray with --address or
--num-actors; the same command again goes on where it was stopped.

    dnasweep marginalize --model models:/tokenizer-grid@best --motif "TATA box" --data promoters.csv
    dnasweep marginalize --model models:/tokenizer-grid@best --motif TATAWAWR --other YYANWYY \\
        --spacings 10..40 --held other --positions 58 --length 100
"""

from rich.console import Console

from dnasweep.jobs.marginal_request import MarginalOptions


def main(options: MarginalOptions, console: Console) -> None:
    from dnasweep.workflows.marginals import run_marginals

    run_marginals(options, console)
