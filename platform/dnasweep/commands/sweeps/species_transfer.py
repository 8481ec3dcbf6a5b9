"""Measure, for each species, the benefit of pretraining on other species.

Compares five strategies for every target species: random initialisation, pretraining on the target alone,
on all species, on all species and then close relatives, and zero-shot transfer from a model that never
saw the target. All strategies read the same number of bases and differ only in the species and their
order. Ends with a target x strategy matrix, tests on the same test rows, and the gain against
phylogenetic distance. Run the same command again to resume after an interruption.

    dnasweep species-transfer
    dnasweep species-transfer --data promoters.csv --targets human chicken worm
    dnasweep species-transfer --data promoters.csv --pretrain-epochs 20 --seeds 0 1 2 3 4
"""

from rich.console import Console

from dnasweep.sweeps.transfer_options import TransferOptions


def main(options: TransferOptions, console: Console) -> None:
    from dnasweep.sweeps.request import RequestedAxes
    from dnasweep.workflows.sweep import run_sweep
    from dnasweep.workflows.transfer import end_transfer, find_targets, transfer_cells

    axes: RequestedAxes = {
        "tokenizer": options.tokenizers,
        "target": find_targets(options, console),
        "strategy": options.strategies,
        "learning_rate": options.learning_rates,
        "seed": options.seeds,
    }
    run_sweep(
        "species-transfer", axes, options, console, cells=transfer_cells, ending=end_transfer
    )
