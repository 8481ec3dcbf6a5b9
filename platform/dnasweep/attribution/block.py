"""Sequences with the same number of tokens, and the model's output on any coalition of their tokens.

A coalition is a set of tokens that are kept; all others are replaced by reference tokens or removed.
It is given as a mask, a row of booleans. The grouping of sequences into blocks and of coalitions into
batches changes values only by rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dnasweep.attribution.attribution import Anchor
from dnasweep.attribution.explained_model import ExplainedModel, Logits, NotFiniteError, Readout
from dnasweep.devices import to_device
from dnasweep.models.encoder.bases import Spans
from dnasweep.models.encoder.forward import class_logits
from dnasweep.models.encoder.precision import autocast

ROWS_AT_ONCE = 1 << 16
"""Maximum number of coalitions in memory at once."""

Generators = Sequence[np.random.Generator]
"""One random generator per sequence of the block, seeded by the sequence."""

Request = TypeVar("Request")
Answer = TypeVar("Answer")
Result = TypeVar("Result")


class Block(NamedTuple):
    """Sequences with the same number of tokens, and the reference tokens that replace theirs."""

    model: ExplainedModel
    ids: NDArray[np.int64]
    """Token ids with [CLS] and [SEP], (sequences, tokens + 2)."""
    references: NDArray[np.int64] | None
    """Replacement tokens, (sequences, copies, tokens + 2); None removes tokens instead."""
    tables: object
    """First-layer tables of the model; None if tokens are removed."""
    spans: Spans | None = None
    """Bases of the tokens, for a model of bases or bins."""

    @classmethod
    def of(
        cls,
        model: ExplainedModel,
        ids: NDArray[np.int64],
        references: NDArray[np.int64] | None,
        spans: Spans | None = None,
    ) -> Block:
        """Return the block of `ids` and compute its tables.

        Parameters
        ----------
        model, ids, references, spans
            The fields of the same names.
        """
        if references is None:
            return cls(model, ids, None, None, spans)
        choices = np.concatenate([ids[:, None], references], axis=1)
        with torch.inference_mode(), autocast(model.device, model.precision):
            tables = model.forward.tables(to_device(torch.from_numpy(choices), model.device))
        return cls(model, ids, references, tables, spans)

    @property
    def num_sequences(self) -> int:
        """Sequences in the block."""
        return len(self.ids)

    @property
    def num_tokens(self) -> int:
        """Tokens of each sequence without [CLS] and [SEP]."""
        return self.ids.shape[1] - 2

    @property
    def cost(self) -> int:
        """Forward passes per evaluation: one for each reference."""
        return 1 if self.references is None else self.references.shape[1]

    def values(
        self, sequences: NDArray[np.int64], masks: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """Return the model's output on coalitions, (rows,).

        Parameters
        ----------
        sequences
            The sequence of the block that each coalition belongs to, (rows,).
        masks
            Tokens that each row keeps, shape (rows, tokens).

        Raises
        ------
        NotFiniteError
            When an output is not a finite number; its position is that of the sequence.
        """
        return self._evaluate(sequences, masks, self.model.value_of)

    def values_of_each(
        self, sequences: Sequence[int] | NDArray[np.int64], masks: Sequence[NDArray[np.bool_]]
    ) -> list[NDArray[np.float64]]:
        """Return the outputs of sequences of the block, each on its own masks, (rows,) each.

        Parameters
        ----------
        sequences
            Numbers of the sequences in the block.
        masks
            Tokens that each row keeps, shape (rows, tokens).
        """
        counts = [len(own) for own in masks]
        values = self.values(np.repeat(sequences, counts), np.concatenate(masks))
        return np.split(values, np.cumsum(counts)[:-1])

    def called(self, sequences: NDArray[np.int64], masks: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return whether the model calls each coalition the class explained, (rows,).

        Calls follow the model's own rule, see :mod:`dnasweep.tasks.calls`, and use the mean logits if
        there are several references. Parameters as in :meth:`values`.
        """
        logits = self._evaluate(sequences, masks, Tensor.double)
        predicted = self.model.task.predictions(torch.from_numpy(logits)).numpy()
        return self.model.called(predicted)

    def _evaluate(
        self, sequences: NDArray[np.int64], masks: NDArray[np.bool_], readout: Readout
    ) -> NDArray[np.float64]:
        kept = np.ones((len(masks), self.ids.shape[1]), bool)
        kept[:, 1:-1] = masks
        by_reference = self.references is not None
        evaluate = self._with_references if by_reference else self._with_deletion
        try:
            return evaluate(sequences, kept, readout)
        except NotFiniteError as error:
            raise NotFiniteError(int(sequences[error.position])) from None

    def _with_references(
        self, sequences: NDArray[np.int64], kept: NDArray[np.bool_], readout: Readout
    ) -> NDArray[np.float64]:
        """Return the readout with tokens replaced by each reference, averaged over references."""
        tokens, device = self.ids.shape[1], self.model.device
        first = to_device(torch.from_numpy(sequences * ((1 + self.cost) * tokens)), device)
        kept_there = to_device(torch.from_numpy(kept), device)
        positions = torch.arange(tokens, device=device)

        owners = to_device(torch.from_numpy(sequences), device)

        def logits(copy: int, part: slice) -> Logits:
            rows = torch.where(kept_there[part], 0, copy * tokens) + positions + first[part, None]
            tables: Any = self.tables
            if self.spans is None:
                return self.model.forward.logits(tables, rows)
            return self.model.forward.places(tables, rows, self.spans.of(owners[part]))  # type: ignore[union-attr]

        found = [
            self.model.evaluate(len(kept), tokens, partial(logits, copy), readout)
            for copy in range(1, 1 + self.cost)
        ]
        return np.sum(found, axis=0) / self.cost

    def _with_deletion(
        self, sequences: NDArray[np.int64], kept: NDArray[np.bool_], readout: Readout
    ) -> NDArray[np.float64]:
        """Return the readout of the sequences of kept tokens; equal lengths are computed together."""
        counts = kept.sum(1)
        found: list[tuple[NDArray[np.int64], NDArray[np.float64]]] = []
        for count in np.unique(counts):
            rows = np.flatnonzero(counts == count)
            shorter = torch.from_numpy(self.ids[sequences[rows]][kept[rows]].reshape(-1, count))
            there = to_device(shorter, self.model.device)

            def logits(part: slice, there: Tensor = there) -> Tensor:
                return class_logits(self.model.classifier, there[part], None)

            try:
                found.append((rows, self.model.evaluate(len(rows), int(count), logits, readout)))
            except NotFiniteError as error:
                raise NotFiniteError(int(rows[error.position])) from None
        order = np.argsort(np.concatenate([rows for rows, _ in found]))
        return np.concatenate([values for _, values in found])[order]


class Estimates(NamedTuple):
    """What an estimator returns for a block."""

    phi: NDArray[np.float64]
    """Attributions, (sequences, tokens)."""
    standard_error: NDArray[np.float64]
    """Error estimates of phi, (sequences, tokens)."""
    prediction: NDArray[np.float64]
    """Output for the whole sequences, (sequences,)."""
    base_value: NDArray[np.float64]
    """Output without any token, (sequences,); nan if values need not sum to prediction - base value."""
    num_evals: NDArray[np.int64]
    """Evaluations spent, (sequences,); each costs `block.cost` forward passes."""
    anchors: Sequence[Anchor] | None = None
    """One anchor per sequence, if the estimator searches for anchors."""
    effects: Sequence[NDArray[np.float64]] | None = None
    """Effect of every mutation, (bases, 4) per sequence, if the estimator mutates bases."""


def values_of_whole(block: Block) -> NDArray[np.float64]:
    """Return the outputs with all tokens, (sequences,)."""
    every = np.arange(block.num_sequences)
    return block.values(every, np.ones((block.num_sequences, block.num_tokens), bool))


def values_without_tokens(block: Block) -> NDArray[np.float64]:
    """Return the outputs without any token, (sequences,)."""
    every = np.arange(block.num_sequences)
    return block.values(every, np.zeros((block.num_sequences, block.num_tokens), bool))


def values_for_all(
    block: Block, masks: NDArray[np.bool_], sequences: NDArray[np.int64] | None = None
) -> NDArray[np.float64]:
    """Return the outputs of sequences on the same masks, (sequences, masks).

    Parameters
    ----------
    block, sequences
        The block, and the numbers of the requested sequences; None for all.
    masks
        Tokens that each mask keeps, shape (masks, tokens).
    """
    count = len(masks)
    at_once = max(1, ROWS_AT_ONCE // count)
    every = np.arange(block.num_sequences) if sequences is None else sequences
    parts = []
    for start in range(0, len(every), at_once):
        rows = every[start : start + at_once]
        values = block.values(np.repeat(rows, count), np.tile(masks, (len(rows), 1)))
        parts.append(values.reshape(len(rows), count))
    return np.concatenate(parts)


def run_side_by_side(
    searches: Sequence[Generator[Request, Answer, Result]],
    answer: Callable[[Mapping[int, Request]], Sequence[Answer]],
) -> list[Result]:
    """Run searches whose next request depends on the answers so far; return their results.

    The requests of all searches in a round are answered together, to fill batches.

    Parameters
    ----------
    searches
        Each yields its requests, receives an answer to each, and returns its result.
    answer
        Takes the requests of a round, keyed by the number of the search, and returns the answers in
        the same order.
    """
    asked: dict[int, Request] = {}
    results: dict[int, Result] = {}

    def advance(number: int, answered: Answer | None) -> None:
        try:
            asked[number] = searches[number].send(answered)  # type: ignore[arg-type]
        except StopIteration as end:
            results[number] = end.value

    for number in range(len(searches)):
        advance(number, None)
    while asked:
        answered = list(zip(asked, answer(asked), strict=True))
        asked.clear()
        for number, one in answered:
            advance(number, one)
    return [results[number] for number in range(len(searches))]
