"""Signals along a sequence, such as coverage: bin means of one or several tracks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dnasweep.errors import InputError
from dnasweep.tasks import metrics as names
from dnasweep.tasks.allele_scores import (
    AlleleOutputs,
    Columns,
    Scores,
    signal_columns,
    signal_scores,
)
from dnasweep.tasks.influence import Floats, Measured, mean_of
from dnasweep.tasks.metrics import full_name
from dnasweep.tasks.objective import Held, Objective, Output, Targets, Thresholds, Validated, Value
from dnasweep.tasks.profile_metrics import (
    LEAST,
    deviance_by_row,
    deviances,
    pearson_by_row,
    profile_metrics,
    track_metrics,
)
from dnasweep.tasks.task import Task

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from dnasweep.tasks.losses import PoissonLoss

FEWEST = 8
"""Minimum number of rows for testing a difference between two models."""
FLAT = 0.01
"""Spread of predictions relative to that of the signal, below which predictions are considered
equal."""
CHANCE = 0.1
"""Correlation above which a model has learned something."""


class Profile(Task):
    """Predict non-negative signals: Poisson deviance with a logarithmic link.

    Targets and predictions are (rows, bins x tracks), with the tracks of a bin adjacent.
    """

    name = "profile"
    metric = names.PEARSON
    metrics = (names.PEARSON, names.ROW_PEARSON, names.DEVIANCE)
    tested = (names.PEARSON, names.DEVIANCE)
    output_name = "track"
    predicts = "predicts along the sequence, in bins,"
    baseline_name = "ridge regression on k-mers around each bin"
    has_classes = False
    has_weights = False
    has_calls = False
    least_outputs = 1
    head = "bases"
    reads_other_strand = False
    reads_windows = False
    unit = "unit of the track"
    place = "bin"
    explained_unit = "log signal (nats)"
    collapse = "all bins are predicted alike, whatever the sequence"

    @property
    def uniform_loss(self) -> float:
        # This is the loss of predicting the mean.
        return 1.0

    def objective(
        self, targets: Targets, *, balanced: bool = False, smoothing: float = 0.0
    ) -> PoissonLoss:
        from dnasweep.tasks.losses import PoissonLoss

        if balanced or smoothing:
            raise InputError(
                "class weights and label smoothing are for classes, and signals are learned",
                remedy="Leave them out.",
            )
        signal = self._by_track(targets).reshape(-1, self.num_outputs)
        mean = signal.mean(axis=0)
        return PoissonLoss(mean, deviances(signal, np.tile(mean, (len(signal), 1))).mean(axis=0))

    def predictions(self, logits: Tensor) -> Tensor:
        return logits.exp()

    def width(self, targets: Targets) -> int:
        return self.places * self.num_outputs

    def check(self, targets: Targets, rows: str) -> None:
        signal = self._by_track(targets)
        if not (np.isfinite(signal).all() and (signal >= 0).all()):
            raise InputError(f"{rows} have signals below 0, or none that are finite")
        flat = [
            n for i, n in enumerate(self.names) if not len(signal) or np.ptp(signal[..., i]) == 0
        ]
        if flat:
            raise InputError(
                f"the signal of {', '.join(flat)} is the same in all bins of {rows}",
                remedy="Give rows where it differs, or another species set to train on.",
            )

    def measure(
        self, targets: Targets, predicted: Floats, thresholds: Thresholds
    ) -> dict[str, float]:
        return profile_metrics(self._by_track(targets), self._by_track(predicted))

    def worst(self, targets: Targets) -> dict[str, float]:
        mean = self._by_track(targets).mean(axis=(0, 1))
        return self.measure(targets, np.tile(mean, (len(targets), self.places)), ())

    def collapsed(self, targets: Targets, predicted: Floats, metrics: Mapping[str, float]) -> bool:
        actual, found = (
            self._by_track(x).reshape(-1, self.num_outputs) for x in (targets, predicted)
        )
        flat = (found.std(axis=0) < FLAT * actual.std(axis=0)).all()
        return bool(flat) and abs(metrics[full_name(names.PEARSON)]) < CHANCE

    def finish(
        self, model: Any, objective: Objective, metrics: Mapping[str, float], validated: Validated
    ) -> None:
        model.config.problem_type = None
        objective.build_in(model)  # type: ignore[attr-defined]

    def measurable(self, targets: Targets) -> bool:
        signal = self._by_track(targets)
        return len(targets) > 1 and bool((np.ptp(signal, axis=(0, 1)) > 0).all())

    def testable(self, targets: Targets) -> bool:
        return len(targets) >= FEWEST and self.measurable(targets)

    def influence(
        self, metric: str, targets: Targets, scores: Floats, thresholds: Floats
    ) -> Measured:
        measure = pearson_by_row if metric == names.PEARSON else deviance_by_row
        actual = self._by_track(targets)
        found = np.stack([self._by_track(one) for one in scores])
        return mean_of(
            [measure(actual[..., one], found[..., one]) for one in range(self.num_outputs)]
        )

    def kept(self, metric: str) -> str:
        return names.DEVIANCE if metric == names.LOSS else names.PEARSON

    def baseline(
        self, sequences: Sequence[str], targets: Targets, others: Sequence[str], held: Held = None
    ) -> Floats:
        from dnasweep.data.profile_baseline import profile_baseline

        signal = self._by_track(targets)
        chosen_on = None if held is None else (held[0], self._by_track(held[1]))
        found = profile_baseline(sequences, signal, others, chosen_on=chosen_on)
        # A linear model may predict values below 0, which signals cannot have.
        least = np.maximum(0.01 * signal.mean(axis=(0, 1)), LEAST)
        return np.maximum(found, least).reshape(len(others), -1)

    def packed(self, values: Floats) -> list[NDArray[Any]]:
        found = self._by_track(values)
        columns = []
        for one in range(self.num_outputs):
            column = np.empty(len(values), dtype=object)
            column[:] = list(np.ascontiguousarray(found[..., one]))
            columns.append(column)
        return columns

    def unpacked(self, columns: Sequence[NDArray[Any]]) -> Floats:
        found = [np.array(column.tolist()).reshape(-1, self.places) for column in columns]
        return np.stack(found, axis=2).reshape(len(columns[0]), -1)

    def explained(self, logits: Tensor, output: Output, there: Tensor | None = None) -> Tensor:
        # Logits are log signals. For a whole row, this is the log of the sum over its bins, like
        # the counts of BPNet (Avsec et al. 2021).
        exact = logits.double()
        of_row = exact.logsumexp(1) if output.place is None else exact[:, output.place]
        return of_row[:, output.target] - (
            0.0 if output.against is None else of_row[:, output.against]
        )

    def value(self, value: Value, place: int | None = None) -> Value:
        if value == "probability":
            raise InputError(
                "the model predicts signals, which have no probability",
                remedy="Leave out --value: the logarithm of the signal is explained.",
            )
        return "logit"

    def allele_columns(self, names: Sequence[str]) -> Columns:
        return signal_columns(names)

    def allele_scores(self, names: Mapping[int, str], strands: Sequence[AlleleOutputs]) -> Scores:
        return signal_scores(names, strands)

    def table(self, predicted: Floats, config: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
        packed = self.packed(predicted)
        return {f"predicted_{name}": packed[i] for i, name in enumerate(self.names)}

    def summary(self, table: pd.DataFrame) -> list[str]:
        found = []
        for name in self.names:
            values = np.concatenate(table[f"predicted_{name}"].tolist())
            found.append(
                f"{name} in {self.places} bins, from {values.min():.4g} to {values.max():.4g}"
            )
        return found

    def by_output(
        self, targets: Targets, predicted: Floats, thresholds: Thresholds
    ) -> dict[str, dict[str, float]]:
        if self.num_outputs == 1:
            return {}
        actual, found = self._by_track(targets), self._by_track(predicted)
        return {
            name: track_metrics(actual[..., i], found[..., i]) for i, name in enumerate(self.names)
        }

    def _by_track(self, values: Floats) -> Floats:
        """Reshape (rows, bins x tracks) to (rows, bins, tracks)."""
        return values.reshape(len(values), self.places, self.num_outputs)
