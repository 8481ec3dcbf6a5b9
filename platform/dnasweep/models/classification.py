"""The task of fine-tuning: call the class of a sequence.

A task has its rows, turns some of them into a batch, returns the summed loss of a batch, and evaluates on
its validation rows; the training loop knows nothing else about it. The task of pretraining is in
`pretraining.py`.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from dnasweep.data.decision_threshold import best_threshold
from dnasweep.errors import InputError
from dnasweep.models.encoder.forward import class_logits
from dnasweep.models.encoder.precision import Precision
from dnasweep.models.strands import StrandCorpus, mean_logits
from dnasweep.models.training.distributed import DistributedContext
from dnasweep.models.training.guard import is_collapsed
from dnasweep.models.training.rows import (
    Selection,
    Task,
    TensorBatch,
    attention_mask,
)
from dnasweep.tasks import metrics as names
from dnasweep.tasks.class_loss import ClassLoss
from dnasweep.tasks.metrics import classification_metrics
from dnasweep.tokens.corpus import Corpus, collate
from dnasweep.tokens.masking.scheme import MaskingProgress

Keep = Literal["best", "best_auroc", "best_loss", "last"]
_SELECTION: dict[Keep, Selection | None] = {
    "best": (names.VALIDATION_MCC, "max"),
    "best_auroc": (names.VALIDATION_AUROC, "max"),
    "best_loss": (names.VALIDATION_LOSS, "min"),
    "last": None,
}


class Classification(Task):
    """Call the class of a sequence.

    Parameters
    ----------
    corpus
        Tokenised rows of a table.
    labels
        Class of every row of the corpus, from 0, (rows,).
    train_rows, validation_rows
        Row numbers; their labels must be known.
    num_labels
        Classes.
    pad_id
        The tokenizer's padding token.
    keep
        Which weights are kept: those `best` on validation (by MCC, AUROC or the loss), or the
        `last` ones. With `last`, there is no evaluation on validation, which may then have no rows.
    strands
        On which strands rows are trained on and called; None: as they are.
    objective
        The training loss. Validation metrics are those of plain cross-entropy.
    """

    name = "finetune"
    selection: Selection | None

    def __init__(
        self,
        corpus: Corpus,
        labels: np.ndarray,
        *,
        train_rows: np.ndarray,
        validation_rows: np.ndarray,
        num_labels: int = 2,
        pad_id: int = 0,
        keep: Keep = "best",
        strands: StrandCorpus | None = None,
        objective: ClassLoss | None = None,
    ) -> None:
        self.selection = _SELECTION[keep]
        if self.selection is None:
            validation_rows = np.zeros(0, dtype=np.int64)
        super().__init__(corpus, train_rows=train_rows, validation_rows=validation_rows)
        self.labels = np.asarray(labels, dtype=np.int64)
        used = self.labels[np.concatenate([self.train_rows, self.validation_rows])]
        if used.min() < 0 or used.max() >= num_labels:
            raise InputError(
                f"a label is {used.min() if used.min() < 0 else used.max()} where there are "
                f"{num_labels} classes",
                remedy=f"Use labels from 0 to {num_labels - 1} and leave out unlabelled rows.",
            )
        if len(np.unique(self.labels[self.train_rows])) < 2:
            raise InputError(
                "the training rows have one class only",
                remedy="Give rows of both classes, or choose another species set.",
            )
        self.num_labels = num_labels
        self.pad_id = pad_id
        self.uniform_loss = math.log(num_labels)
        self.strands = StrandCorpus(corpus) if strands is None else strands
        self.objective = ClassLoss() if objective is None else objective

    def batch(
        self, rows: np.ndarray, epoch: int, progress: MaskingProgress | None = None
    ) -> TensorBatch:
        """Return a batch, each row on the strand on which this epoch trains on it; see :class:`Task`.

        Parameters
        ----------
        rows, epoch, progress
            As for :meth:`Task.batch`; how far the training is makes no difference.
        """
        return self._batch(rows, self.strands.shown(rows, epoch))

    def _batch(self, rows: np.ndarray, shown: np.ndarray) -> TensorBatch:
        plain = collate(self.strands.corpus, shown, self.pad_id)
        return TensorBatch(
            ids=torch.from_numpy(plain.ids),
            attention=attention_mask(plain.lengths, plain.ids.shape[1]),
            targets=torch.from_numpy(self.labels[rows]),
        )

    def loss(self, model: Any, batch: TensorBatch) -> tuple[Tensor, Tensor]:
        """Return the weighted sum of nats over the sequences, and the sum of weights."""
        logits = class_logits(model, batch.ids, batch.attention)
        return self.objective(logits.float(), batch.targets)

    def evaluate(
        self, model: Any, context: DistributedContext, precision: Precision = "auto"
    ) -> dict[str, float]:
        """Return the classification metrics on validation, at the threshold that is best there.

        The probabilities are kept in :attr:`probabilities`. With `keep="last"` there are no metrics.

        Parameters
        ----------
        model, context, precision
            As for :meth:`Task.evaluate`.
        """
        if self.selection is None:
            return {}

        def measure(part: np.ndarray) -> tuple[Tensor, None]:
            rows = self.validation_rows[part]
            logits = []
            for shown in self.strands.called_by(rows):
                batch = self._batch(rows, shown).to(context.device)
                logits.append(class_logits(model, batch.ids, batch.attention).double())
            return mean_logits(logits).softmax(-1), None

        self.probabilities = self.evaluate_rows(
            model, context, precision, self.num_labels, measure
        )
        labels = self.labels[self.validation_rows]
        if not np.isfinite(self.probabilities).all():
            return dict.fromkeys(self.worst(), math.nan)
        binary = self.num_labels == 2
        threshold = best_threshold(labels, self.probabilities[:, 1]) if binary else 0.5
        return classification_metrics(labels, self.probabilities, threshold)

    def collapsed(self, metrics: dict[str, float]) -> bool:
        """Return whether the last evaluation called one class only, with the loss of guessing."""
        if self.selection is None:
            return False
        assert self.probabilities is not None
        labels = self.labels[self.validation_rows]
        return is_collapsed(labels, self.probabilities, metrics[names.VALIDATION_LOSS])

    def worst(self) -> dict[str, float]:
        """Return the metrics of the same probability for every row and class."""
        if self.selection is None:
            return {}
        shape = (len(self.validation_rows), self.num_labels)
        labels = self.labels[self.validation_rows]
        even = np.full(shape, 1 / self.num_labels)
        return classification_metrics(labels, even, 0.5) | {
            names.VALIDATION_MCC: 0.0,
            names.VALIDATION_AUROC: 0.5,
        }
