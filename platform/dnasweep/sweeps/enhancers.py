"""The grid of DNABERT-Enhancer: 80 ways to fine-tune one encoder on enhancers."""

from __future__ import annotations

from dataclasses import dataclass

from tyro.conf import Suppress

from dnasweep.config.ranges import Amount, Between, Count, Few, NotAll, Seed
from dnasweep.sweeps.options import Axes, SweepOptions


@dataclass(frozen=True, kw_only=True)
class EnhancerOptions(SweepOptions):
    """Options of the enhancer grid."""

    crop: Count | None = 200
    """Cut every sequence to this many central bases (published: 200 and 350); shorter ones are bad
    rows."""
    tokenizers: tuple[str, ...] = ("kmer",)
    """kmer-K, kmer-K-overlap (published: kmer-6-overlap), kmer-K-stride-S, bpe-SIZE,
    wordpiece-SIZE, char."""
    species_sets: tuple[str, ...] = ("all",)
    """Encoders to start from, by what they are pretrained on: a species set, A-then-B for two
    stages, none for random initialisation."""
    learning_rates: tuple[Between, ...] = (3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6)
    """Peak learning rates of fine-tuning."""
    warmups: tuple[NotAll, ...] = (0.1, 0.2)
    """Fractions of fine-tuning steps with a rising learning rate."""
    weight_decays: tuple[Amount, ...] = (1e-4, 1e-3, 5e-3, 1e-2, 2e-2)
    """Weight decays."""
    seeds: tuple[Seed, ...] = (0,)
    """Seeds of fine-tuning."""
    evaluations: Few = 10
    """Evaluations on validation during fine-tuning; the best one is kept, and --asha looks at
    the third and the ninth, which come after the longest warm-up."""
    # Axes here.
    warmup: Suppress[NotAll] = 0.1
    weight_decay: Suppress[Amount] = 0.01

    @property
    def axes(self) -> Axes:
        """The grid."""
        return {
            "tokenizer": self.tokenizers,
            "species_set": self.species_sets,
            "learning_rate": self.learning_rates,
            "warmup": self.warmups,
            "weight_decay": self.weight_decays,
            "seed": self.seeds,
        }
