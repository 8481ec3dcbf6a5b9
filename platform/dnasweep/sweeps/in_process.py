"""Run a sweep in this process, one stage after another, without Ray.

This serves notebooks, tests and machines without Ray. Only the grid can be run: an Optuna search
and early stopping (ASHA) compare trials that run at the same time, which needs Ray.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from dnasweep.errors import InputError
from dnasweep.models.encoder.precision import ResolvePrecision, resolve_here
from dnasweep.stages.outcome import Listener, StageOutcome
from dnasweep.stages.recipe import Cell
from dnasweep.stages.specs import EncoderSpec
from dnasweep.storage import Storage
from dnasweep.sweeps.event_log import Evaluated
from dnasweep.sweeps.executor import (
    Executor,
    Failures,
    OnEvent,
    Phase,
    TrialEvent,
    TrialFailure,
    train_reporting,
)
from dnasweep.sweeps.progress import Display, StepTimer
from dnasweep.sweeps.request import Sweep
from dnasweep.sweeps.rungs import Rungs
from dnasweep.tasks.metrics import full_name


class InProcessPhase(Phase):
    """Runs the stages of a phase in this process, one after another.

    Parameters
    ----------
    sweep
        The sweep to run.
    display
        Progress display.
    """

    def __init__(self, sweep: Sweep, display: Display) -> None:
        self._sweep, self._storage, self.display = sweep, sweep.storage, display

    def compute(
        self,
        stage: Callable[[Storage, Any], Any],
        specs: Sequence[Any],
        *,
        done: Callable[[Any], None],
        on_device: bool = False,
    ) -> None:
        for spec in specs:
            stage(self._storage, spec)
            done(spec)

    def build_encoders(
        self,
        specs: Sequence[EncoderSpec],
        *,
        name: Callable[[EncoderSpec], str],
        done: Callable[[EncoderSpec], None],
    ) -> None:
        # Imported here, as below, because a sweep whose results are all published does not need
        # torch.
        from dnasweep.stages.encoder import pretrain

        for spec in specs:
            with self._timed(spec.key, name(spec)) as on_step:
                pretrain(self._storage, spec, listener=Listener(on_step=on_step))
            done(spec)

    def train_trials(
        self, cells: Sequence[Cell], *, on_event: OnEvent, rungs: Rungs | None
    ) -> Failures:
        failures = {}
        for cell in cells:
            on_event(TrialEvent(cell=cell))
            try:
                self._train(cell, on_event)
            except Exception as error:
                failures[cell] = TrialFailure(error, _describe(error))
                on_event(TrialEvent(cell=cell, failed=True))
            else:
                on_event(TrialEvent(cell=cell, finished=True))
        return failures

    def _train(self, cell: Cell, on_event: OnEvent) -> None:
        from dnasweep.stages.classifier import finetune

        spec = self._sweep.plan.spec(cell)

        def train(on_evaluation: Callable[[dict[str, Any]], None]) -> StageOutcome:
            with self._timed(spec.key, cell.label) as on_step:
                listener = Listener(on_evaluation=on_evaluation, on_step=on_step)
                return finetune(self._storage, spec, listener=listener)

        def report(point: Evaluated) -> None:
            on_event(TrialEvent(cell=cell, point=point))

        train_reporting(spec, train, metric=full_name(self._sweep.options.metric), report=report)

    @contextlib.contextmanager
    def _timed(self, key: str, text: str) -> Iterator[Callable[[int, int, float], None]]:
        """Show the steps of a training run during the block."""
        timer, stages = StepTimer(text), self.display.stages

        def step(done: int, total: int, bases: float) -> None:
            stages[key] = timer.progress(done, total, bases)

        try:
            yield step
        finally:
            stages.pop(key, None)

    def search_trials(
        self, study: Any, num_samples: int, *, on_event: OnEvent, rungs: Rungs | None
    ) -> Failures:
        # `InProcessExecutor.open` refuses a search before this point.
        raise NotImplementedError("a search needs Ray")


class InProcessExecutor(Executor):
    """Runs a sweep in this process.

    Parameters
    ----------
    sweep
        The sweep to run.
    """

    resolve_precision: ResolvePrecision = staticmethod(resolve_here)

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep

    @classmethod
    @contextlib.contextmanager
    def open(cls, sweep: Sweep, tracking_uri: str) -> Iterator[InProcessExecutor]:
        """Yield an executor of a sweep.

        Raises
        ------
        InputError
            If the sweep is a search, or trials are to be stopped early.
        """
        options = sweep.options
        if options.search != "grid" or options.asha:
            asked = "--asha" if options.search == "grid" else f"--search {options.search}"
            raise InputError(
                f"{asked} compares trials that run at the same time, but in this process they run one "
                "after the other",
                remedy="Leave it out to run the grid, or run the sweep on Ray.",
            )
        yield cls(sweep)

    @contextlib.contextmanager
    def phase(self, title: str, number: int) -> Iterator[InProcessPhase]:
        """Run a phase and show its progress."""
        with Display(self._sweep.console, title, number).running() as display:
            yield InProcessPhase(self._sweep, display)


def _describe(error: Exception) -> str:
    return str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
