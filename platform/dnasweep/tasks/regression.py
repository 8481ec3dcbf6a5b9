"""Regression: one or several numbers per sequence, in the units of the labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dnasweep.errors import InputError
from dnasweep.tasks import metrics as names
from dnasweep.tasks.allele_scores import (
    AlleleOutputs,
    Columns,
    Scores,
    number_columns,
    number_scores,
)
from dnasweep.tasks.influence import Floats, Measured, mean_of
from dnasweep.tasks.influence_numbers import (
    pearson_influence,
    r2_influence,
    rmse_influence,
    spearman_influence,
)
from dnasweep.tasks.metrics import full_name, regression_metrics
from dnasweep.tasks.objective import Held, Objective, Output, Targets, Thresholds, Validated, Value
from dnasweep.tasks.task import Task

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from dnasweep.tasks.losses import SquaredError

FLAT = 0.01
"""Spread of predictions relative to that of the labels, below which predictions are considered
equal."""
CHANCE = 0.1
"""Correlation above which a model has learned something."""
FEWEST = 8
"""Minimum number of rows for testing a difference between two models."""
_INFLUENCE = {
    names.PEARSON: pearson_influence,
    names.SPEARMAN: spearman_influence,
    names.R2: r2_influence,
    names.RMSE: rmse_influence,
}


class Regression(Task):
    """Predict numbers: squared error, each output scaled by the training rows."""

    name = "regression"
    metric = names.PEARSON
    metrics = (names.PEARSON, names.SPEARMAN, names.R2, names.RMSE)
    tested = (names.PEARSON, names.SPEARMAN, names.RMSE)
    baseline_name = "k-mer ridge regression"
    has_classes = False
    has_weights = False
    has_calls = False
    has_bias = True
    least_outputs = 1
    unit = explained_unit = "unit of the labels"
    collapse = "all validation rows are predicted alike, whatever their sequence"

    @property
    def uniform_loss(self) -> float:
        # This is the loss of predicting the mean.
        return 1.0

    def objective(
        self, targets: Targets, *, balanced: bool = False, smoothing: float = 0.0
    ) -> SquaredError:
        from dnasweep.tasks.losses import SquaredError

        if balanced or smoothing:
            raise InputError(
                "class weights and label smoothing are for classes, and the labels are numbers",
                remedy="Leave them out.",
            )
        return SquaredError(targets.mean(axis=0), targets.std(axis=0))

    def predictions(self, logits: Tensor) -> Tensor:
        return logits

    def check(self, targets: Targets, rows: str) -> None:
        if not np.isfinite(targets).all():
            raise InputError(f"{rows} have labels that are not finite numbers")
        flat = [n for n, column in zip(self.names, targets.T, strict=True) if np.ptp(column) == 0]
        if flat or len(targets) < 2:
            raise InputError(
                f"{rows} have only one value ({', '.join(flat)})",
                remedy="Give rows with different values, or another species set to train on.",
            )

    def check_model(self, model: Any) -> None:
        from dnasweep.tasks.last_layer import last_layer

        if last_layer(model, self.num_outputs).bias is None:
            raise InputError(
                f"the last layer of a {model.config.model_type} model has no bias, so that it cannot "
                "learn numbers",
                remedy="Use a model of another kind.",
            )

    def measure(
        self, targets: Targets, predicted: Floats, thresholds: Thresholds
    ) -> dict[str, float]:
        return regression_metrics(targets, predicted)

    def worst(self, targets: Targets) -> dict[str, float]:
        mean = np.broadcast_to(targets.mean(axis=0), targets.shape)
        return regression_metrics(targets, mean)

    def collapsed(self, targets: Targets, predicted: Floats, metrics: Mapping[str, float]) -> bool:
        flat = (predicted.std(axis=0) < FLAT * targets.std(axis=0)).all()
        return bool(flat) and abs(metrics[full_name(names.PEARSON)]) < CHANCE

    def finish(
        self, model: Any, objective: Objective, metrics: Mapping[str, float], validated: Validated
    ) -> None:
        model.config.problem_type = "regression"
        objective.build_in(model)  # type: ignore[attr-defined]

    def measurable(self, targets: Targets) -> bool:
        return len(targets) > 2 and bool((np.ptp(targets, axis=0) > 0).all())

    def testable(self, targets: Targets) -> bool:
        return len(targets) >= FEWEST and self.measurable(targets)

    def influence(
        self, metric: str, targets: Targets, scores: Floats, thresholds: Floats
    ) -> Measured:
        measure = _INFLUENCE[metric]
        return mean_of(
            [measure(targets[:, one], scores[:, :, one]) for one in range(self.num_outputs)]
        )

    def decisive(self, metric: str) -> str:
        # On the same rows, R2 ranks models in the same order as the squared error.
        return names.RMSE if metric == names.R2 else metric

    def kept(self, metric: str) -> str:
        return names.RMSE if metric == names.LOSS else names.PEARSON

    def baseline(
        self, sequences: Sequence[str], targets: Targets, others: Sequence[str], held: Held = None
    ) -> Floats:
        from dnasweep.data.baseline import choose_baseline, kmer_baseline
        from dnasweep.data.learners import Numbers

        chosen = None
        if held is not None:
            chosen = choose_baseline(sequences, targets, *held, kind=Numbers).best
        return kmer_baseline(sequences, targets, others, choice=chosen, kind=Numbers)

    def explained(self, logits: Tensor, output: Output, there: Tensor | None = None) -> Tensor:
        exact = logits.double()
        own = exact[:, output.target]
        return own if output.against is None else own - exact[:, output.against]

    def value(self, value: Value, place: int | None = None) -> Value:
        if value == "probability":
            raise InputError(
                "the model predicts numbers, which have no probability",
                remedy="Leave out --value: the number itself is explained.",
            )
        return "logit"

    def allele_columns(self, names: Sequence[str]) -> Columns:
        return number_columns(names)

    def allele_scores(self, names: Mapping[int, str], strands: Sequence[AlleleOutputs]) -> Scores:
        return number_scores(names, strands)

    def table(self, predicted: Floats, config: Mapping[str, Any]) -> dict[str, np.ndarray]:
        return {f"predicted_{name}": predicted[:, i] for i, name in enumerate(self.names)}

    def summary(self, table: pd.DataFrame) -> list[str]:
        return [
            f"{name} from {min(table[f'predicted_{name}']):.4g} to {max(table[f'predicted_{name}']):.4g}"
            for name in self.names
        ]

    def by_output(
        self, targets: Targets, predicted: Floats, thresholds: Thresholds
    ) -> dict[str, dict[str, float]]:
        if self.num_outputs == 1:
            return {}
        found = {}
        for one, name in enumerate(self.names):
            column = slice(one, one + 1)
            measured = regression_metrics(targets[:, column], predicted[:, column])
            found[name] = {key.rsplit("/")[-1]: value for key, value in measured.items()}
        return found
