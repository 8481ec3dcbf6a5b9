"""Optimizer, batches, budget and seed of a training run; also the published few-shot settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from dnasweep.config.keys import require
from dnasweep.config.ranges import Amount, Bases, Between, Config, Count, NotAll, Positive

SHOTS = (10, 50, 100, 500, 1000)
"""Numbers of training rows per class in the experiments of GeneMask."""

MAX_OF_FEW = 100
"""Up to this many shots per class, training uses more epochs and smaller batches."""


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig(Config):
    """AdamW with linear warm-up and decay."""

    learning_rate: Between = 5e-4
    """Peak learning rate."""
    weight_decay: Amount = 0.01
    """Decoupled weight decay, on matrices only."""
    beta1: float = 0.9
    """Decay of the first moment."""
    beta2: float = 0.98
    """Decay of the second moment."""
    epsilon: float = 1e-6
    """Epsilon, added to the square root of the second moment."""
    warmup: NotAll = 0.06
    """Fraction of all steps with a rising learning rate."""
    clip: Positive = 1.0
    """Maximum norm of the gradient, beyond which it is clipped."""


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(Config):
    """Budget, batches and evaluations of a training run; pretraining and fine-tuning have one each."""

    bases: Bases = 1_000_000
    """Budget in bases seen; training stops at the first step that reaches it."""
    batch_size: Count = 64
    """Sequences per optimizer step, over all workers together."""
    micro_batch_size: Count = 64
    """Sequences per forward pass. Every step is divided into micro-batches of this size for any
    number of workers, so results do not depend on that number. At most batch_size /
    micro_batch_size workers can share a step."""
    evaluations: Count = 5
    """Number of evaluations on validation, spread evenly over the budget, the last one at the end."""
    dropout: NotAll = 0.0
    """Dropout probability in the encoder and the head."""
    seed: int = 0
    """Seed of initialisation, data order, masking and dropout."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Precision of the forward and backward pass; weights stay fp32."""
    compile: bool = field(default=False, metadata={"keyed": "changed"})
    """Compile the forward and backward pass with torch.compile."""
    unpadding: bool = True
    """Compute only the real tokens of batches with much padding; no effect if compiled."""
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    """The optimizer and its schedule."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.batch_size % self.micro_batch_size == 0,
            "micro_batch_size",
            self.micro_batch_size,
            f"It must divide the batch size {self.batch_size}.",
        )


class ShotTraining(NamedTuple):
    """Epochs, batch size and learning rate for training on few rows."""

    epochs: float
    """Passes over the rows."""
    batch_size: int
    """Sequences per optimizer step."""
    learning_rate: float
    """Peak learning rate."""


FEW = ShotTraining(epochs=20, batch_size=5, learning_rate=1e-4)
MORE = ShotTraining(epochs=5, batch_size=15, learning_rate=5e-5)


def published_training(shots: int) -> ShotTraining:
    """Return the settings of GeneMask for training on a number of rows per class.

    Roy et al. 2023, script B of their supplement: one setting for 10, 50 and 100 shots, another for 500 and
    1000. Numbers in between are trained like 500.

    Examples
    --------
    >>> published_training(10)
    ShotTraining(epochs=20, batch_size=5, learning_rate=0.0001)
    """
    return FEW if shots <= MAX_OF_FEW else MORE
