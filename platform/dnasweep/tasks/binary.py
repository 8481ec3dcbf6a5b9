"""Two classes; the second is the positive one, and is called at or above a threshold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dnasweep.data.decision_threshold import best_threshold
from dnasweep.tasks import metrics as names
from dnasweep.tasks.calls import EVEN_THRESHOLD, decision_threshold
from dnasweep.tasks.classes import ClassTask
from dnasweep.tasks.influence import Floats, Measured, auroc_influence, mcc_influence
from dnasweep.tasks.objective import Targets, Thresholds


class Binary(ClassTask):
    """Two classes."""

    name = "binary"
    hub_name = "text-classification"
    has_positives = True

    @property
    def usual_target(self) -> int | None:
        return 1

    @property
    def even(self) -> Thresholds:
        return (EVEN_THRESHOLD,)

    def thresholds(self, config: Mapping[str, Any]) -> Thresholds:
        return (decision_threshold(config),)

    def choose(self, targets: Targets, predicted: Floats) -> Thresholds:
        return (best_threshold(targets, predicted[:, 1]),)

    def scores(self, predicted: Floats) -> Floats:
        return predicted[:, 1]

    def predicted(self, scores: Floats) -> Floats:
        return np.stack([1 - scores, scores], axis=1)

    def influence(
        self, metric: str, targets: Targets, scores: Floats, thresholds: Floats
    ) -> Measured:
        if metric == names.AUROC:
            return auroc_influence(targets, scores)
        return mcc_influence(targets, scores >= np.reshape(thresholds, (-1, 1)))
