"""Compare models from elsewhere, and how much of them fine-tuning moves.

Starts from every model named: all of its weights move, its head alone (probe), or low-rank additions
(LoRA). Each brings its own tokenizer; `none` among them is random initialisation of a model of
`--preset` with `--tokenizers`.

    python sweeps/backbone_grid.py --data promoters.csv --checkpoints models/dnabert-6 none
    python sweeps/backbone_grid.py --data promoters.csv --checkpoints OWNER/MODEL --learning-rates 1e-4 1e-3
"""

from dnasweep.cluster.command import run_command
from dnasweep.cluster.options import SweepOptions
from dnasweep.cluster.sweep import run_sweep
from rich.console import Console

TUNINGS = ("full", "probe", "lora-8")


def main(options: SweepOptions, console: Console) -> None:
    axes = {
        "tokenizer": options.tokenizers,
        "species_set": options.species_sets or ("none",),
        "checkpoint": options.checkpoints,
        "tuning": TUNINGS if options.tuning == SweepOptions.tuning else (options.tuning,),
        "learning_rate": options.learning_rates,
        "seed": options.seeds,
    }
    run_sweep("backbone-grid", axes, options, console)


if __name__ == "__main__":
    run_command(main, SweepOptions, doc=__doc__)
