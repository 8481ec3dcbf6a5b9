"""The cooperative game behind an attribution: what the model says when only some tokens are there.

A :class:`Block` holds sequences of the same number of tokens and answers for any of their
coalitions, many at a time. Which sequences share a block, and how coalitions fall into batches,
changes an answer by rounding alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import scipy.special
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedModel

from dnasweep.attribution.settings import Value
from dnasweep.attribution.values import NotFiniteError, class_value
from dnasweep.models.encoder.forward import class_logits
from dnasweep.models.encoder.perturbations import CPU_TOKENS, perturbed_forward
from dnasweep.models.encoder.precision import Precision, autocast
from dnasweep.tasks.calls import call_classes, decision_threshold

Read = Callable[[Tensor], Tensor]
"""What is kept of logits (rows, classes): a number a row, or several."""

GPU_SHARE = 0.4
"""Part of the free GPU memory that a batch may take."""


class Game:
    """A classifier, the class to explain, and how it is run.

    Parameters
    ----------
    model
        In evaluation mode, on its device.
    target, value
        Class and output explained, see :func:`dnasweep.attribution.values.class_value`.
    precision
        Arithmetic of the forward pass.
    batch_rows
        Most variants a forward pass; None finds it from the caches or the free GPU memory. Halved
        for good whenever the GPU has too little memory.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        *,
        target: int,
        value: Value,
        precision: Precision = "fp32",
        batch_rows: int | None = None,
    ) -> None:
        self.model, self.target, self.value = model, target, value
        self.precision = precision
        self.threshold = decision_threshold(model.config.to_dict())
        self.variants = perturbed_forward(model)
        self._batch_rows = batch_rows
        self._share = 1.0

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.model.device

    def rows_a_batch(self, num_tokens: int) -> int:
        """Return how many variants of `num_tokens` tokens a forward pass takes."""
        if self._batch_rows is not None:
            rows = float(self._batch_rows)
        elif self.device.type == "cuda":
            config = self.model.config
            wide = getattr(config, "intermediate_size", 4 * config.hidden_size)
            floats = 8 * config.hidden_size + 2 * wide
            free = torch.cuda.mem_get_info(self.device)[0]
            rows = min(8192.0, GPU_SHARE * free / (4 * floats * num_tokens))
        else:
            rows = CPU_TOKENS / num_tokens
        return max(1, int(rows * self._share))

    def value_of(self, logits: Tensor) -> Tensor:
        """Return the value of the class explained, (rows,)."""
        return class_value(logits, self.target, self.value)

    def answer(
        self,
        rows: int,
        num_tokens: int,
        logits: Callable[[slice], Tensor],
        read: Read | None = None,
    ) -> NDArray[np.float64]:
        """Return what `read` keeps of the logits of rows 0 to `rows`, (rows, ...).

        Parameters
        ----------
        num_tokens
            Of each row.
        logits
            Computes those of a slice of the rows.
        read
            Default: the value of the class explained.

        Raises
        ------
        NotFiniteError
            When one of them is not a finite number.
        """
        parts: list[NDArray[np.float64]] = []

        def keep(part: slice) -> None:
            parts.append((read or self.value_of)(logits(part)).cpu().numpy())

        self.run(rows, num_tokens, keep)
        found = np.concatenate(parts)
        if not np.isfinite(found).all():
            raise NotFiniteError(int(np.argmin(np.isfinite(found).reshape(rows, -1).all(1))))
        return found

    def run(
        self,
        rows: int,
        num_tokens: int,
        compute: Callable[[slice], None],
        *,
        most_rows: int | None = None,
    ) -> None:
        """Call `compute` with slices of 0 to `rows`, as many at once as the memory takes.

        Parameters
        ----------
        num_tokens
            Of each row.
        compute
            Runs the model over the rows of a slice.
        most_rows
            Rows a slice at most.
        """
        done = 0
        while done < rows:
            size = self.rows_a_batch(num_tokens)
            if most_rows is not None:
                size = min(size, most_rows)
            part = slice(done, min(rows, done + size))
            try:
                with torch.inference_mode(), autocast(self.device, self.precision):
                    compute(part)
            except torch.OutOfMemoryError:
                if size == 1:
                    raise
                # Half of what did not fit, whatever held it below the usual.
                self._share *= size / (2 * self.rows_a_batch(num_tokens))
                torch.cuda.empty_cache()
                continue
            done = part.stop


class Block(NamedTuple):
    """Sequences of one number of tokens, and what stands for tokens left out."""

    game: Game
    ids: NDArray[np.int64]
    """Token ids with [CLS] and [SEP], (sequences, tokens + 2)."""
    references: NDArray[np.int64] | None
    """What replaces them, (sequences, copies, tokens + 2); None leaves them out altogether."""
    tables: object
    """First-layer tables of the game's model; None where tokens are left out altogether."""

    @classmethod
    def open(
        cls, game: Game, ids: NDArray[np.int64], references: NDArray[np.int64] | None
    ) -> Block:
        """Return the block of `ids`, its tables computed."""
        if references is None:
            return cls(game, ids, None, None)
        choices = np.concatenate([ids[:, None], references], axis=1)
        with torch.inference_mode(), autocast(game.device, game.precision):
            tables = game.variants.tables(torch.from_numpy(choices).to(game.device))
        return cls(game, ids, references, tables)

    @property
    def num_sequences(self) -> int:
        """Sequences in the block."""
        return len(self.ids)

    @property
    def num_players(self) -> int:
        """Tokens of each sequence without [CLS] and [SEP]."""
        return self.ids.shape[1] - 2

    @property
    def cost(self) -> int:
        """Passes of the model an evaluation takes: one a reference."""
        return 1 if self.references is None else self.references.shape[1]

    def values(
        self, sequences: NDArray[np.int64], masks: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """Return the value of coalitions, (rows,).

        Parameters
        ----------
        sequences
            Which sequence of the block each coalition is of, (rows,).
        masks
            Tokens kept, (rows, players).

        Raises
        ------
        NotFiniteError
            When one is not a finite number; its position is that of the sequence.
        """
        return self._read(sequences, masks, self.game.value_of)

    def called(self, sequences: NDArray[np.int64], masks: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return whether coalitions are called the class explained, (rows,).

        By the model's own rule, see :mod:`dnasweep.tasks.calls`; with several references by the
        mean of their logits. Parameters as of :meth:`values`.
        """
        logits = self._read(sequences, masks, Tensor.double)
        probabilities = scipy.special.softmax(logits, axis=1)
        return call_classes(probabilities, self.game.threshold) == self.game.target

    def _read(
        self, sequences: NDArray[np.int64], masks: NDArray[np.bool_], read: Read
    ) -> NDArray[np.float64]:
        try:
            return self._mean_over_references(sequences, masks, read)
        except NotFiniteError as error:
            raise NotFiniteError(int(sequences[error.position])) from None

    def _mean_over_references(
        self, sequences: NDArray[np.int64], masks: NDArray[np.bool_], read: Read
    ) -> NDArray[np.float64]:
        if self.references is None:
            return self._without(sequences, masks, read)
        copies = self.references.shape[1]
        tokens = self.ids.shape[1]
        kept = np.ones((len(masks), tokens), bool)
        kept[:, 1:-1] = masks
        first = torch.from_numpy(sequences * ((1 + copies) * tokens)).to(self.game.device)
        kept_there = torch.from_numpy(kept).to(self.game.device)
        positions = torch.arange(tokens, device=self.game.device)

        def logits(copy: int, part: slice) -> Tensor:
            rows = torch.where(kept_there[part], 0, copy * tokens) + positions
            return self.game.variants.logits(self.tables, rows + first[part, None])  # type: ignore[arg-type]

        found = [
            self.game.answer(len(masks), tokens, partial(logits, copy), read)
            for copy in range(1, 1 + copies)
        ]
        return np.sum(found, axis=0) / copies

    def _without(
        self, sequences: NDArray[np.int64], masks: NDArray[np.bool_], read: Read
    ) -> NDArray[np.float64]:
        kept = np.ones((len(masks), self.ids.shape[1]), bool)
        kept[:, 1:-1] = masks
        counts = kept.sum(1)
        found: list[tuple[NDArray[np.int64], NDArray[np.float64]]] = []
        for count in np.unique(counts):
            rows = np.flatnonzero(counts == count)
            shorter = torch.from_numpy(self.ids[sequences[rows]][kept[rows]].reshape(-1, count))
            there = shorter.to(self.game.device)

            def logits(part: slice, there: Tensor = there) -> Tensor:
                return class_logits(self.game.model, there[part], None)

            try:
                found.append((rows, self.game.answer(len(rows), int(count), logits, read)))
            except NotFiniteError as error:
                raise NotFiniteError(int(rows[error.position])) from None
        order = np.argsort(np.concatenate([rows for rows, _ in found]))
        return np.concatenate([values for _, values in found])[order]
