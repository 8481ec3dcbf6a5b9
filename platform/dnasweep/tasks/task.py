"""What a task is: all that depends on what is learned from the labels, in one place.

Rows have targets: class numbers (n,), or outputs (n, k); of bases class numbers (n, bases). A model has
one logit for each class or output, of a row or of each of its bases (:attr:`~dnasweep.tasks.facts.TaskFacts.head`);
:meth:`Task.predictions` makes of them what is told to users, (n, k). Other rooms hold a task
that :mod:`dnasweep.tasks.registry` finds by labels or by a model's settings, and do not ask which.
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
from dnasweep.tasks.objective import Objective, Targets, Thresholds, Validated

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor


class Task(TaskFacts, Explained):
    """What is learned from labels of one kind.

    Parameters
    ----------
    names
        Names of the classes or outputs, in the order of the logits.
    places
        Bins of a row that each has these outputs.
    """

    def __init__(self, names: Sequence[str], places: int = 1) -> None:
        self.names, self.places = tuple(names), places

    @property
    @abc.abstractmethod
    def uniform_loss(self) -> float:
        """Loss of a model that has learned nothing, by which one that diverges is known."""

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
            Whether classes have equal weight in total.
        smoothing
            Probability that targets spread evenly over all classes.
        """

    @abc.abstractmethod
    def predictions(self, logits: Tensor) -> Tensor:
        """Return what a trained model predicts, (rows, outputs)."""

    def width(self, targets: Targets) -> int:
        """Return how many numbers are predicted of each of these rows."""
        return self.num_outputs

    @abc.abstractmethod
    def check(self, targets: Targets, rows: str) -> None:
        """Raise `InputError` unless something can be learned from `rows`, as messages call them."""

    def choose(self, targets: Targets, predicted: Floats) -> Thresholds:
        """Return the thresholds of calls that are best on validation rows; empty where none is used."""
        return ()

    @property
    def even(self) -> Thresholds:
        """The thresholds where none were chosen."""
        return ()

    @abc.abstractmethod
    def measure(
        self,
        targets: Targets,
        predicted: Floats,
        thresholds: Thresholds,
        *,
        split: str = "validation",
    ) -> dict[str, float]:
        """Return the metrics by full name.

        Parameters
        ----------
        targets, predicted
            Targets and predictions of the rows; predictions have shape (n, outputs).
        thresholds
            Thresholds of the calls.
        split
            Split, used as prefix of the names.
        """

    @abc.abstractmethod
    def worst(self, targets: Targets) -> dict[str, float]:
        """Return finite validation metrics for a model that has diverged."""

    @abc.abstractmethod
    def collapsed(self, targets: Targets, predicted: Floats, metrics: Mapping[str, float]) -> bool:
        """Return whether a model has learned nothing from what stands in the rows.

        Parameters
        ----------
        targets, predicted, metrics
            Targets, predictions and metrics of the validation rows.
        """

    @abc.abstractmethod
    def finish(
        self, model: Any, objective: Objective, metrics: Mapping[str, float], validated: Validated
    ) -> None:
        """Write into a trained model what it needs to predict like the trial, in place.

        Parameters
        ----------
        model
            A classifier of transformers with its best weights.
        objective
            Training objective of the model.
        metrics
            Validation metrics; empty without validation.
        validated
            Validation that they were computed from.
        """

    def thresholds(self, config: Mapping[str, Any]) -> Thresholds:
        """Return the thresholds of calls that a model's `config.json` has; empty where none is used."""
        return ()

    def call_threshold(self, config: Mapping[str, Any], target: int) -> float:
        """Return the probability of the class or label of number `target` at which a model with this
        `config.json` begins to call it."""
        raise NotImplementedError(f"{self.name} calls nothing")

    def measurable(self, targets: Targets) -> bool:
        """Return whether metrics of these rows say anything."""
        return len(targets) > 1

    @abc.abstractmethod
    def testable(self, targets: Targets) -> bool:
        """Return whether there are rows enough to test a difference between two models."""

    @abc.abstractmethod
    def influence(
        self, metric: str, targets: Targets, scores: Floats, thresholds: Floats
    ) -> Measured:
        """Return a metric of each training, and how far each row moves it.

        Parameters
        ----------
        metric
            One of `tested`.
        targets
            Targets of the rows.
        scores
            Scores of each training run, shape (trainings, n) or (trainings, n, outputs); see :meth:`scores`.
        thresholds
            (trainings,), or (trainings, outputs).
        """

    def scores(self, predicted: Floats) -> Floats:
        """Return predictions as they are stored and tested: (n,) where one number says all."""
        return predicted

    def predicted(self, scores: Floats) -> Floats:
        """Return the predictions, (n, outputs), that :meth:`scores` has stored."""
        return scores

    def packed(self, values: Floats) -> list[NDArray[Any]]:
        """Return predictions or scores as columns of a table, (n,) each, one for each output."""
        return list(np.atleast_2d(values.T))

    def unpacked(self, columns: Sequence[NDArray[Any]]) -> Floats:
        """Return the predictions, (n, outputs), that :meth:`packed` made columns of."""
        return np.column_stack(columns)

    def joined(self, parts: Sequence[Floats]) -> Floats:
        """Return predictions of several sets of rows as one."""
        return np.concatenate(parts)

    def calls_one(self, scores: Floats, threshold: float | list[float]) -> bool:
        """Return whether a model calls all rows the same class."""
        return False

    @abc.abstractmethod
    def baseline(
        self,
        sequences: Sequence[str],
        targets: Targets,
        others: Sequence[str],
        *,
        chosen_on: tuple[Sequence[str], Targets] | None = None,
    ) -> Floats:
        """Return what the k-mer baseline predicts, (others, outputs).

        Parameters
        ----------
        sequences, targets, others
            Training rows, and the sequences to predict.
        chosen_on
            Validation rows, by which the k-mers to count are chosen; None: the default.
        """

    @abc.abstractmethod
    def called(
        self, predicted: Floats, config: Mapping[str, Any], target: int
    ) -> NDArray[np.bool_]:
        """Return whether a model calls each row the class of number `target`, (rows,).

        Parameters
        ----------
        predicted, config
            As for :meth:`table`.
        target
            Number of the class.
        """

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
        """Return what a table of predictions holds, in words."""

    def by_output(
        self, targets: Targets, predicted: Floats, thresholds: Thresholds
    ) -> dict[str, dict[str, float]]:
        """Return metrics of each class or output by its name; empty where they say nothing more.

        Parameters
        ----------
        targets, predicted, thresholds
            As for :meth:`measure`.
        """
        return {}

    def decisive(self, metric: str) -> str:
        """Return the metric whose tests decide where models are compared by `metric`."""
        return metric if metric in self.tested else self.tested[-1]

    def kept(self, metric: str) -> str:
        """Return the metric that `--keep` means by mcc, auroc or loss."""
        return metric
