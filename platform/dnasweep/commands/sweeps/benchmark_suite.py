"""Compare one or more models over all tasks of a published benchmark suite.

Every model (tokenizers x sizes x species sets, or pretrained checkpoints) is fine-tuned on each task in
the suite's folder, selected on validation, and tested on the suite's test rows by the suite's metric.
Ends with a leaderboard: scores by task with their spread, mean ranks with tests, a critical-difference
diagram, published scores for comparison, and the cost of each model. Missing tasks are listed. Run the
same command again to resume after an interruption.

    dnasweep benchmark-suite --suite gue --data GUE --presets tiny small
    dnasweep benchmark-suite --suite gue --data GUE --tasks "core promoters" --time-budget 60
    dnasweep benchmark-suite --suite genomic-benchmarks --data genomic_benchmarks \\
        --checkpoints models/dnabert-6 OWNER/MODEL none --learning-rates 3e-5 1e-4
"""

from rich.console import Console

from dnasweep.sweeps.suite_options import SuiteOptions


def main(options: SuiteOptions, console: Console) -> None:
    from dnasweep.workflows.suite import run_suite

    run_suite(options, console)
