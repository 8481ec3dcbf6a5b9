"""A class for each base of a sequence, such as splice donor, splice acceptor or background."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dnasweep.data.base_labels import runs
from dnasweep.data.labels import background_of
from dnasweep.errors import InputError
from dnasweep.tasks import metrics as names
from dnasweep.tasks.allele_scores import (
    AlleleOutputs,
    Columns,
    Scores,
    class_columns,
    class_scores,
)
from dnasweep.tasks.base_metrics import (
    Bases,
    base_metrics,
    bases_of,
    by_row,
    class_metrics,
    precision_influence,
)
from dnasweep.tasks.classes import class_output, is_collapsed
from dnasweep.tasks.influence import Floats, Measured, classes_mcc_influence, mean_of
from dnasweep.tasks.objective import Held, Objective, Output, Targets, Thresholds, Validated, Value
from dnasweep.tasks.task import Task

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

FEWEST = 8
"""Minimum number of rows for testing a difference between two models."""
FLAT = 0.1
"""Standard deviation of the probabilities of a class relative to their mean, below which
predictions are considered equal."""
NO_CALL = "none"
"""Table entry for a class that is not called at any base of a row."""


class Token(Task):
    """Call the class of every base: softmax cross-entropy; the most probable class is called.

    Targets are class numbers, (rows, bases), -1 beyond the end of a row, and predictions are
    (rows, bases x classes), 0 there. Means over classes exclude the background.
    """

    name = "token"
    hub_name = "token-classification"
    metric = names.AUPRC
    # MCC is reported and tested, but models are not selected by it: few bases have a class, so it
    # changes in large steps.
    metrics = (names.LOSS, names.MACRO_F1, names.AUPRC, names.TOP_K)
    tested = (names.AUPRC, names.MCC)
    output_name = "class of bases"
    predicts = "calls the class of every base, one of"
    baseline_name = "logistic regression on the bases around"
    has_classes = False
    has_weights = True
    has_calls = False
    head = "bases"
    reads_other_strand = False
    reads_windows = False
    place = "base"
    stranded = True
    scan_threshold = 0.5
    collapse = "every base has about the same probabilities, and the loss is that of guessing"

    @property
    def wanted(self) -> list[int]:
        """Numbers of the classes except the background."""
        rest = background_of(self.names)
        return [i for i, name in enumerate(self.names) if name != rest]

    @property
    def usual_target(self) -> int | None:
        return self.wanted[0] if len(self.wanted) == 1 else None

    @property
    def uniform_loss(self) -> float:
        return math.log(self.num_outputs)

    def objective(
        self, targets: Targets, *, balanced: bool = False, smoothing: float = 0.0
    ) -> Objective:
        from dnasweep.tasks.losses import BaseLoss, ClassLoss, balanced_weights

        known = targets[targets >= 0]
        weights = balanced_weights(known, self.num_outputs) if balanced else None
        return BaseLoss(ClassLoss(weights, smoothing))

    def predictions(self, logits: Tensor) -> Tensor:
        return logits.softmax(-1)

    def width(self, targets: Targets) -> int:
        return targets.shape[1] * self.num_outputs

    def check(self, targets: Targets, rows: str) -> None:
        if len(np.unique(targets[targets >= 0])) < 2:
            raise InputError(
                f"the bases of {rows} have only one class",
                remedy="Give rows with bases of every class, or another species set to train on.",
            )

    def measure(
        self, targets: Targets, predicted: Floats, thresholds: Thresholds
    ) -> dict[str, float]:
        return base_metrics(self._bases(targets, predicted), self.wanted)

    def worst(self, targets: Targets) -> dict[str, float]:
        even = np.full((len(targets), self.width(targets)), 1 / self.num_outputs)
        return self.measure(targets, even, ()) | {names.VALIDATION_MCC: 0.0}

    def collapsed(self, targets: Targets, predicted: Floats, metrics: Mapping[str, float]) -> bool:
        bases = self._bases(targets, predicted)
        # Every model of rare classes initially calls all bases background. A collapsed one
        # predicts the same probabilities for every base.
        of_wanted = bases.probabilities[:, self.wanted]
        if (of_wanted.std(axis=0) > FLAT * of_wanted.mean(axis=0)).any():
            return False
        return is_collapsed(bases.classes, bases.probabilities, metrics[names.VALIDATION_LOSS])

    def finish(
        self, model: Any, objective: Objective, metrics: Mapping[str, float], validated: Validated
    ) -> None:
        model.config.problem_type = None

    def measurable(self, targets: Targets) -> bool:
        return len(targets) > 1 and set(self.wanted) <= set(np.unique(targets).tolist())

    def testable(self, targets: Targets) -> bool:
        having = [int((targets == one).any(axis=1).sum()) for one in self.wanted]
        return len(targets) >= FEWEST and min(having) >= 2

    def influence(
        self, metric: str, targets: Targets, scores: Floats, thresholds: Floats
    ) -> Measured:
        each = [self._bases(targets, one) for one in scores]
        num = len(targets)
        if metric == names.MCC:
            calls = np.stack([one.probabilities.argmax(axis=1) for one in each])
            found = classes_mcc_influence(each[0].classes, calls, self.num_outputs)
            # The influence of bases is given divided by approximately their number.
            size = calls.shape[1]
            of_bases = found.influence * np.sqrt(size * (size - 1))
            return by_row(found.values, of_bases, each[0].rows, num)
        parts = []
        for one in self.wanted:
            positive = each[0].classes == one
            pairs = [precision_influence(positive, x.probabilities[:, one]) for x in each]
            values = np.array([value for value, _ in pairs])
            parts.append(by_row(values, np.stack([i for _, i in pairs]), each[0].rows, num))
        return mean_of(parts)

    def kept(self, metric: str) -> str:
        return names.LOSS if metric == names.LOSS else names.AUPRC

    def calls_one(self, scores: Floats, threshold: float | list[float]) -> bool:
        return len(set(self._calls(scores)[1].tolist())) == 1

    def baseline(
        self, sequences: Sequence[str], targets: Targets, others: Sequence[str], held: Held = None
    ) -> Floats:
        from dnasweep.data.base_baseline import base_baseline

        return base_baseline(
            sequences,
            targets,
            others,
            num_classes=self.num_outputs,
            wanted=self.wanted,
            chosen_on=held,
        )

    def scores(self, predicted: Floats) -> Floats:
        # Scores are rounded as in storage, so new and stored scores give the same metrics.
        return predicted.astype(np.float32).astype(np.float64)

    def packed(self, values: Floats) -> list[NDArray[Any]]:
        known, _ = self._calls(values)
        lengths = known.sum(axis=1).tolist()
        found = values.reshape(*known.shape, self.num_outputs).astype(np.float32)
        columns = []
        for one in range(self.num_outputs):
            column = np.empty(len(values), dtype=object)
            column[:] = [found[row, :length, one] for row, length in enumerate(lengths)]
            columns.append(column)
        return columns

    def unpacked(self, columns: Sequence[NDArray[Any]]) -> Floats:
        lengths = [len(cell) for cell in columns[0]]
        found = np.zeros((len(lengths), max(lengths, default=0), self.num_outputs))
        for one, column in enumerate(columns):
            for row, cell in enumerate(column):
                found[row, : len(cell), one] = cell
        return found.reshape(len(lengths), -1)

    def joined(self, parts: Sequence[Floats]) -> Floats:
        widest = max(part.shape[1] for part in parts)
        return np.concatenate(
            [np.pad(part, ((0, 0), (0, widest - part.shape[1]))) for part in parts]
        )

    def explained(self, logits: Tensor, output: Output, there: Tensor | None = None) -> Tensor:
        exact, against = logits.double(), output.against
        if output.place is not None:
            return class_output(exact[:, output.place], output.target, output.value, against)
        from dnasweep.tasks.any_base import any_base

        found = any_base(class_output(exact, output.target, "log_odds"), there)
        if against is not None:
            found = found - any_base(class_output(exact, against, "log_odds"), there)
        return found.sigmoid() if output.value == "probability" else found

    def value(self, value: Value, place: int | None = None) -> Value:
        if value == "logit" and place is None:
            raise InputError(
                "the model has logits of bases, and no one logit of a sequence",
                remedy="Name a base, such as --target donor@120, or leave --value out.",
            )
        return value

    def allele_columns(self, names: Sequence[str]) -> Columns:
        return class_columns(names)

    def allele_scores(self, names: Mapping[int, str], strands: Sequence[AlleleOutputs]) -> Scores:
        return class_scores(names, strands)

    def called(
        self, predicted: Floats, config: Mapping[str, Any], target: int
    ) -> NDArray[np.bool_]:
        known, calls = self._calls(predicted)
        found = np.zeros(known.shape, dtype=bool)
        found[known] = calls == target
        return np.asarray(found.any(axis=1))

    def table(self, predicted: Floats, config: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
        known, calls = self._calls(predicted)
        rows = np.split(calls, np.cumsum(known.sum(axis=1))[:-1])
        columns: dict[str, NDArray[Any]] = {
            f"bases_{self.names[one]}": intervals_of(rows, one) for one in self.wanted
        }
        packed = self.packed(predicted)
        return columns | {f"probability_{self.names[one]}": packed[one] for one in self.wanted}

    def summary(self, table: pd.DataFrame) -> list[str]:
        counts: Counter[str] = Counter()
        for one in self.wanted:
            cells = table[f"bases_{self.names[one]}"]
            counts[self.names[one]] = int((cells[cells != NO_CALL].str.count(";") + 1).sum())
        return [f"{number:,} intervals of {name}" for name, number in counts.items()]

    def by_output(
        self, targets: Targets, predicted: Floats, thresholds: Thresholds
    ) -> dict[str, dict[str, float]]:
        bases = self._bases(targets, predicted)
        return {self.names[one]: class_metrics(bases, one) for one in self.wanted}

    def decisive(self, metric: str) -> str:
        return metric if metric in self.tested else names.AUPRC

    def _bases(self, targets: Targets, predicted: Floats) -> Bases:
        return bases_of(targets, predicted, self.num_outputs)

    def _calls(self, predicted: Floats) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Return which positions are bases, (rows, bases), and the called class of each base."""
        found = predicted.reshape(len(predicted), -1, self.num_outputs)
        known = np.asarray(found.any(axis=2))
        return known, found[known].argmax(axis=1)


def intervals_of(rows: Sequence[NDArray[np.int64]], number: int) -> NDArray[Any]:
    """Return the intervals of a class in each row, such as `4-6;9-10`: 0-based and half-open.

    Parameters
    ----------
    rows
        Class of each base of each row.
    number
        Number of the class.
    """
    cells = [
        ";".join(f"{start}-{end}" for start, end, one in runs(row) if one == number) or NO_CALL
        for row in rows
    ]
    return np.array(cells, dtype=object)
