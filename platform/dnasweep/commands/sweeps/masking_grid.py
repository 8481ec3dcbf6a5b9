"""Compare masking schemes of pretraining.

Pretrains one encoder for every masking scheme, tokenizer and species set, fine-tunes it for every
learning rate and seed, and reports like `dnasweep tokenizer-grid`. A scheme that does not fit a tokenizer
is refused before anything is trained.

    dnasweep masking-grid --tokenizers kmer-6-overlap
    dnasweep masking-grid --tokenizers kmer-6-overlap --maskings genemask@published genemask@pmi_n
"""

from dataclasses import dataclass

from rich.console import Console
from tyro.conf import Suppress

from dnasweep.sweeps.axes import Axes, SweepOptions


@dataclass(frozen=True, kw_only=True)
class MaskingOptions(SweepOptions):
    """Options of the comparison of masking schemes."""

    tokenizers: tuple[str, ...] = ("kmer-6-overlap",)
    """kmer-K, kmer-K-overlap, kmer-K-stride-S; with random masking only: bpe-SIZE, wordpiece-SIZE, char."""
    species_sets: tuple[str, ...] = ("all",)
    """Species sets to pretrain on."""
    maskings: tuple[str, ...] = ("span", "genemask", "global_pmi", "cm_step", "cm_gems")
    """random, span, genemask, global_pmi, cm_step, cm_gems; genemask@pmi_n also selects the PMI."""
    # An axis here.
    masking: Suppress[str] = "auto"

    @property
    def axes(self) -> Axes:
        """The grid."""
        return {
            "tokenizer": self.tokenizers,
            "species_set": self.species_sets,
            "masking": self.maskings,
            "learning_rate": self.learning_rates,
            "seed": self.seeds,
        }


def main(options: MaskingOptions, console: Console) -> None:
    from dnasweep.workflows.sweep import run_sweep

    run_sweep("masking-grid", options.axes, options, console)
