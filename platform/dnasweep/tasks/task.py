"""The interface of tasks: everything that depends on the kind of labels.

Rows have targets: class numbers (n,), outputs (n, k), or class numbers of bases (n, bases). A
model has one logit for each class or output, for a row or for each of its bases
(:attr:`~dnasweep.tasks.facts.TaskFacts.head`); :meth:`Task.predictions` converts logits to the
predictions shown to users, (n, k). Other packages get a task from :mod:`dnasweep.tasks.registry`,
by labels or by a model's settings, and do not depend on its kind.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dnasweep.tasks.explained import Explained
from dnasweep.tasks.facts import TaskFacts
from dnasweep.tasks.influence import Floats, Measured
from dnasweep.tasks.objective import Held, Objective, Targets, Thresholds, Validated

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor


class Task(TaskFacts, Explained):
    """Base class of tasks, one for each kind of labels.

    Parameters
    ----------
    names
        Names of the classes or outputs, in the order of the logits.
    places
        Number of bins in a row, each with these outputs.
    """

    def __init__(self, names: Sequence[str], places: int = 1) -> None:
        self.names, self.places = tuple(names), places

    @property
    @abc.abstractmethod
    def uniform_loss(self) -> float:
        """Loss of a model that has learned nothing, used to detect divergence."""

    @abc.abstractmethod
    def objective(
        self, targets: Targets, *, balanced: bool = False, smoothing: float = 0.0
    ) -> Objective:
        """Return the training loss.

        Parameters
        ----------
        targets
            Targets of the training rows.
        balanced
            Whether all classes have the same total weight.
        smoothing
            Probability mass that targets spread evenly over all classes.
        """

    @abc.abstractmethod
    def predictions(self, logits: Tensor) -> Tensor:
        """Return the predictions of a trained model, (rows, outputs)."""

    def check_model(self, model: Any) -> None:
        """Raise `InputError` if a transformers classifier cannot learn this kind of labels."""

    def width(self, targets: Targets) -> int:
        """Return how many numbers are predicted for each of these rows."""
        return self.num_outputs

    @abc.abstractmethod
    def check(self, targets: Targets, rows: str) -> None:
        """Raise `InputError` if nothing can be learned; messages call the rows `rows`."""

    def choose(self, targets: Targets, predicted: Floats) -> Thresholds:
        """Return the best thresholds of calls on validation rows; empty if none are used."""
        return ()

    @property
    def even(self) -> Thresholds:
        """The default thresholds, used if none were chosen."""
        return ()

    @abc.abstractmethod
    def measure(
        self, targets: Targets, predicted: Floats, thresholds: Thresholds
    ) -> dict[str, float]:
        """Return the metrics of rows by full name.

        Parameters
        ----------
        targets, predicted
            Targets and predictions of the rows; predictions have shape (n, outputs).
        thresholds
            Thresholds of the calls.
        """

    @abc.abstractmethod
    def worst(self, targets: Targets) -> dict[str, float]:
        """Return finite validation metrics for a model that has diverged."""

    @abc.abstractmethod
    def collapsed(self, targets: Targets, predicted: Floats, metrics: Mapping[str, float]) -> bool:
        """Return whether a model has learned nothing from the sequences.

        Parameters
        ----------
        targets, predicted, metrics
            Targets, predictions and metrics of the validation rows.
        """

    @abc.abstractmethod
    def finish(
        self, model: Any, objective: Objective, metrics: Mapping[str, float], validated: Validated
    ) -> None:
        """Store in a trained model all settings that it needs to predict like the trial, in place.

        Parameters
        ----------
        model
            A classifier of transformers with its best weights.
        objective
            Training objective of the model.
        metrics
            Validation metrics; empty without validation.
        validated
            Targets and predictions from which they were computed.
        """

    def thresholds(self, config: Mapping[str, Any]) -> Thresholds:
        """Return the thresholds of calls in a model's `config.json`; empty if none are used."""
        return ()

    def call_threshold(self, config: Mapping[str, Any], target: int) -> float:
        """Return the smallest probability at which a model with this `config.json` calls the class
        or label with number `target`."""
        raise NotImplementedError(f"{self.name} calls nothing")

    def measurable(self, targets: Targets) -> bool:
        """Return whether metrics of these rows are informative."""
        return len(targets) > 1

    @abc.abstractmethod
    def testable(self, targets: Targets) -> bool:
        """Return whether there are enough rows to test a difference between two models."""

    @abc.abstractmethod
    def influence(
        self, metric: str, targets: Targets, scores: Floats, thresholds: Floats
    ) -> Measured:
        """Return a metric of each training run, and the influence of each row on it.

        Parameters
        ----------
        metric
            One of `tested`.
        targets
            Targets of the rows.
        scores
            Scores of each training run, shape (runs, n) or (runs, n, outputs); see :meth:`scores`.
        thresholds
            Thresholds of the calls, (runs,) or (runs, outputs).
        """

    def scores(self, predicted: Floats) -> Floats:
        """Return predictions as stored and tested: (n,) if one number is sufficient."""
        return predicted

    def predicted(self, scores: Floats) -> Floats:
        """Return the predictions, (n, outputs), from the result of :meth:`scores`."""
        return scores

    def packed(self, values: Floats) -> list[NDArray[Any]]:
        """Return predictions or scores as columns of a table, (n,) each, one for each output."""
        return list(np.atleast_2d(values.T))

    def unpacked(self, columns: Sequence[NDArray[Any]]) -> Floats:
        """Return the predictions, (n, outputs), from the columns of :meth:`packed`."""
        return np.column_stack(columns)

    def joined(self, parts: Sequence[Floats]) -> Floats:
        """Return the concatenated predictions of several sets of rows."""
        return np.concatenate(parts)

    def calls_one(self, scores: Floats, threshold: float | list[float]) -> bool:
        """Return whether a model calls all rows the same class."""
        return False

    @abc.abstractmethod
    def baseline(
        self, sequences: Sequence[str], targets: Targets, others: Sequence[str], held: Held = None
    ) -> Floats:
        """Return the predictions of the k-mer baseline, (others, outputs).

        Parameters
        ----------
        sequences, targets, others
            Training rows, and the sequences to predict.
        held
            Validation rows for choosing the k-mers to count; None: the default k-mers.
        """

    def called(
        self, predicted: Floats, config: Mapping[str, Any], target: int
    ) -> NDArray[np.bool_]:
        """Return whether a model calls class number `target` for each row, (rows,); always, if it
        calls nothing.

        Parameters
        ----------
        predicted, config
            As for :meth:`table`.
        target
            Number of the class.
        """
        return np.ones(len(predicted), dtype=bool)

    @abc.abstractmethod
    def table(self, predicted: Floats, config: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
        """Return the columns of a table of predictions.

        Parameters
        ----------
        predicted
            (rows, outputs).
        config
            Contents of the model's `config.json`.
        """

    @abc.abstractmethod
    def summary(self, table: pd.DataFrame) -> list[str]:
        """Return a summary of a table of predictions, in words."""

    def by_output(
        self, targets: Targets, predicted: Floats, thresholds: Thresholds
    ) -> dict[str, dict[str, float]]:
        """Return metrics by name of class or output; empty for tasks with only one.

        Parameters
        ----------
        targets, predicted, thresholds
            As for :meth:`measure`.
        """
        return {}

    def decisive(self, metric: str) -> str:
        """Return the metric whose tests are decisive if models are compared by `metric`."""
        return metric if metric in self.tested else self.tested[-1]

    def kept(self, metric: str) -> str:
        """Return the metric that the values mcc, auroc and loss of `--keep` mean for the task."""
        return metric
