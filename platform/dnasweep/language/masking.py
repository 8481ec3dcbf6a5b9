"""What masked language modelling hides: schemes chosen by name.

A scheme chooses the tokens to predict; what replaces them is the same for all: 80 % [MASK], 10 % a
random real token, 10 % left as they are (fractions of :class:`dnasweep.config.MaskingConfig`). A
new scheme is a subclass of :class:`MaskingScheme` under a name of its own::

    @register("mine")
    class Mine(MaskingScheme):
        def choose(self, ids, starts, ends, maskable, draw): ...
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dnasweep.config import MaskingConfig
from dnasweep.errors import InputError
from dnasweep.language.randomness import uniform
from dnasweep.language.tokenizers import DnaTokenizer

IGNORED = -100
"""The label of a token that is not to be predicted."""

_CHOICE, _FATE, _REPLACEMENT, _BASE = range(4)


class Masked(NamedTuple):
    """A batch with tokens hidden; all arrays have shape ``(B, T)``."""

    input_ids: NDArray[np.int64]
    """Ids the model sees."""
    labels: NDArray[np.int64]
    """Ids to predict where chosen, -100 elsewhere."""
    hidden_bases: NDArray[np.float64]
    """Bases of a chosen token that no token left visible shows; 0 elsewhere."""


class Draw(Protocol):
    """Uniform numbers in [0, 1) for each (row, position) of the batch, shape ``(B, T)``."""

    def __call__(self, stream: int) -> NDArray[np.float64]:
        """Draw; a scheme's own streams begin at 16."""


class MaskingScheme(ABC):
    """Chooses tokens and hides them.

    Parameters
    ----------
    config
        Rate and fractions.
    tokenizer
        The tokenizer whose ids are masked.
    """

    name: str

    def __init__(self, config: MaskingConfig, tokenizer: DnaTokenizer) -> None:
        self.config = config
        self.tokenizer = tokenizer

    @abstractmethod
    def choose(
        self,
        ids: NDArray[np.int64],
        starts: NDArray[np.int32],
        ends: NDArray[np.int32],
        maskable: NDArray[np.bool_],
        draw: Draw,
    ) -> NDArray[np.bool_]:
        """Return the tokens to predict, shape ``(B, T)``.

        A token that is not `maskable` is never predicted even if chosen. Every row with a maskable
        token should have one chosen.
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
        """Hide tokens of a batch; the arrays given are not changed.

        Parameters
        ----------
        ids, starts, ends, lengths
            As in :class:`dnasweep.language.batches.Batch`.
        rows
            Identity of each row, shape ``(B,)``: with `seed` and `epoch` all that the choice
            depends on besides the row itself.
        seed, epoch
            Any integers.
        """
        ids, starts, ends = np.asarray(ids, np.int64), np.asarray(starts), np.asarray(ends)
        columns = np.arange(ids.shape[1])
        inside = columns < np.asarray(lengths)[:, None]
        maskable = inside & (ids > self.tokenizer.mask_id)
        rows = np.asarray(rows, np.int64)

        def draw(stream: int) -> NDArray[np.float64]:
            return uniform(seed, epoch, stream, rows[:, None], columns[None, :])

        chosen = self.choose(ids, starts, ends, maskable, draw) & maskable
        row, column = np.nonzero(chosen)
        at = partial(uniform, seed, epoch)
        fate = at(_FATE, rows[row], _run_starts(row, column))
        real = self.tokenizer.real_ids
        other = real[(at(_REPLACEMENT, rows[row], column) * real.size).astype(np.int64)]
        original = ids[row, column]
        masked_below = self.config.mask_fraction
        random_below = masked_below + self.config.random_fraction
        seen = np.where(fate < random_below, other, original)
        seen = np.where(fate < masked_below, self.tokenizer.mask_id, seen)
        input_ids = ids.copy()
        input_ids[row, column] = seen
        if self.tokenizer.config.overlapping:
            hidden = hidden_bases(starts, ends, chosen, maskable & ~chosen)
        else:
            hidden = np.where(chosen, ends - starts, 0).astype(np.float64)
        return Masked(input_ids, np.where(chosen, ids, IGNORED), hidden)

    def all_masked(self) -> MaskingScheme:
        """Return the same scheme with [MASK] for every chosen token.

        Bits per base measured so say what the rest of the sequence tells of a base; with some
        tokens left as they are, the answer is in the input.
        """
        config = dataclasses.replace(self.config, mask_fraction=1.0, random_fraction=0.0)
        return type(self)(config, self.tokenizer)


SCHEMES: dict[str, type[MaskingScheme]] = {}
"""Masking schemes by name."""


def register(name: str) -> Callable[[type[MaskingScheme]], type[MaskingScheme]]:
    """Make a scheme known under `name`; a name can be taken once."""

    def add(scheme: type[MaskingScheme]) -> type[MaskingScheme]:
        if name in SCHEMES or name == "auto":
            raise ValueError(f"the masking scheme {name!r} is registered already")
        scheme.name = name
        SCHEMES[name] = scheme
        return scheme

    return add


def make_masking(config: MaskingConfig, tokenizer: DnaTokenizer) -> MaskingScheme:
    """Return the scheme that `config` names; `auto` is `span` where tokens overlap, else `random`.

    Raises
    ------
    InputError
        If no scheme has that name.
    """
    name = config.scheme
    if name == "auto":
        name = "span" if tokenizer.config.overlapping else "random"
    if name not in SCHEMES:
        known = ", ".join(["auto", *sorted(SCHEMES)])
        raise InputError(f"masking scheme {name!r} is not known", remedy=f"Use one of {known}.")
    return SCHEMES[name](config, tokenizer)


@register("random")
class RandomMasking(MaskingScheme):
    """Each token by itself, with probability `rate`."""

    def choose(self, ids: Any, starts: Any, ends: Any, maskable: Any, draw: Draw) -> Any:
        """Choose tokens independently."""
        return _at_rate(draw(_CHOICE), maskable, self.config.rate)


@register("span")
class SpanMasking(MaskingScheme):
    """All tokens that contain one base of a centre, as DNABERT masks overlapping k-mers.

    Centres are drawn independently. Each hides one base: the tokens that contain it are predicted,
    so no visible neighbour shows it. With stride 1 it is base k // 2 of the centre, and the tokens
    are c-2 ... c+3 for k = 6, DNABERT's own offsets. With stride s it is drawn from the s bases
    around that place, so that every base of a sequence is as likely to be drawn as any other. A
    centre whose base no other token contains is masked alone, so where tokens never overlap this
    is `random`.

    On average k / s tokens contain a base, so centres are drawn with probability rate * s / k
    (DNABERT: 0.15 / k). Spans that run into each other bring the fraction of tokens predicted
    somewhat below `rate`: 13.9 % for k = 6 at 15 %.

    Tokens of one run are all masked, all replaced at random or all left: were that drawn for each
    token, a token left as it is would show the base that its neighbours are to predict.
    """

    def choose(self, ids: Any, starts: Any, ends: Any, maskable: Any, draw: Draw) -> Any:
        """Choose centres, and with each all tokens that contain its base."""
        config = self.tokenizer.config
        k, stride = (config.k, config.stride) if config.overlapping else (1, 1)
        centres = _at_rate(draw(_CHOICE), maskable, self.config.rate * stride / k)
        row, column = np.nonzero(centres)
        offset = np.full(row.size, k // 2 - stride // 2)
        if stride > 1:
            offset += (draw(_BASE)[row, column] * stride).astype(np.int64)
        # A token of the tail has one base.
        base = np.minimum(starts[row, column] + offset, ends[row, column] - 1)
        chosen = centres.copy()
        reach = (k - 1) // stride
        for shift in (*range(-reach, 0), *range(1, reach + 1)):
            near = np.clip(column + shift, 0, ids.shape[1] - 1)
            shares = (starts[row, near] <= base) & (base < ends[row, near])
            chosen[row[shares], near[shares]] = True
        return chosen


def _at_rate(
    draws: NDArray[np.float64], maskable: NDArray[np.bool_], rate: float
) -> NDArray[np.bool_]:
    """Choose maskable tokens with draws below `rate`, and in each row at least the lowest one."""
    draws = np.where(maskable, draws, 2.0)
    if draws.shape[1] == 0:
        return maskable.copy()
    return (draws < rate) | (maskable & (draws == draws.min(axis=1, keepdims=True)))


def _run_starts(row: NDArray[np.int64], column: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the first column of the run of neighbours that each of the sorted places is in."""
    begins = np.ones(row.size, bool)
    begins[1:] = (np.diff(row) != 0) | (np.diff(column) != 1)
    return column[np.flatnonzero(begins)[np.cumsum(begins) - 1]]


def hidden_bases(
    starts: NDArray[np.int32],
    ends: NDArray[np.int32],
    chosen: NDArray[np.bool_],
    visible: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Count the bases of each chosen token that no visible token of its row contains."""
    result = np.zeros(chosen.shape)
    width = int(ends.max(initial=0)) + 1
    row, column = np.nonzero(visible)
    size = chosen.shape[0] * width
    begins = np.bincount(row * width + starts[row, column], minlength=size)
    stops = np.bincount(row * width + ends[row, column], minlength=size)
    shown = np.cumsum((begins - stops).reshape(-1, width), axis=1) > 0
    hidden_before = np.zeros((chosen.shape[0], width + 1), np.int64)
    np.cumsum(~shown, axis=1, out=hidden_before[:, 1:])
    row, column = np.nonzero(chosen)
    first, last = starts[row, column], ends[row, column]
    result[row, column] = hidden_before[row, last] - hidden_before[row, first]
    return result
