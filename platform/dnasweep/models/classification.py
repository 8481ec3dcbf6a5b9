"""The task of fine-tuning: learn the labels of sequences.

A task has rows, makes batches of them, returns the summed loss of a batch, and evaluates on
validation rows; the training loop uses nothing else. The task of pretraining is in
`pretraining.py`.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from dnasweep.models.encoder.bases import as_spans, flat_predictions, place_logits
from dnasweep.models.encoder.forward import class_logits
from dnasweep.models.encoder.precision import Precision
from dnasweep.models.encoder.roberta import is_roberta
from dnasweep.models.strands import StrandCorpus, mean_logits
from dnasweep.models.training.distributed import DistributedContext
from dnasweep.models.training.rows import (
    Selection,
    Task,
    TensorBatch,
    attention_mask,
)
from dnasweep.tasks import task as learned
from dnasweep.tasks.metrics import direction, full_name
from dnasweep.tasks.registry import task_of_classes
from dnasweep.tokens.corpus import Corpus, collate
from dnasweep.tokens.masking.scheme import MaskingProgress

Keep = Literal["best", "best_auroc", "best_loss", "last"]
_KEPT = {"best": "mcc", "best_auroc": "auroc", "best_loss": "loss"}
"""The metric requested from a task for each setting."""


class Classification(Task):
    """Learn the labels of sequences: classes, or outputs of a row.

    Parameters
    ----------
    corpus
        Tokenised rows of a table.
    labels
        Targets of all rows of the corpus: classes from 0, (rows,), outputs, (rows, outputs), or
        classes of bases, (rows, bases).
    train_rows, validation_rows
        Row numbers; their labels must be known.
    num_labels
        Number of classes, if no task is given.
    pad_id
        The tokenizer's padding token.
    keep
        Which weights are kept: the `best` ones on validation (by MCC, AUROC or the loss, or the
        corresponding metric of the task), or the `last` ones. With `last`, there is no evaluation
        on validation, and validation rows are not needed.
    strands
        Strands used for training and calls; None: only the given strand.
    objective
        The training loss. Validation metrics of classes are those of plain cross-entropy.
    task
        Task to learn. Default: classification into `num_labels` classes.
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
        objective: learned.Objective | None = None,
        task: learned.Task | None = None,
    ) -> None:
        self.learned = task or task_of_classes([str(i) for i in range(num_labels)])
        self.selection = _selection(self.learned, keep)
        if self.selection is None:
            validation_rows = np.zeros(0, dtype=np.int64)
        super().__init__(corpus, train_rows=train_rows, validation_rows=validation_rows)
        self.labels = np.asarray(labels)
        if self.labels.ndim == 1:
            self.labels = self.labels.astype(np.int64)
        self.learned.check(self.labels[self.train_rows], "the training rows")
        used = np.concatenate([self.train_rows, self.validation_rows])
        self.learned.check(self.labels[used], "the rows")
        self.pad_id = pad_id
        self.of_bases = self.learned.head == "bases"
        self.uniform_loss = self.learned.uniform_loss
        self.collapse = self.learned.collapse
        self.strands = StrandCorpus(corpus) if strands is None else strands
        self.objective = objective or self.learned.objective(self.labels[self.train_rows])

    def batch(
        self, rows: np.ndarray, epoch: int, progress: MaskingProgress | None = None
    ) -> TensorBatch:
        """Return a batch, with each row on the strand used in this epoch; see :class:`Task`.

        Parameters
        ----------
        rows, epoch, progress
            As for :meth:`Task.batch`; the progress of training has no effect.
        """
        return self._batch(rows, self.strands.shown(rows, epoch))

    def _batch(self, rows: np.ndarray, shown: np.ndarray) -> TensorBatch:
        plain = collate(self.strands.corpus, shown, self.pad_id)
        return TensorBatch(
            ids=torch.from_numpy(plain.ids),
            attention=attention_mask(plain.lengths, plain.ids.shape[1]),
            targets=torch.from_numpy(self.labels[rows]),
            spans=as_spans(plain.starts, plain.ends) if self.of_bases else None,
        )

    def loss(self, model: Any, batch: TensorBatch) -> tuple[Tensor, Tensor]:
        """Return the weighted sum of nats over the sequences or bases, and the sum of weights."""
        logits = _logits(model, batch)
        return self.objective(logits.float(), batch.targets)

    def evaluate(
        self, model: Any, context: DistributedContext, precision: Precision = "auto"
    ) -> dict[str, float]:
        """Return the metrics on validation, at the best thresholds.

        The predictions are kept in :attr:`probabilities`. With `keep="last"` there are no metrics.

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
                batch = self._batch(rows, shown).to(context.device, unpad=is_roberta(model))
                if batch.spans is not None:
                    # Labels of positions belong to the given strand, so only this strand is used
                    # for calls.
                    found = place_logits(
                        model, batch.ids, batch.attention, batch.spans, batch.packed
                    )
                    predicted = self.objective.predictions(found.logits.double())
                    places = self.learned.width(self.labels) // self.learned.num_outputs
                    return flat_predictions(predicted, found.there, places), None
                found_here = class_logits(model, batch.ids, batch.attention, batch.packed)
                logits.append(found_here.double())
            return self.objective.predictions(mean_logits(logits)), None

        self.probabilities = self.evaluate_rows(
            model, context, precision, self.learned.width(self.labels), measure
        )
        labels = self.labels[self.validation_rows]
        if not np.isfinite(self.probabilities).all():
            return dict.fromkeys(self.worst(), math.nan)
        thresholds = self.learned.choose(labels, self.probabilities)
        return self.learned.measure(labels, self.probabilities, thresholds)

    def collapsed(self, metrics: dict[str, float]) -> bool:
        """Return whether the last evaluation shows a model that has learned nothing."""
        if self.selection is None:
            return False
        assert self.probabilities is not None
        labels = self.labels[self.validation_rows]
        return self.learned.collapsed(labels, self.probabilities, metrics)

    def worst(self) -> dict[str, float]:
        """Return the metrics of the same prediction for every row."""
        if self.selection is None:
            return {}
        return self.learned.worst(self.labels[self.validation_rows])


def _logits(model: Any, batch: TensorBatch) -> Tensor:
    """Return the logits of rows, (rows, classes), or of their bases or bins, (rows, places, classes)."""
    if batch.spans is None:
        return class_logits(model, batch.ids, batch.attention, batch.packed)
    return place_logits(model, batch.ids, batch.attention, batch.spans, batch.packed).logits


def _selection(task: learned.Task, keep: Keep) -> Selection | None:
    """Return the validation metric that decides which weights are kept, and its direction."""
    if keep == "last":
        return None
    name = full_name(task.kept(_KEPT[keep]))
    return name, "min" if direction(name) == "min" else "max"
