"""The one training loop, for pretraining and fine-tuning, for one worker and for many.

A step's rows, masks, dropout and learning rate are functions of the configuration and the step,
so a training run that was killed resumes from its last state and ends with the same numbers.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from dnasweep.config import TrainingConfig
from dnasweep.devices import is_accelerator, reset_peak_memory
from dnasweep.models.training.distributed import DistributedContext
from dnasweep.models.training.loop import Loop
from dnasweep.models.training.rows import Task
from dnasweep.models.training.train_state import Evaluation
from dnasweep.models.training.train_state_storage import StateStorage, open_state_storage
from dnasweep.storage import Bucket

__all__ = ["Evaluation", "TrainingResult", "train"]

Outcome = Literal["completed", "diverged", "collapsed", "stopped"]
OnEvaluation = Callable[[Evaluation], bool | None]
OnStep = Callable[[int, int, float, float], None]
SaveWhen = Callable[[], bool]

STEPS_BETWEEN_LOOKS = 16
"""Number of steps between checks of the loss on an accelerator, where every check must wait; on a
CPU, every step is checked."""


@dataclass(frozen=True, kw_only=True)
class TrainingResult:
    """The result of a training run."""

    model: Any
    """The given model with its best weights, in evaluation mode."""
    evaluations: list[Evaluation]
    """All evaluations in order; after divergence, the last one has the worst metrics."""
    best: Evaluation
    """The evaluation of the weights in `model`; after divergence, the one with the worst
    metrics."""
    outcome: Outcome
    """How training ended: at the end of its budget, early for a reason, or by a callback."""
    reason: str
    """Why training ended early; empty if completed."""
    device_seconds: float
    """Seconds of training and evaluation, multiplied by the number of workers, over all
    attempts."""
    peak_memory_bytes: int
    """Peak memory of any worker."""
    steps: int
    """Number of completed optimizer steps."""
    probabilities: np.ndarray | None
    """Validation class probabilities of the weights in `model`, (validation rows, classes)."""


class _Clock:
    """Seconds of work multiplied by the number of workers, excluding callbacks and saving."""

    def __init__(self, seconds: float, world_size: int) -> None:
        self._seconds, self._workers, self._since = seconds, world_size, time.perf_counter()

    def read(self) -> float:
        return self._seconds + (time.perf_counter() - self._since) * self._workers

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        self._seconds = self.read()
        try:
            yield
        finally:
            self._since = time.perf_counter()


def train(
    task: Task,
    model: Any,
    config: TrainingConfig,
    *,
    context: DistributedContext | None = None,
    state_dir: Path | Bucket | None = None,
    on_evaluation: OnEvaluation | None = None,
    on_step: OnStep | None = None,
    checkpoint_seconds: float = 60.0,
    save_when: SaveWhen | None = None,
) -> TrainingResult:
    """Train `model` on `task` and return it with its best weights.

    Numerical problems never raise an error: divergence and collapse are outcomes.

    Parameters
    ----------
    task
        Training task with its rows.
    model
        Model built by :mod:`dnasweep.models.architecture`, identical on all workers; changed in place.
    config
        Budget, batches, precision and optimizer.
    context
        Worker group and rank of this process; default: the initialised process group, or a single
        process. Every worker must call this function with the same arguments.
    state_dir
        Location of the state: a directory, or a folder of a bucket. If it has a state of the same
        training run, training resumes from there; a finished one returns immediately.
    on_evaluation
        Called after each evaluation on workers that were given this function; if it returns True
        on any of them, training stops with the outcome `stopped`. Evaluations of an earlier
        attempt are not reported again, except those that were not saved before the attempt was
        killed.
    on_step
        Called on worker 0 after each step with completed steps, total steps, bases seen and the
        last checked training loss (on a GPU up to 16 steps old).
    checkpoint_seconds
        Seconds between saved states; a state is also saved after every evaluation.
    save_when
        Called between steps on worker 0; a state is saved whenever it returns True.

    Returns
    -------
    TrainingResult
        The result, which is the same on every worker except for the model.

    Raises
    ------
    InputError
        If `state_dir` has the state of another training run, or a state cannot be written.
    """
    context = context or DistributedContext.current()
    loop = Loop(task, model, config, context)
    storage = None if state_dir is None else open_state_storage(state_dir)
    if storage is not None:
        loop.resume(storage)
    reset_peak_memory(context.device)
    clock = _Clock(loop.progress.device_seconds, context.world_size)
    stopped = False
    try:
        with _generators_given_back(context.device):
            stopped = _run(
                loop, clock, storage, on_evaluation, on_step, checkpoint_seconds, save_when
            )
    finally:
        loop.close()
        if storage is not None:
            storage.close()
    loop.restore_best()
    progress = loop.progress
    assert progress.best is not None
    return TrainingResult(
        model=model,
        evaluations=progress.evaluations,
        best=progress.evaluations[progress.best],
        outcome="stopped" if stopped else progress.outcome,  # type: ignore[arg-type]
        reason="asked to stop after an evaluation" if stopped else progress.reason,
        device_seconds=progress.device_seconds,
        peak_memory_bytes=progress.evaluations[-1].peak_memory_bytes,
        steps=progress.step,
        probabilities=None if loop.probabilities is None else loop.probabilities.numpy(),
    )


def _generators_given_back(device: torch.device) -> AbstractContextManager[None]:
    """Restore torch's random generators of the CPU and the device after the block."""
    if not is_accelerator(device):
        return torch.random.fork_rng(devices=[])
    current = torch.get_device_module(device).current_device()
    number = current if device.index is None else device.index
    return torch.random.fork_rng(devices=[number], device_type=device.type)


def _run(
    loop: Loop,
    clock: _Clock,
    storage: StateStorage | None,
    on_evaluation: OnEvaluation | None,
    on_step: OnStep | None,
    checkpoint_seconds: float,
    save_when: SaveWhen | None,
) -> bool:
    """Take the remaining steps; return whether a callback stopped them."""
    schedule, context = loop.schedule, loop.context
    evaluation_steps = frozenset(schedule.evaluation_steps)
    check_every = STEPS_BETWEEN_LOOKS if is_accelerator(context.device) else 1
    saved_at, loss = time.monotonic(), 0.0
    while not loop.progress.outcome:
        loop.train_step()
        done = loop.progress.step
        evaluating = done in evaluation_steps
        checking = evaluating or done % check_every == 0
        trouble = None
        if checking:
            loss, trouble = loop.check_losses()
        if on_step is not None and context.rank == 0:
            on_step(done, schedule.total_steps, loop.progress.bases_seen, loss)
        stop = False
        if evaluating or trouble:
            evaluation = _evaluate(loop, clock, trouble)
            with clock.paused():
                wants_stop = on_evaluation is not None and bool(on_evaluation(evaluation))
                # Every worker calls this, with or without a callback, because it is a collective
                # operation.
                stop = bool(context.largest(float(wants_stop)))
        overdue = checking and time.monotonic() - saved_at >= checkpoint_seconds
        if checking and save_when is not None and context.rank == 0:
            overdue |= save_when()
        if evaluating or trouble or overdue:
            loop.progress.device_seconds = clock.read()
            if storage is not None:
                with clock.paused():
                    loop.save(storage)
            saved_at = time.monotonic()
        if stop and not loop.progress.outcome:
            return True
    return False


def _evaluate(loop: Loop, clock: _Clock, trouble: str | None) -> Evaluation:
    """Evaluate; if this ends training, set the outcome in its progress."""
    task, progress = loop.task, loop.progress
    metrics: dict[str, float] = {}
    described = task.describe(loop.masking_progress(progress.step))
    if trouble is None:
        metrics = task.evaluate(loop.model, loop.context, loop.config.precision) | described
        bad = next((name for name, value in metrics.items() if not math.isfinite(value)), None)
        if bad is not None:
            trouble = f"{bad} became {metrics[bad]}"
    if trouble is not None:
        evaluation = loop.record(task.worst() | described, clock.read())
        progress.best = len(progress.evaluations) - 1
        progress.outcome, progress.reason = "diverged", f"{trouble} at step {progress.step}"
        loop.probabilities = None
        return evaluation
    evaluation = loop.record(metrics, clock.read())
    loop.keep_if_best()
    if reason := loop.guard.collapsed(task.collapsed(metrics), progress.step):
        progress.outcome, progress.reason = "collapsed", f"{reason} at step {progress.step}"
    elif progress.step >= loop.schedule.total_steps:
        progress.outcome = "completed"
    return evaluation
