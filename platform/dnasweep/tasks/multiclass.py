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
from dnasweep.tasks.metrics import auprc, auroc
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
        # Imported here because it imports slowly and jobs need only the task.
        from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

        calls, classes = predicted.argmax(axis=1), np.arange(self.num_outputs)
        precision, recall, _, rows = precision_recall_fscore_support(
            targets, calls, labels=classes, zero_division=0.0
        )
        shares = confusion_matrix(targets, calls, labels=classes, normalize="true")
        return {
            name: {
                "rows": float(rows[one]),
                names.PRECISION: float(precision[one]),
                names.RECALL: float(recall[one]),
                names.AUROC: auroc(targets == one, predicted[:, one]),
                names.AUPRC: auprc(targets == one, predicted[:, one]),
                **{f"called_{n}": float(s) for n, s in zip(self.names, shares[one], strict=True)},
            }
            for one, name in enumerate(self.names)
        }

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
