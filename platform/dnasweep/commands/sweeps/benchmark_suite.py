"""Which model serves best? One or more models over all tasks of a published suite.

Every model (tokenizers x sizes x species sets, or pretrained checkpoints) is fine-tuned on each
task of the suite that its folder holds, chosen on validation, and tested on the suite's own test rows,
by the suite's own metric. Ends with a leaderboard: scores by task with spread, mean ranks with their
tests, a critical-difference diagram, published scores beside, and what each model cost. Tasks that are
missing are listed. Run the same command again to go on after an interruption.

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
