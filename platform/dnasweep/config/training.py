"""How long, how fast and in which batches a model is trained."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from dnasweep.config.keys import require

SHOTS = (10, 50, 100, 500, 1000)
"""The numbers of rows of each class that GeneMask is judged by."""

MAX_OF_FEW = 100
"""Up to so many shots of a class, training is long and in small batches."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OptimizerConfig:
    """AdamW with linear warm-up and decay."""

    learning_rate: float = 5e-4
    """Peak learning rate."""
    weight_decay: float = 0.01
    """Decoupled weight decay, on matrices only."""
    beta1: float = 0.9
    """Decay of the first moment."""
    beta2: float = 0.98
    """Decay of the second moment."""
    epsilon: float = 1e-6
    """Added to the root of the second moment."""
    warmup: float = 0.06
    """Fraction of all steps with a rising learning rate."""
    clip: float = 1.0
    """Largest norm of the gradient."""

    def __post_init__(self) -> None:
        require(
            0 < self.learning_rate < 1, "learning_rate", self.learning_rate, "Use 0 < rate < 1."
        )
        require(0 <= self.warmup < 1, "warmup", self.warmup, "Use a fraction from 0 to below 1.")
        require(self.weight_decay >= 0, "weight_decay", self.weight_decay, "Use 0 or more.")
        require(self.clip > 0, "clip", self.clip, "Use a positive norm.")


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingConfig:
    """How long, in which batches and how often evaluated; the same for pretraining and fine-tuning."""

    bases: int = 1_000_000
    """Budget in bases seen; training stops at the first step that reaches it."""
    batch_size: int = 64
    """Sequences an optimizer step, over all workers together."""
    micro_batch_size: int = 64
    """Sequences a forward pass; a step is cut into these whatever the number of workers, so
    results do not depend on it. batch_size / micro_batch_size is the most workers that can share
    a step."""
    evaluations: int = 5
    """Evaluations over the whole budget, the last one at its end."""
    dropout: float = 0.0
    """Dropout probability in the encoder and the head."""
    seed: int = 0
    """Seeds initialisation, data order, masking and dropout."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Arithmetic of the forward and backward pass; weights stay fp32."""
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    """The optimizer and its schedule."""

    def __post_init__(self) -> None:
        for name in ("bases", "batch_size", "micro_batch_size", "evaluations"):
            require(getattr(self, name) >= 1, name, getattr(self, name), "Use at least 1.")
        require(
            self.batch_size % self.micro_batch_size == 0,
            "micro_batch_size",
            self.micro_batch_size,
            f"It must divide the batch size {self.batch_size}.",
        )
        known = ("fp32", "bf16")
        require(self.precision in known, "precision", self.precision, "Use fp32 or bf16.")
        require(0 <= self.dropout < 1, "dropout", self.dropout, "Use a probability below 1.")


class ShotTraining(NamedTuple):
    """Length, batches and learning rate of a training on few rows."""

    epochs: float
    """Passes over the rows."""
    batch_size: int
    """Sequences an optimizer step."""
    learning_rate: float
    """Peak learning rate."""


FEW = ShotTraining(epochs=20, batch_size=5, learning_rate=1e-4)
MORE = ShotTraining(epochs=5, batch_size=15, learning_rate=5e-5)


def published_training(shots: int) -> ShotTraining:
    """Return how GeneMask (Roy et al. 2023, its script B) trains on so many rows of each class.

    Published are 10, 50 and 100 shots with one setting, 500 and 1000 with another; numbers between
    are trained as 500.
    """
    return FEW if shots <= MAX_OF_FEW else MORE
