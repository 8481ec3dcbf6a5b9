"""What is pretraining on other species worth, for each species by itself?

For every target species five strategies: random initialisation, pretraining on the target alone, on
all species, on all species and then close relatives, and zero-shot transfer from a model that never
saw the target. All read the same number of bases, so that they differ only in which species are read
and in what order. Ends with a target x strategy matrix, tests on the same test rows, and the gain
against phylogenetic distance. Run the same command again to go on after an interruption.

    python sweeps/species_transfer.py
    python sweeps/species_transfer.py --data promoters.csv --targets human chicken worm
    python sweeps/species_transfer.py --data promoters.csv --pretrain-epochs 20 --seeds 0 1 2 3 4
"""

from dnasweep.cli.command import run_command
from dnasweep.sweeps.transfer_options import TransferOptions
from rich.console import Console


def main(options: TransferOptions, console: Console) -> None:
    from dnasweep.workflows.sweep import run_sweep
    from dnasweep.workflows.transfer import end_transfer, find_targets, transfer_cells

    axes = {
        "tokenizer": options.tokenizers,
        "target": find_targets(options, console),
        "strategy": options.strategies,
        "learning_rate": options.learning_rates,
        "seed": options.seeds,
    }
    run_sweep(
        "species-transfer", axes, options, console, cells=transfer_cells, ending=end_transfer
    )


if __name__ == "__main__":
    run_command(main, TransferOptions, doc=__doc__)
