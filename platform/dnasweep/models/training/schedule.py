"""The plan of a training run before its first step: rows, learning rates and evaluations."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from dnasweep.config import TrainingConfig
from dnasweep.errors import InputError
from dnasweep.tokens.corpus import epoch_plan


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """The plan of one training run, which depends only on the configuration and the rows.

    No field depends on the number of workers, so neither does the order of the data.
    """

    config: TrainingConfig
    """Budget, batch sizes, seed and optimizer."""
    lengths: np.ndarray = field(repr=False)
    """Number of tokens of each training row, (n,)."""
    bases: np.ndarray = field(repr=False)
    """Number of bases of each training row, (n,)."""

    def __post_init__(self) -> None:
        if len(self.lengths) == 0 or self.bases.sum() <= 0:
            raise InputError(
                "there is no training row",
                remedy="Check the splits, the labels and the species set.",
            )

    @functools.cached_property
    def steps_per_epoch(self) -> int:
        """Number of optimizer steps per pass over the rows; the last batch may be smaller."""
        return math.ceil(len(self.lengths) / self.config.batch_size)

    @functools.cached_property
    def total_steps(self) -> int:
        """Number of steps in the budget: whole epochs, then by mean bases per row."""
        epochs, rest = divmod(self.config.bases, int(self.bases.sum()))
        step_bases = float(self.bases.mean()) * self.config.batch_size
        steps = epochs * self.steps_per_epoch
        return max(1, steps + min(self.steps_per_epoch, math.ceil(rest / step_bases)))

    @functools.cached_property
    def evaluation_steps(self) -> tuple[int, ...]:
        """Numbers of steps after which to evaluate, equally spaced; the last is the last step."""
        wanted = self.config.evaluations
        points = {math.ceil(self.total_steps * (i + 1) / wanted) for i in range(wanted)}
        return tuple(sorted(points))

    def learning_rate(self, step: int) -> float:
        """Return the learning rate of step `step` (from 0), which rises, then falls to 0, linearly."""
        optimizer = self.config.optimizer
        warmup = min(round(optimizer.warmup * self.total_steps), self.total_steps - 1)
        if step < warmup:
            return optimizer.learning_rate * (step + 1) / warmup
        return optimizer.learning_rate * (self.total_steps - step) / (self.total_steps - warmup)

    def epoch(self, step: int) -> int:
        """Return the epoch, from 0, that step `step` belongs to."""
        return step // self.steps_per_epoch

    def micro_batches(self, step: int) -> list[np.ndarray]:
        """Return the micro-batches of step `step` as indices into the training rows."""
        batch = self._epoch_batches(self.epoch(step))[step % self.steps_per_epoch]
        size = self.config.micro_batch_size
        return [batch[i : i + size] for i in range(0, len(batch), size)]

    @functools.cached_property
    def _epoch_batches(self) -> Callable[[int], list[np.ndarray]]:
        """Function that returns the batches of an epoch."""
        plan = functools.partial(
            epoch_plan, self.lengths, batch_size=self.config.batch_size, seed=self.config.seed
        )
        # The previous epoch is kept because another thread may still be making batches of it.
        return functools.lru_cache(maxsize=2)(lambda epoch: plan(epoch=epoch))
