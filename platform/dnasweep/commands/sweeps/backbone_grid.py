"""Compare pretrained checkpoints, and fine-tuning of all or some of their weights.

Starts from every named model and trains all of its weights, only the head (probe), or low-rank additions
(LoRA). Each model has its own tokenizer; `none` stands for random initialisation of a model of `--preset`
with `--tokenizers`.

    dnasweep backbone-grid --data promoters.csv --checkpoints models/dnabert-6 none
    dnasweep backbone-grid --data promoters.csv --checkpoints OWNER/MODEL --tunings lora-4 lora-16
"""

from dataclasses import dataclass

from rich.console import Console
from tyro.conf import Suppress

from dnasweep.sweeps.axes import Axes, SweepOptions


@dataclass(frozen=True, kw_only=True)
class BackboneOptions(SweepOptions):
    """Options of the comparison of pretrained checkpoints."""

    tunings: tuple[str, ...] = ("full", "probe", "lora-8")
    """Weights that are fine-tuned: full (all), probe (the head), lora-RANK, lora-RANK-aALPHA,
    lora-RANK-aALPHA@LAYER+LAYER."""
    # An axis here.
    tuning: Suppress[str] = "full"

    @property
    def axes(self) -> Axes:
        """The grid."""
        return {
            "tokenizer": self.tokenizers,
            "species_set": self.species_sets or ("none",),
            "checkpoint": self.checkpoints,
            "tuning": self.tunings,
            "learning_rate": self.learning_rates,
            "seed": self.seeds,
        }


def main(options: BackboneOptions, console: Console) -> None:
    from dnasweep.workflows.sweep import run_sweep

    run_sweep("backbone-grid", options.axes, options, console)
