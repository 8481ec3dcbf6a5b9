"""Tasks with one class per row: the common part of two and several classes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dnasweep.errors import InputError
from dnasweep.tasks import metrics as names
from dnasweep.tasks.calls import DECISION_THRESHOLD, EVEN_THRESHOLD, call_classes, class_threshold
from dnasweep.tasks.influence import Floats
from dnasweep.tasks.metrics import auroc, classification_metrics
from dnasweep.tasks.objective import Held, Objective, Output, Targets, Thresholds, Validated, Value
from dnasweep.tasks.task import Task

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

CHANCE = 0.98
"""A collapsed model has at least this fraction of the loss of guessing by class frequency."""
CHANCE_AUROC = 0.6
"""A model with a higher AUROC has learned something, whatever its threshold."""


class ClassTask(Task):
    """Call the class of a sequence: cross-entropy of a softmax over the classes."""

    metric = names.MCC
    metrics = names.CLASS_METRICS
    tested = (names.MCC, names.AUROC)

    @property
    def uniform_loss(self) -> float:
        return math.log(self.num_outputs)

    def objective(
        self, targets: Targets, *, balanced: bool = False, smoothing: float = 0.0
    ) -> Objective:
        from dnasweep.tasks.losses import ClassLoss, balanced_weights

        return ClassLoss(
            balanced_weights(targets, self.num_outputs) if balanced else None, smoothing
        )

    def predictions(self, logits: Tensor) -> Tensor:
        return logits.softmax(-1)

    def check(self, targets: Targets, rows: str) -> None:
        if len(targets) and (targets.min() < 0 or targets.max() >= self.num_outputs):
            raise InputError(
                f"a label is {targets.min() if targets.min() < 0 else targets.max()}, but there are "
                f"{self.num_outputs} classes",
                remedy=f"Use labels from 0 to {self.num_outputs - 1} and leave out unlabelled rows.",
            )
        if len(np.unique(targets)) < 2:
            raise InputError(
                f"{rows} have only one class",
                remedy="Give rows of both classes, or another species set to train on.",
            )

    def measure(
        self, targets: Targets, predicted: Floats, thresholds: Thresholds
    ) -> dict[str, float]:
        return classification_metrics(targets, predicted, (*thresholds, 0.5)[0])

    def worst(self, targets: Targets) -> dict[str, float]:
        even = np.full((len(targets), self.num_outputs), 1 / self.num_outputs)
        return classification_metrics(targets, even, 0.5) | {
            names.VALIDATION_MCC: 0.0,
            names.VALIDATION_AUROC: 0.5,
        }

    def collapsed(self, targets: Targets, predicted: Floats, metrics: Mapping[str, float]) -> bool:
        return is_collapsed(targets, predicted, metrics[names.VALIDATION_LOSS])

    def finish(
        self, model: Any, objective: Objective, metrics: Mapping[str, float], validated: Validated
    ) -> None:
        # The threshold is stored with the weights, so the model predicts like the trial. Without
        # validation it is 1/2, whatever the threshold of the initial model.
        threshold = metrics.get(names.VALIDATION_THRESHOLD, EVEN_THRESHOLD)
        setattr(model.config, DECISION_THRESHOLD, float(threshold))
        if model.config.problem_type is not None:
            # This may come from the initial model.
            model.config.problem_type = None

    def call_threshold(self, config: Mapping[str, Any], target: int) -> float:
        return class_threshold(config, target, self.num_outputs)

    def measurable(self, targets: Targets) -> bool:
        return len(np.unique(targets)) > 1

    def testable(self, targets: Targets) -> bool:
        counts = [int(np.sum(targets == label)) for label in range(self.num_outputs)]
        return min(counts) >= 2 and sum(counts) == len(targets)

    def calls_one(self, scores: Floats, threshold: float | list[float]) -> bool:
        cut = threshold if isinstance(threshold, float) else EVEN_THRESHOLD
        return len(set(call_classes(self.predicted(scores), cut).tolist())) == 1

    def baseline(
        self, sequences: Sequence[str], targets: Targets, others: Sequence[str], held: Held = None
    ) -> Floats:
        # Imported here, as below, because scikit-learn imports slowly and jobs need only the task.
        from dnasweep.data.baseline import choose_baseline, kmer_baseline

        choice = None
        if held is not None:
            known = np.isin(held[1], targets)
            some = [one for one, there in zip(held[0], known, strict=True) if there]
            choice = choose_baseline(sequences, targets, some, held[1][known]).best
        found = kmer_baseline(list(sequences), targets, list(others), choice=choice)
        # A class without training rows has probability 0.
        missing = self.num_outputs - found.shape[1]
        return np.pad(found, ((0, 0), (0, missing))) if missing > 0 else found

    def called(
        self, predicted: Floats, config: Mapping[str, Any], target: int
    ) -> NDArray[np.bool_]:
        return self._calls(predicted, config) == target

    def table(self, predicted: Floats, config: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
        columns = {f"probability_{name}": predicted[:, i] for i, name in enumerate(self.names)}
        return columns | {"call": np.asarray(self.names)[self._calls(predicted, config)]}

    def summary(self, table: pd.DataFrame) -> list[str]:
        return [f"{number:,} {name}" for name, number in Counter(table["call"]).most_common()]

    def _calls(self, predicted: Floats, config: Mapping[str, Any]) -> NDArray[np.int64]:
        return call_classes(predicted, (*self.thresholds(config), EVEN_THRESHOLD)[0])

    def explained(self, logits: Tensor, output: Output, there: Tensor | None = None) -> Tensor:
        return class_output(logits.double(), output.target, output.value, output.against)


def class_output(logits: Tensor, target: int, value: Value, against: int | None = None) -> Tensor:
    """Return the explained output of mutually exclusive classes, (...,).

    Parameters
    ----------
    logits
        (..., classes).
    target
        Number of the class.
    value
        Quantity to explain.
    against
        Class to compare with; None: all others together.
    """
    import torch

    if against is not None:
        logits, target = torch.stack([logits[..., target], logits[..., against]], dim=-1), 0
    elif value == "logit":
        return logits[..., target]
    if value == "probability":
        return logits.softmax(-1)[..., target]
    others = torch.cat([logits[..., :target], logits[..., target + 1 :]], dim=-1)
    return logits[..., target] - others.logsumexp(-1)


def is_collapsed(labels: np.ndarray, probabilities: np.ndarray, loss: float) -> bool:
    """Return whether a classifier calls only one class and has learned only class frequencies.

    Parameters
    ----------
    labels
        Class numbers, shape (n,).
    probabilities
        (n, classes).
    loss
        Mean cross-entropy on these rows, in nats.
    """
    num_labels = probabilities.shape[1]
    if len(np.unique(labels)) < 2 or len(np.unique(probabilities.argmax(1))) > 1:
        return False
    frequency = np.bincount(labels, minlength=num_labels) / len(labels)
    seen = frequency[frequency > 0]
    chance = float(-(seen * np.log(seen)).sum())
    classes = [1] if num_labels == 2 else range(num_labels)
    ranked = np.mean([auroc(labels == c, probabilities[:, c]) for c in classes])
    return loss >= CHANCE * chance and bool(abs(ranked - 0.5) < CHANCE_AUROC - 0.5)
