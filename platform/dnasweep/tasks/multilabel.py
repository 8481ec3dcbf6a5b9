"""Multilabel tasks: a row may have any number of labels, each called at its own threshold."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dnasweep.data.decision_threshold import best_threshold
from dnasweep.errors import InputError
from dnasweep.tasks import metrics as names
from dnasweep.tasks.calls import DECISION_THRESHOLDS, EVEN_THRESHOLD, decision_thresholds
from dnasweep.tasks.influence import Floats, Measured, auroc_influence, mcc_influence, mean_of
from dnasweep.tasks.metrics import classification_metrics
from dnasweep.tasks.objective import Held, Objective, Output, Targets, Thresholds, Validated
from dnasweep.tasks.task import Task

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

_CHOOSING = 4
"""Maximum number of labels used for choosing the k-mers of the baseline."""
FLAT = 0.01
"""Standard deviation of all probabilities below which predictions are considered equal."""


class Multilabel(Task):
    """Several labels per row, with a sigmoid for each. Metrics are means over the labels."""

    name = "multilabel"
    hub_name = "text-classification"
    metric = names.MCC
    metrics = names.CLASS_METRICS
    tested = (names.MCC, names.AUROC)
    has_classes = False
    has_weights = False
    least_outputs = 1
    collapse = "every label has the same probability in all validation rows"

    @property
    def uniform_loss(self) -> float:
        return math.log(2)

    def objective(
        self, targets: Targets, *, balanced: bool = False, smoothing: float = 0.0
    ) -> Objective:
        from dnasweep.tasks.losses import LabelLoss

        if balanced or smoothing:
            raise InputError(
                "class weights and label smoothing are for rows of one class",
                remedy="Leave them out.",
            )
        return LabelLoss()

    def predictions(self, logits: Tensor) -> Tensor:
        return logits.sigmoid()

    def check(self, targets: Targets, rows: str) -> None:
        if not np.isin(targets, (0, 1)).all():
            raise InputError(
                f"{rows} have labels other than 0 and 1",
                remedy="Write 0 and 1, or names of labels.",
            )
        same = [n for n, column in zip(self.names, targets.T, strict=True) if np.ptp(column) == 0]
        if same:
            raise InputError(
                f"{rows} all have, or all lack, the label(s) {', '.join(same)}",
                remedy="Give rows with and without them, or another species set to train on.",
            )

    @property
    def even(self) -> Thresholds:
        return (EVEN_THRESHOLD,) * self.num_outputs

    def choose(self, targets: Targets, predicted: Floats) -> Thresholds:
        return tuple(
            best_threshold(targets[:, one], predicted[:, one]) for one in range(self.num_outputs)
        )

    def measure(
        self, targets: Targets, predicted: Floats, thresholds: Thresholds
    ) -> dict[str, float]:
        each = self._each(targets, predicted, thresholds or self.even)
        return {
            key: float(np.mean([one[key] for one in each]))
            for key in each[0]
            if key != names.VALIDATION_THRESHOLD
        }

    def worst(self, targets: Targets) -> dict[str, float]:
        even = np.full(targets.shape, 0.5)
        return self.measure(targets, even, self.even) | {
            names.VALIDATION_MCC: 0.0,
            names.VALIDATION_AUROC: 0.5,
        }

    def collapsed(self, targets: Targets, predicted: Floats, metrics: Mapping[str, float]) -> bool:
        return (
            bool((predicted.std(axis=0) < FLAT).all())
            and abs(metrics[names.VALIDATION_AUROC] - 0.5) < 0.1
        )

    def finish(
        self, model: Any, objective: Objective, metrics: Mapping[str, float], validated: Validated
    ) -> None:
        model.config.problem_type = "multi_label_classification"
        chosen = self.even if validated is None else self.choose(*validated)
        setattr(model.config, DECISION_THRESHOLDS, list(chosen))

    def thresholds(self, config: Mapping[str, Any]) -> Thresholds:
        return decision_thresholds(config, self.num_outputs)

    def call_threshold(self, config: Mapping[str, Any], target: int) -> float:
        return self.thresholds(config)[target]

    def measurable(self, targets: Targets) -> bool:
        return len(targets) > 1 and bool((np.ptp(targets, axis=0) > 0).all())

    def testable(self, targets: Targets) -> bool:
        present = targets.sum(axis=0)
        return bool((np.minimum(present, len(targets) - present) >= 2).all())

    def influence(
        self, metric: str, targets: Targets, scores: Floats, thresholds: Floats
    ) -> Measured:
        parts = []
        for one in range(self.num_outputs):
            actual, found = targets[:, one].astype(int), scores[:, :, one]
            if metric == names.AUROC:
                parts.append(auroc_influence(actual, found))
            else:
                parts.append(mcc_influence(actual, found >= thresholds[:, one, None]))
        return mean_of(parts)

    def baseline(
        self, sequences: Sequence[str], targets: Targets, others: Sequence[str], held: Held = None
    ) -> Floats:
        from dnasweep.data.baseline import choose_baseline, kmer_baseline
        from dnasweep.data.learners import SeveralLabels

        chosen = None
        if held is not None:
            known = held[1]
            # All labels share the same k-mers, chosen by a few labels with both values in both
            # splits.
            varies = [
                one
                for one in range(targets.shape[1])
                if min(len(np.unique(part[:, one])) for part in (targets, known)) > 1
            ][:_CHOOSING]
            if varies:
                chosen = choose_baseline(
                    sequences, targets[:, varies], held[0], known[:, varies], kind=SeveralLabels
                ).best
        return kmer_baseline(sequences, targets, others, choice=chosen, kind=SeveralLabels)

    def explained(self, logits: Tensor, output: Output, there: Tensor | None = None) -> Tensor:
        exact = logits.double()
        own = exact[:, output.target]
        found = own if output.against is None else own - exact[:, output.against]
        return found.sigmoid() if output.value == "probability" else found

    def called(
        self, predicted: Floats, config: Mapping[str, Any], target: int
    ) -> NDArray[np.bool_]:
        return np.asarray(predicted[:, target] >= self.thresholds(config)[target])

    def table(self, predicted: Floats, config: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
        columns = {f"probability_{name}": predicted[:, i] for i, name in enumerate(self.names)}
        called = predicted >= np.array(self.thresholds(config))
        calls = [";".join(np.array(self.names)[row]) or "none" for row in called]
        return columns | {"call": np.array(calls, dtype=object)}

    def summary(self, table: pd.DataFrame) -> list[str]:
        calls = [set(one.split(";")) for one in table["call"]]
        return [f"{sum(name in one for one in calls):,} {name}" for name in self.names]

    def by_output(
        self, targets: Targets, predicted: Floats, thresholds: Thresholds
    ) -> dict[str, dict[str, float]]:
        each = self._each(targets, predicted, thresholds or self.even)
        return {
            name: {"rows": float(targets[:, i].sum())}
            | {key.rsplit("/")[-1]: value for key, value in each[i].items()}
            for i, name in enumerate(self.names)
        }

    def _each(
        self, targets: Targets, predicted: Floats, thresholds: Thresholds
    ) -> list[dict[str, float]]:
        """Return the metrics of each label."""
        return [
            classification_metrics(targets[:, i].astype(int), predicted[:, i], thresholds[i])
            for i in range(self.num_outputs)
        ]
