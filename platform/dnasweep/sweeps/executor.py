"""The protocol for computing a sweep, implemented on Ray and in the caller's process.

A sweep runs in phases: tokenizing, counting k-mers, pretraining, fine-tuning, evaluating on test.
An executor computes the missing results of a phase. It decides where stages run and how many at a
time, but never what they compute: the stages are the same functions of the same specifications, so
every executor publishes equal results.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from dnasweep.models.encoder.precision import ResolvePrecision
from dnasweep.stages.outcome import StageOutcome
from dnasweep.stages.recipe import Cell
from dnasweep.stages.specs import ClassifierSpec, EncoderSpec
from dnasweep.storage import Storage
from dnasweep.sweeps.event_log import Evaluated
from dnasweep.sweeps.progress import Display
from dnasweep.sweeps.rungs import Rungs
from dnasweep.tasks.metrics import direction

if TYPE_CHECKING:
    # Trials import this module, so modules that only the driver needs are not imported at run
    # time.
    from dnasweep.sweeps.request import Sweep


@dataclass(frozen=True, kw_only=True)
class TrialEvent:
    """An event of a trial, as the driver receives it."""

    cell: Cell
    """The combination."""
    point: Evaluated | None = None
    """One evaluation, while the trial runs."""
    finished: bool = False
    """Whether the trial has finished."""
    failed: bool = False
    """Whether the trial has failed; the reason is known once all trials have ended."""


class TrialFailure(NamedTuple):
    """Why a trial failed."""

    error: BaseException
    """The exception that it raised."""
    text: str
    """The error as text, for a table or a tag."""


OnEvent = Callable[[TrialEvent], None]
Failures = Mapping[Cell, TrialFailure]


class Phase(Protocol):
    """A phase that is running. Each method returns when all of its stages are published.

    Errors that stages raise because of bad input are raised; those of trials are returned.
    """

    display: Display
    """Shows the progress of the phase."""

    def compute(
        self,
        stage: Callable[[Storage, Any], Any],
        specs: Sequence[Any],
        *,
        done: Callable[[Any], None],
        on_device: bool = False,
    ) -> None:
        """Compute and publish the artefacts that specifications describe.

        Parameters
        ----------
        stage
            Function of the package that publishes the artefact of one specification in a storage,
            unless it is already published.
        specs
            The specifications.
        done
            Called with each specification once its artefact is stored.
        on_device
            Whether each stage uses the CPUs and GPUs of a trial instead of one CPU.
        """

    def build_encoders(
        self,
        specs: Sequence[EncoderSpec],
        *,
        name: Callable[[EncoderSpec], str],
        done: Callable[[EncoderSpec], None],
    ) -> None:
        """Pretrain encoders, parents before children.

        Parameters
        ----------
        specs
            Encoders, parents before children.
        name
            Returns the name of an encoder in the progress display.
        done
            Called with each specification once its artefact is stored.
        """

    def train_trials(
        self, cells: Sequence[Cell], *, on_event: OnEvent, rungs: Rungs | None
    ) -> Failures:
        """Train cells in the given order, and stop those that fall behind at `rungs`.

        Parameters
        ----------
        cells
            Cells to train.
        on_event
            Called with every start, evaluation and end of a trial.
        rungs
            Decides which trials to stop; None: all trials run to their end.
        """

    def search_trials(
        self, study: Any, num_samples: int, *, on_event: OnEvent, rungs: Rungs | None
    ) -> Failures:
        """Train the cells proposed by an Optuna study until the number of trials is reached.

        Parameters
        ----------
        study
            Optuna study that proposes cells.
        num_samples
            Number of trials to train.
        on_event, rungs
            As for :meth:`train_trials`.
        """


class Executor(Protocol):
    """Where a sweep is computed."""

    resolve_precision: ResolvePrecision
    """Returns the precision that `--precision auto` means for this executor."""

    @classmethod
    def open(cls, sweep: Sweep, tracking_uri: str) -> AbstractContextManager[Executor]:
        """Return a context manager with an executor; nothing starts before its first phase.

        Raises
        ------
        InputError
            If it cannot do what the options of the sweep ask for.
        """

    def phase(self, title: str, number: int) -> AbstractContextManager[Phase]:
        """Run a phase with the given number of stages, and show its progress under a title."""


def train_reporting(
    spec: ClassifierSpec,
    train: Callable[..., StageOutcome],
    *,
    metric: str,
    report: Callable[[Evaluated], Any],
) -> StageOutcome:
    """Train a trial, report every evaluation with the best value so far, and return its outcome.

    Parameters
    ----------
    spec
        Specification of the trial.
    train
        Trains the trial and calls the function `on_evaluation` with each evaluation.
    metric
        Full name of the metric that trials are compared by.
    report
        Called with each evaluation. A trial that was already published, or was started by a driver
        that was killed, reports its whole history again.
    """
    sign = 1.0 if direction(metric) == "max" else -1.0
    best: list[float] = []

    def evaluated(evaluation: dict[str, Any]) -> None:
        # Without validation there is nothing to compare by, so all trials get the same value.
        best.append(max([sign * evaluation["metrics"].get(metric, 0.0), *best[-1:]]))
        report(Evaluated.of(spec, sign * best[-1], evaluation))

    outcome = train(on_evaluation=evaluated)
    if len(best) < len(outcome.history):
        best.clear()
        for evaluation in outcome.history:
            evaluated(evaluation)
    return outcome
