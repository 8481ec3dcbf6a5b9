"""The interface of masking schemes, and the masking of chosen tokens.

A scheme chooses the tokens to predict. Their replacements are the same in all schemes: 80 % are
replaced by [MASK], 10 % by a random real token, and 10 % are unchanged (fractions of
:class:`dnasweep.config.MaskingConfig`). A new scheme is a subclass of :class:`MaskingScheme` with
a unique name::

    @register("mine")
    class Mine(MaskingScheme):
        def choose(self, tokens, draw): ...

Existing schemes are in :mod:`.plain`, :mod:`.pmi` and :mod:`.curricula`. A new file must be
imported by :mod:`.registry`, whose :func:`~.registry.make_masking` creates a scheme by name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dnasweep.config import MaskingConfig, TokenizerConfig
from dnasweep.tokens.pmi import PmiTable
from dnasweep.tokens.randomness import uniform
from dnasweep.tokens.tokenizers import DnaTokenizer

IGNORED = -100
"""The label of tokens that are not predicted."""

CHOICE, _KIND, _REPLACEMENT, BASE, TIE, _PART = range(6)


class Tokens(NamedTuple):
    """The tokens of a batch; all arrays have shape ``(B, T)``."""

    ids: NDArray[np.int64]
    """Token ids."""
    starts: NDArray[np.int32]
    """First base of each token."""
    ends: NDArray[np.int32]
    """One past the last base of each token."""
    maskable: NDArray[np.bool_]
    """Whether tokens may be masked: all except special tokens, padding and tokens with unknown bases."""


class Masked(NamedTuple):
    """A batch with masked tokens; all arrays have shape ``(B, T)``."""

    input_ids: NDArray[np.int64]
    """Ids that the model sees."""
    labels: NDArray[np.int64]
    """Ids to predict for chosen tokens, -100 for others."""
    bases_of_masked_tokens: NDArray[np.float64]
    """Number of bases of each chosen token that no visible token contains; 0 for others. A base is
    counted for every chosen token that contains it."""


class MaskingProgress(NamedTuple):
    """The progress of a training run on which masks may depend."""

    step: int = 0
    """Number of the optimizer step, from 0."""
    total_steps: int = 1
    """Total number of steps."""
    perplexities: tuple[float, ...] = ()
    """Validation perplexity at every evaluation before the step, in order."""


Draw = Callable[[int], NDArray[np.float64]]
"""Returns uniform numbers in [0, 1) for each (row, position) of the batch, shape ``(B, T)``, for a
stream number; the streams of a scheme start at 16."""


class MaskingScheme(ABC):
    """Chooses tokens and masks them.

    Parameters
    ----------
    config
        Rate and fractions.
    tokenizer
        The tokenizer whose ids are masked.
    table
        Scores of k-mers, for schemes that :attr:`need_pmi`.
    """

    name: str
    need_pmi: ClassVar[bool] = False
    """Whether the scheme chooses by a table of pointwise mutual information."""

    def __init__(
        self, config: MaskingConfig, tokenizer: DnaTokenizer, table: PmiTable | None = None
    ) -> None:
        self.config = config
        self.tokenizer = tokenizer

    @classmethod
    def refusal(cls, tokenizer: TokenizerConfig) -> str:
        """Return why the scheme does not fit a tokenizer; empty if it does."""
        return ""

    def mixture(self, progress: MaskingProgress) -> tuple[tuple[float, MaskingScheme], ...]:
        """Return the possible schemes of a training step at `progress`, with probabilities."""
        return ((1.0, self),)

    def at(self, progress: MaskingProgress, *, seed: int) -> MaskingScheme:
        """Return the scheme that masks a complete training step.

        It depends only on `seed` and `progress`, so it is the same for all workers and
        micro-batches of a step.
        """
        parts = self.mixture(progress)
        drawn = float(uniform(seed, 0, _PART, [0], [progress.step])[0])
        below = np.cumsum([probability for probability, _ in parts])
        return parts[min(int(np.searchsorted(below, drawn, "right")), len(parts) - 1)][1]

    @abstractmethod
    def choose(self, tokens: Tokens, draw: Draw) -> NDArray[np.bool_]:
        """Return the tokens to predict, shape ``(B, T)``.

        A token that is not `maskable` is never predicted, even if chosen. A row may have no chosen
        token.
        """

    def mask(
        self,
        ids: ArrayLike,
        starts: ArrayLike,
        ends: ArrayLike,
        lengths: ArrayLike,
        *,
        rows: ArrayLike,
        seed: int,
        epoch: int,
    ) -> Masked:
        """Mask tokens of a batch; the arrays given are not changed.

        Parameters
        ----------
        ids, starts, ends, lengths
            As in :class:`dnasweep.tokens.corpus.Batch`.
        rows
            Identity of each row, shape ``(B,)``. The choice depends only on these, on `seed` and
            `epoch`, and on the row itself.
        seed, epoch
            Any integers.
        """
        ids, starts, ends = np.asarray(ids, np.int64), np.asarray(starts), np.asarray(ends)
        columns = np.arange(ids.shape[1])
        inside = columns < np.asarray(lengths)[:, None]
        maskable = inside & self.tokenizer.is_dna[ids]
        rows = np.asarray(rows, np.int64)

        def draw(stream: int) -> NDArray[np.float64]:
            return uniform(seed, epoch, stream, rows[:, None], columns[None, :])

        chosen = self.choose(Tokens(ids, starts, ends, maskable), draw) & maskable
        row, column = np.nonzero(chosen)
        at = partial(uniform, seed, epoch)
        kind = at(_KIND, rows[row], _run_starts(row, column))
        real = self.tokenizer.real_ids
        other = real[(at(_REPLACEMENT, rows[row], column) * real.size).astype(np.int64)]
        original = ids[row, column]
        masked_below = self.config.mask_fraction
        random_below = masked_below + self.config.random_fraction
        seen = np.where(kind < random_below, other, original)
        seen = np.where(kind < masked_below, self.tokenizer.mask_id, seen)
        input_ids = ids.copy()
        input_ids[row, column] = seen
        if self.tokenizer.config.overlapping:
            masked = _bases_of_masked_tokens(starts, ends, chosen, maskable & ~chosen)
        else:
            masked = np.where(chosen, ends - starts, 0).astype(np.float64)
        return Masked(input_ids, np.where(chosen, ids, IGNORED), masked)


SCHEMES: dict[str, type[MaskingScheme]] = {}
"""Masking schemes by name."""


def register(name: str) -> Callable[[type[MaskingScheme]], type[MaskingScheme]]:
    """Register a scheme under a name that no other scheme has."""

    def add(scheme: type[MaskingScheme]) -> type[MaskingScheme]:
        if name in SCHEMES or name == "auto":
            raise ValueError(f"the masking scheme {name!r} is registered already")
        scheme.name = name
        SCHEMES[name] = scheme
        return scheme

    return add


def _run_starts(row: NDArray[np.int64], column: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return, for each of the sorted positions, the first column of its run of neighbours."""
    begins = np.ones(row.size, bool)
    begins[1:] = (np.diff(row) != 0) | (np.diff(column) != 1)
    return column[np.flatnonzero(begins)[np.cumsum(begins) - 1]]


def _bases_of_masked_tokens(
    starts: NDArray[np.int32],
    ends: NDArray[np.int32],
    chosen: NDArray[np.bool_],
    visible: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Count the bases of each chosen token that no visible token of its row contains."""
    result = np.zeros(chosen.shape)
    visible_bases = _covered(starts, ends, visible)
    masked_before = np.zeros((chosen.shape[0], visible_bases.shape[1] + 1), np.int64)
    np.cumsum(~visible_bases, axis=1, out=masked_before[:, 1:])
    row, column = np.nonzero(chosen)
    first, last = starts[row, column], ends[row, column]
    result[row, column] = masked_before[row, last] - masked_before[row, first]
    return result


def masked_bases(
    starts: NDArray[np.int32],
    ends: NDArray[np.int32],
    chosen: NDArray[np.bool_],
    visible: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """Count the distinct bases of each row that are in chosen but not in visible tokens.

    Parameters
    ----------
    starts, ends
        First base and one past the last base of each token, shape ``(B, T)``.
    chosen
        Tokens to predict, shape ``(B, T)``.
    visible
        Tokens that the model sees, shape ``(B, T)``.
    """
    masked = _covered(starts, ends, chosen) & ~_covered(starts, ends, visible)
    return masked.sum(axis=1)


def _covered(
    starts: NDArray[np.int32], ends: NDArray[np.int32], which: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return whether each base of each row is in one of the selected tokens."""
    width = int(ends.max(initial=0)) + 1
    row, column = np.nonzero(which)
    size = which.shape[0] * width
    begins = np.bincount(row * width + starts[row, column], minlength=size)
    stops = np.bincount(row * width + ends[row, column], minlength=size)
    return np.cumsum((begins - stops).reshape(-1, width), axis=1) > 0
