"""How a classifier is trained on few rows of each class, as published."""

from __future__ import annotations

from typing import NamedTuple

SHOTS = (10, 50, 100, 500, 1000)
"""The numbers of rows of each class that GeneMask is judged by."""

MAX_OF_FEW = 100
"""Up to so many shots of a class, training is long and in small batches."""


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
