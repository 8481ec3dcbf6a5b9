"""The task of pretraining: predict masked tokens.

Batches are made on the CPU by numpy. The mask of a row depends on the row, the seed and the epoch,
and in a masking curriculum also on the step and on earlier evaluations, but never on the worker.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dnasweep.models.encoder.forward import masked_logits
from dnasweep.models.encoder.precision import Precision
from dnasweep.models.encoder.roberta import is_roberta
from dnasweep.models.training.distributed import DistributedContext
from dnasweep.models.training.rows import (
    EVALUATION_EPOCH,
    Selection,
    Task,
    TensorBatch,
    attention_mask,
)
from dnasweep.tasks import metrics as names
from dnasweep.tasks.metrics import full_name
from dnasweep.tokens.corpus import Batch as PlainBatch
from dnasweep.tokens.corpus import Corpus, collate
from dnasweep.tokens.masking.registry import make_reference
from dnasweep.tokens.masking.scheme import (
    IGNORED,
    Masked,
    MaskingProgress,
    MaskingScheme,
    masked_bases,
)
from dnasweep.tokens.tokenizers import DnaTokenizer

EVALUATION_SEED = 0
"""Evaluation masks are the same for every seed, so that their losses can be compared."""
MEASURED_ROWS = 512
"""Maximum number of validation rows for measuring the mask rate of a scheme."""


class MaskedLanguageModelling(Task):
    """Predict masked tokens from the rest of the sequence.

    Parameters
    ----------
    corpus
        Tokenised rows of a table.
    tokenizer
        The tokenizer of the corpus.
    scheme
        Masking scheme in training. Evaluation masks the same tokens for every scheme, see
        :func:`dnasweep.tokens.masking.registry.make_reference`.
    train_rows, validation_rows
        Row numbers.
    seed
        Seed of the training masks; evaluation masks are fixed.
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
        self._evaluation_scheme = make_reference(scheme.config, tokenizer)
        self._measured: dict[str, tuple[float, float]] = {}
        self._is_dna = tokenizer.is_dna
        self.seed = seed
        self.pad_id = tokenizer.pad_id
        self.vocab_size = tokenizer.vocab_size
        self.uniform_loss = math.log(tokenizer.vocab_size)

    def _mask(
        self, scheme: MaskingScheme, rows: np.ndarray, seed: int, epoch: int
    ) -> tuple[PlainBatch, Masked]:
        plain = collate(self.corpus, rows, self.pad_id)
        return plain, scheme.mask(*plain, rows=rows, seed=seed, epoch=epoch)

    def _masked_batch(
        self, scheme: MaskingScheme, rows: np.ndarray, seed: int, epoch: int
    ) -> tuple[TensorBatch, Masked]:
        plain, masked = self._mask(scheme, rows, seed, epoch)
        flat = masked.labels.ravel()
        positions = np.flatnonzero(flat != IGNORED)
        batch = TensorBatch(
            ids=torch.from_numpy(np.ascontiguousarray(masked.input_ids, dtype=np.int64)),
            attention=attention_mask(plain.lengths, plain.ids.shape[1]),
            targets=torch.from_numpy(flat[positions].astype(np.int64)),
            positions=torch.from_numpy(positions),
        )
        return batch, masked

    def _evaluation_batch(self, rows: np.ndarray) -> tuple[TensorBatch, Masked]:
        return self._masked_batch(self._evaluation_scheme, rows, EVALUATION_SEED, EVALUATION_EPOCH)

    def batch(
        self, rows: np.ndarray, epoch: int, progress: MaskingProgress | None = None
    ) -> TensorBatch:
        """Return a batch, masked as in `epoch` by the scheme of `progress`; see :class:`Task`.

        Parameters
        ----------
        rows, epoch, progress
            As for :meth:`Task.batch`.
        """
        scheme = self.scheme.at(progress or MaskingProgress(), seed=self.seed)
        return self._masked_batch(scheme, rows, self.seed, epoch)[0]

    def loss(self, model: Any, batch: TensorBatch) -> tuple[Tensor, Tensor]:
        """Return the sum of nats over the masked tokens, and their number."""
        assert batch.positions is not None
        logits = masked_logits(model, batch.ids, batch.attention, batch.positions, batch.packed)
        nats = F.cross_entropy(logits.float(), batch.targets, reduction="sum")
        return nats, torch.full((), float(len(batch.targets)), device=nats.device)

    def evaluate(
        self, model: Any, context: DistributedContext, precision: Precision = "auto"
    ) -> dict[str, float]:
        """Return loss, bits per base, perplexity and masked accuracy on validation.

        Parameters
        ----------
        model, context, precision
            As for :meth:`Task.evaluate`.
        """

        def measure(part: np.ndarray) -> tuple[Tensor, np.ndarray]:
            rows = self.validation_rows[part]
            batch, masked = self._evaluation_batch(rows)
            batch = batch.to(context.device, unpad=is_roberta(model))
            assert batch.positions is not None
            logits = masked_logits(
                model, batch.ids, batch.attention, batch.positions, batch.packed
            ).float()
            nats = F.cross_entropy(logits, batch.targets, reduction="none").double()
            right = (logits.argmax(-1) == batch.targets).double()
            row = batch.positions // batch.ids.shape[1]
            sums = torch.zeros(len(rows), 2, dtype=torch.float64, device=context.device)
            sums.index_add_(0, row, torch.stack([nats, right], dim=1))
            return sums, _mask_counts(masked)

        sums = self.evaluate_rows(model, context, precision, 4, measure).sum(0)
        return self._metrics(*sums)

    def _metrics(
        self, nats: float, right: float, num_masked: float, num_bases: float
    ) -> dict[str, float]:
        loss = nats / max(num_masked, 1)
        values = {
            names.LOSS: loss,
            names.BITS_PER_BASE: nats / math.log(2) / max(num_bases, 1),
            names.PERPLEXITY: math.exp(min(loss, 700)) if math.isfinite(loss) else math.inf,
            names.MASKED_ACCURACY: right / max(num_masked, 1),
        }
        return {full_name(name): float(value) for name, value in values.items()}

    def describe(self, progress: MaskingProgress) -> dict[str, float]:
        """Return the mask rate, by tokens and by bases, of the training steps at `progress`.

        It is measured on validation rows. If a step is masked by one of several schemes, it is
        their weighted mean.
        """
        totals = np.zeros(2)
        for probability, scheme in self.scheme.mixture(progress):
            totals += probability * np.array(self._measure(scheme))
        return {
            full_name(names.MASK_RATE): float(totals[0]),
            full_name(names.MASKED_BASES): float(totals[1]),
        }

    def _measure(self, scheme: MaskingScheme) -> tuple[float, float]:
        if scheme.name not in self._measured:
            drawn = np.random.default_rng(0).permutation(self.validation_rows)
            rows = np.sort(drawn[:MEASURED_ROWS])
            plain, masked = self._mask(scheme, rows, EVALUATION_SEED, EVALUATION_EPOCH)
            chosen = masked.labels != IGNORED
            visible = self._is_dna[plain.ids] & ~chosen
            num_bases = masked_bases(plain.starts, plain.ends, chosen, visible).sum()
            self._measured[scheme.name] = (
                float(chosen.sum() / max((plain.lengths - 2).sum(), 1)),
                float(num_bases / max(self.corpus.num_bases(rows).sum(), 1)),
            )
        return self._measured[scheme.name]

    def worst(self) -> dict[str, float]:
        """Return the metrics of guessing uniformly over the vocabulary, with accuracy 0."""
        masked = self._evaluation_batch(self.validation_rows)[1]
        num_masked, num_bases = _mask_counts(masked).sum(0)
        return self._metrics(num_masked * self.uniform_loss, 0, num_masked, num_bases)

    def unigram_bits_per_base(self) -> float:
        """Return the bits per base of predicting masked tokens by their frequencies in training
        rows.

        A model that is not better has learned only the frequencies of tokens and nothing about
        their context. One is added to every count.
        """
        read = np.zeros(len(self.corpus), dtype=bool)
        read[self.train_rows] = True
        tokens = self.corpus.ids[np.repeat(read, self.corpus.num_tokens())]
        counts = np.bincount(tokens, minlength=self.vocab_size) + 1.0
        counts[~self._is_dna] = 0
        batch, masked = self._evaluation_batch(self.validation_rows)
        num_bases = masked.bases_of_masked_tokens.sum()
        bits = -np.log2(counts[batch.targets.numpy()] / counts.sum())
        return float(bits.sum() / max(num_bases, 1))


def _mask_counts(masked: Masked) -> np.ndarray:
    """Return the numbers of masked tokens and of masked bases, (rows, 2)."""
    num_masked = (masked.labels != IGNORED).sum(1)
    return np.stack([num_masked, masked.bases_of_masked_tokens.sum(1)], axis=1).astype(np.float64)
