"""Find the learning rate, warm-up and weight decay that best separate enhancers from other sequences.

The grid of DNABERT-Enhancer: 8 x 2 x 5 = 80 combinations on windows of 200 bases (--crop 350 for the
other published window), starting from one encoder; the published settings are 15 to 20 epochs in batches
of 230. The 80 combinations can be explored in three ways: all of them, all with poor ones stopped early,
or a search that tries some of them and stops poor ones early. Run the same command again to resume after
an interruption.

    dnasweep enhancer-grid --data enhancers.csv
    dnasweep enhancer-grid --data enhancers.csv --asha
    dnasweep enhancer-grid --data enhancers.csv --asha --search optuna --num-samples 40
    dnasweep enhancer-grid --data enhancers.csv --crop 350 --finetune-epochs 20 --batch-size 230
"""

from rich.console import Console

from dnasweep.sweeps.axes import EnhancerOptions


def main(options: EnhancerOptions, console: Console) -> None:
    from dnasweep.workflows.sweep import run_sweep

    run_sweep("enhancer-grid", options.axes, options, console)
