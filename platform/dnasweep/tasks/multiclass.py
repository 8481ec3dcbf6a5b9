"""Three or more named classes; the most probable one is called."""

from __future__ import annotations

import numpy as np

from dnasweep.tasks import metrics as names
from dnasweep.tasks.classes import ClassTask
from dnasweep.tasks.influence import (
    Floats,
    Measured,
    auroc_influence,
    classes_mcc_influence,
    mean_of,
)
from dnasweep.tasks.metrics import classification_metrics, full_name
from dnasweep.tasks.objective import Targets, Thresholds


class Multiclass(ClassTask):
    """Several classes."""

    name = "multiclass"
    hub_name = "text-classification"

    def measurable(self, targets: Targets) -> bool:
        return len(np.unique(targets)) == self.num_outputs

    def by_output(
        self, targets: Targets, predicted: Floats, thresholds: Thresholds
    ) -> dict[str, dict[str, float]]:
        calls = predicted.argmax(axis=1)
        each = np.eye(self.num_outputs)
        found = {}
        for one, name in enumerate(self.names):
            is_class, called = targets == one, calls == one
            measured = classification_metrics(
                is_class.astype(int), np.stack([1 - predicted[:, one], predicted[:, one]], axis=1)
            )
            right = float((is_class & called).sum())
            found[name] = {
                "rows": float(is_class.sum()),
                names.PRECISION: right / called.sum() if called.any() else 0.0,
                names.RECALL: right / is_class.sum() if is_class.any() else 0.0,
                names.AUROC: measured[names.VALIDATION_AUROC],
                names.AUPRC: measured[full_name(names.AUPRC)],
            }
            shares = each[calls[is_class]].mean(axis=0) if is_class.any() else np.zeros(len(each))
            found[name] |= {
                f"called_{n}": float(s) for n, s in zip(self.names, shares, strict=True)
            }
        return found

    def influence(
        self, metric: str, targets: Targets, scores: Floats, thresholds: Floats
    ) -> Measured:
        if metric == names.MCC:
            return classes_mcc_influence(targets, scores.argmax(axis=2), self.num_outputs)
        return mean_of(
            [
                auroc_influence((targets == one).astype(int), scores[:, :, one])
                for one in range(self.num_outputs)
            ]
        )
