"""What a model is trained to do: guess hidden tokens, or call a class.

A task knows its rows, turns some of them into a batch, gives the summed loss of a batch, and
evaluates on its validation rows. The loop in `training.py` knows nothing else about it. Batches
are made on the CPU by numpy; a row's mask depends on the row, the seed and the epoch only.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dnasweep.errors import InputError
from dnasweep.language.batches import collate
from dnasweep.language.corpus import Corpus
from dnasweep.language.masking import IGNORED, Masked, MaskingScheme
from dnasweep.language.tokenizers import DnaTokenizer
from dnasweep.model import metrics as names
from dnasweep.model.class_loss import ClassLoss
from dnasweep.model.forward import class_logits, masked_logits
from dnasweep.model.guard import is_collapsed
from dnasweep.model.mesh import Mesh, Precision
from dnasweep.model.metrics import best_threshold, classification_metrics, full_name
from dnasweep.model.rows import Batch, Selection, TaskRows, attention_mask, evaluate_rows
from dnasweep.model.strands import Strands, mean_logits

EVALUATION_EPOCH = -1
EVALUATION_SEED = 0
"""Evaluation masks are the same for every seed, so that their losses can be compared."""


class MaskedLanguageModelling(TaskRows):
    """Guess hidden tokens from the rest of the sequence.

    Parameters
    ----------
    corpus
        Tokenised rows of a table.
    tokenizer
        The tokenizer the corpus was made with.
    scheme
        What is hidden.
    train_rows, validation_rows
        Row numbers.
    seed
        Of the training masks; evaluation masks are fixed.
    """

    name = "pretrain"
    selection: Selection | None = (names.VALIDATION_BITS_PER_BASE, "min")

    def __init__(
        self,
        corpus: Corpus,
        tokenizer: DnaTokenizer,
        scheme: MaskingScheme,
        *,
        train_rows: np.ndarray,
        validation_rows: np.ndarray,
        seed: int,
    ) -> None:
        super().__init__(corpus, train_rows=train_rows, validation_rows=validation_rows)
        self.scheme = scheme
        # A token left as it is shows its answer: evaluation puts [MASK] for every chosen one.
        self._evaluation_scheme = scheme.all_masked()
        self.seed = seed
        self.pad_id = tokenizer.pad_id
        self.uniform_loss = math.log(tokenizer.vocab_size)

    def _hide(
        self, scheme: MaskingScheme, rows: np.ndarray, seed: int, epoch: int
    ) -> tuple[Batch, Masked, np.ndarray]:
        plain = collate(self.corpus, rows, self.pad_id)
        masked = scheme.mask(
            plain.ids,
            plain.starts,
            plain.ends,
            plain.lengths,
            rows=rows,
            seed=seed,
            epoch=epoch,
        )
        flat = masked.labels.ravel()
        positions = np.flatnonzero(flat != IGNORED)
        batch = Batch(
            ids=torch.from_numpy(np.ascontiguousarray(masked.input_ids, dtype=np.int64)),
            attention=attention_mask(plain.lengths, plain.ids.shape[1]),
            targets=torch.from_numpy(flat[positions].astype(np.int64)),
            positions=torch.from_numpy(positions),
        )
        return batch, masked, plain.lengths

    def _hide_for_evaluation(self, rows: np.ndarray) -> tuple[Batch, Masked, np.ndarray]:
        return self._hide(self._evaluation_scheme, rows, EVALUATION_SEED, EVALUATION_EPOCH)

    def batch(self, rows: np.ndarray, epoch: int) -> Batch:
        """Return the batch of corpus rows `rows`, hidden as in `epoch`."""
        return self._hide(self.scheme, rows, self.seed, epoch)[0]

    def loss(self, model: Any, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the sum of nats over the hidden tokens, and their number."""
        assert batch.positions is not None
        logits = masked_logits(model, batch.ids, batch.attention, batch.positions)
        nats = F.cross_entropy(logits.float(), batch.targets, reduction="sum")
        return nats, torch.tensor(float(len(batch.targets)), device=nats.device)

    def evaluate(self, model: Any, mesh: Mesh, precision: Precision = "auto") -> dict[str, float]:
        """Return loss, bits per base, perplexity, masked accuracy and mask rate on validation."""

        def measure(part: np.ndarray) -> tuple[Tensor, np.ndarray]:
            rows = self.validation_rows[part]
            batch, masked, lengths = self._hide_for_evaluation(rows)
            batch = batch.to(mesh.device)
            assert batch.positions is not None
            logits = masked_logits(model, batch.ids, batch.attention, batch.positions).float()
            nats = F.cross_entropy(logits, batch.targets, reduction="none").double()
            right = (logits.argmax(-1) == batch.targets).double()
            row = batch.positions // batch.ids.shape[1]
            sums = torch.zeros(len(rows), 2, dtype=torch.float64, device=mesh.device)
            sums.index_add_(0, row, torch.stack([nats, right], dim=1))
            return sums, _mask_counts(masked, lengths)

        sums = evaluate_rows(self, model, mesh, precision, 5, measure).sum(0)
        return self._metrics(*sums)

    def _metrics(
        self, nats: float, right: float, hidden: float, hidden_bases: float, tokens: float
    ) -> dict[str, float]:
        loss = nats / max(hidden, 1)
        values = {
            names.LOSS: loss,
            names.BITS_PER_BASE: nats / math.log(2) / max(hidden_bases, 1),
            names.PERPLEXITY: math.exp(min(loss, 700)) if math.isfinite(loss) else math.inf,
            names.MASKED_ACCURACY: right / max(hidden, 1),
            names.MASK_RATE: hidden / max(tokens, 1),
        }
        return {full_name(name): float(value) for name, value in values.items()}

    def collapsed(self, metrics: dict[str, float]) -> bool:
        """Return False: there is no one class to collapse to."""
        return False

    def worst(self) -> dict[str, float]:
        """Return the metrics of guessing uniformly over the vocabulary, none right."""
        _, masked, lengths = self._hide_for_evaluation(self.validation_rows)
        hidden, hidden_bases, tokens = _mask_counts(masked, lengths).sum(0)
        return self._metrics(hidden * self.uniform_loss, 0, hidden, hidden_bases, tokens)


def _mask_counts(masked: Masked, lengths: np.ndarray) -> np.ndarray:
    """Return hidden tokens, hidden bases and tokens without the special ones, (rows, 3)."""
    hidden = (masked.labels != IGNORED).sum(1)
    return np.stack([hidden, masked.hidden_bases.sum(1), lengths - 2], axis=1).astype(np.float64)


class Classification(TaskRows):
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
        Which weights are kept: those `best` on validation, or the `last` ones. Then validation is
        not looked at, and there may be no rows of it.
    strands
        On which strands rows are shown and called; None: as they are.
    objective
        The training loss. Validation metrics are those of plain cross-entropy.
    """

    name = "finetune"
    selection: Selection | None = (names.VALIDATION_MCC, "max")

    def __init__(
        self,
        corpus: Corpus,
        labels: np.ndarray,
        *,
        train_rows: np.ndarray,
        validation_rows: np.ndarray,
        num_labels: int = 2,
        pad_id: int = 0,
        keep: Literal["best", "last"] = "best",
        strands: Strands | None = None,
        objective: ClassLoss | None = None,
    ) -> None:
        if keep == "last":
            self.selection = None
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
        self.strands = Strands(corpus) if strands is None else strands
        self.objective = ClassLoss() if objective is None else objective

    def batch(self, rows: np.ndarray, epoch: int) -> Batch:
        """Return the batch of corpus rows `rows`, on the strands that the epoch shows them on."""
        return self._batch(rows, self.strands.shown(rows, epoch))

    def _batch(self, rows: np.ndarray, shown: np.ndarray) -> Batch:
        plain = collate(self.strands.corpus, shown, self.pad_id)
        return Batch(
            ids=torch.from_numpy(plain.ids),
            attention=attention_mask(plain.lengths, plain.ids.shape[1]),
            targets=torch.from_numpy(self.labels[rows]),
        )

    def loss(self, model: Any, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the weighted sum of nats over the sequences, and the sum of weights."""
        logits = class_logits(model, batch.ids, batch.attention)
        return self.objective(logits.float(), batch.targets)

    def evaluate(self, model: Any, mesh: Mesh, precision: Precision = "auto") -> dict[str, float]:
        """Return the classification metrics on validation, at the threshold best there.

        The probabilities are kept in :attr:`probabilities`. Without validation there are no metrics.
        """
        if self.selection is None:
            return {}

        def measure(part: np.ndarray) -> tuple[Tensor, None]:
            rows = self.validation_rows[part]
            logits = []
            for shown in self.strands.called_by(rows):
                batch = self._batch(rows, shown).to(mesh.device)
                logits.append(class_logits(model, batch.ids, batch.attention).double())
            return mean_logits(logits).softmax(-1), None

        self.probabilities = evaluate_rows(self, model, mesh, precision, self.num_labels, measure)
        labels = self.labels[self.validation_rows]
        if not np.isfinite(self.probabilities).all():
            return dict.fromkeys(self.worst(), math.nan)
        binary = self.num_labels == 2
        threshold = best_threshold(labels, self.probabilities[:, 1]) if binary else 0.5
        return classification_metrics(labels, self.probabilities, threshold)

    def collapsed(self, metrics: dict[str, float]) -> bool:
        """Return whether the last evaluation called one class only, at the loss of guessing."""
        if self.selection is None:
            return False
        assert self.probabilities is not None
        labels = self.labels[self.validation_rows]
        return is_collapsed(labels, self.probabilities, metrics[names.VALIDATION_LOSS])

    def worst(self) -> dict[str, float]:
        """Return the metrics of one and the same probability for every row and class."""
        if self.selection is None:
            return {}
        shape = (len(self.validation_rows), self.num_labels)
        labels = self.labels[self.validation_rows]
        even = np.full(shape, 1 / self.num_labels)
        return classification_metrics(labels, even, 0.5) | {
            names.VALIDATION_MCC: 0.0,
            names.VALIDATION_AUROC: 0.5,
        }
