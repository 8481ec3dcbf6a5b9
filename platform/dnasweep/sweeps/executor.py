"""What computes a sweep: the protocol that Ray and the process of the caller both follow.

A sweep runs in phases: tokenizing, counting k-mers, pretraining, fine-tuning, evaluating on test. An
executor computes what is missing of a phase. It decides where and how many at once, never what: the
stages are the same functions of the same specifications, so every executor publishes equal results.
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
    # Trials import this module, and should not have to import what only the driver needs.
    from dnasweep.sweeps.request import Sweep


@dataclass(frozen=True, kw_only=True)
class TrialEvent:
    """An event of a trial, as the driver receives it."""

    cell: Cell
    """The combination."""
    point: Evaluated | None = None
    """One evaluation, while it runs."""
    finished: bool = False
    """Whether it has finished."""
    failed: bool = False
    """Whether it has failed; the reason is known once all trials have ended."""


class TrialFailure(NamedTuple):
    """Why a trial failed."""

    error: BaseException
    """What it raised."""
    text: str
    """The same for a table or a tag."""


OnEvent = Callable[[TrialEvent], None]
Failures = Mapping[Cell, TrialFailure]


class Phase(Protocol):
    """A phase that is running. Each method returns when all of its stages are published.

    What a stage raises because of bad input is raised; of trials it is returned.
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
        """Publish what specifications describe.

        Parameters
        ----------
        stage
            Function of the package that publishes one of them in a storage, or finds it published.
        specs
            The specifications.
        done
            Called with each item once it is stored.
        on_device
            Whether each has the CPUs and GPUs of a trial, instead of one CPU.
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
            Called with each item once it is stored.
        """

    def train_trials(
        self, cells: Sequence[Cell], *, on_event: OnEvent, rungs: Rungs | None
    ) -> Failures:
        """Train cells in their order, and stop those that fall behind at `rungs`.

        Parameters
        ----------
        cells
            Cells to train.
        on_event
            Called with every start, evaluation and end of a trial.
        rungs
            Decides which trials to stop; None: none.
        """

    def search_trials(
        self, study: Any, num_samples: int, *, on_event: OnEvent, rungs: Rungs | None
    ) -> Failures:
        """Train so many cells that an Optuna study proposes, one after the other.

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
    """Returns the arithmetic that `--precision auto` means there."""

    @classmethod
    def open(cls, sweep: Sweep, tracking_uri: str) -> AbstractContextManager[Executor]:
        """Give an executor of a sweep, for the block; nothing is started before its first phase.

        Raises
        ------
        InputError
            If it cannot do what the options of the sweep ask for.
        """

    def phase(self, title: str, number: int) -> AbstractContextManager[Phase]:
        """Run a phase of so many stages, and show its progress under a title."""


def train_reporting(
    spec: ClassifierSpec,
    train: Callable[..., StageOutcome],
    *,
    metric: str,
    report: Callable[[Evaluated], Any],
) -> None:
    """Train a trial and report every evaluation, with the best value so far.

    Parameters
    ----------
    spec
        Specification of the trial.
    train
        Trains it and calls the function `on_evaluation` with each evaluation.
    metric
        Full name of the metric that trials are compared by.
    report
        Called with each evaluation. A trial that was published before, or was begun by a driver that
        was killed, reports its whole history again.
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
