"""Greedy design: sequences are edited base by base to raise or lower a model's output, under constraints.

Each step evaluates every allowed single substitution (in-silico mutagenesis) of every sequence in one batch,
and keeps the best one of each sequence; with a beam, the best few. The search ends when no substitution
improves the output or the maximum number of edits is reached. No base is edited twice, so edits are
differences from the given sequence.

tangermeme's `greedy_substitution` (1.6) does this for one one-hot sequence per call, returns only the final
sequence without the steps, and does not support a range of GC content; ledidi needs gradients through one-hot
input. Models here read tokens of the whole text, so edits are made in the text, and each is recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dnasweep.formats.bases import decode, encode
from dnasweep.synthetic.constraints import GcRange

Floats = NDArray[np.float64]
Score = Callable[[Sequence[str]], Floats]
Expect = Callable[[Sequence[str], Sequence[Sequence[str]]], list[Floats]]
"""Function from sequences and the edited versions of each to their approximate gains."""
SMALLEST_GAIN = 1e-5
"""Minimum improvement of the output; smaller ones are rounding errors."""


ANY_GC = GcRange()


class Edit(NamedTuple):
    """One substitution."""

    position: int
    """Position of the base, from 0."""
    old: str
    new: str
    output: float
    """Model output with this edit and all earlier ones."""


class Design(NamedTuple):
    """A sequence and its edits."""

    sequence: str
    output: float
    """Model output for the given sequence."""
    edits: tuple[Edit, ...] = ()

    @property
    def designed(self) -> str:
        """The sequence with its edits."""
        letters = list(self.sequence)
        for edit in self.edits:
            letters[edit.position] = edit.new
        return "".join(letters)

    @property
    def designed_output(self) -> float:
        """Output of the sequence with its edits."""
        return self.edits[-1].output if self.edits else self.output


@dataclass(frozen=True, kw_only=True)
class Search:
    """Settings of the search for edits."""

    sign: int
    """1 to raise the output, -1 to lower it."""
    most_edits: int
    """Maximum number of edits per sequence."""
    gc: GcRange = ANY_GC
    """Range of GC content after every edit."""
    beam: int = 1
    """Number of edited sequences kept after each step, per given sequence."""
    preselect: int | None = None
    """Number of substitutions per sequence that are evaluated in each step, chosen by largest expected gain;
    None for all."""


def design(
    sequences: Sequence[str],
    kept: Sequence[NDArray[np.bool_]],
    search: Search,
    score: Score,
    *,
    expect: Expect | None = None,
    progress: Callable[[int], None] = lambda edits: None,
) -> list[Design]:
    """Return the best design of each sequence.

    Parameters
    ----------
    sequences
        Sequences; bases that are not kept must be A, C, G or T.
    kept
        Bases of each sequence that must not be edited, each of shape (bases,).
    search
        Settings of the search for edits.
    score
        Returns the outputs of sequences.
    expect
        Returns the approximate gains of edited sequences, for `search.preselect`.
    progress
        Called with the number of steps done.
    """
    start = [Design(s, float(y)) for s, y in zip(sequences, score(sequences), strict=True)]
    best = list(start)
    beams = [[one] for one in start]
    for step in range(search.most_edits):
        states = [(row, one) for row, beam in enumerate(beams) for one in beam]
        if not states:
            break
        choices = [_substitutions(one, kept[row], search.gc) for row, one in states]
        texts = [one.designed for _, one in states]
        edited = [
            [_replaced(text, *place) for place in places]
            for text, places in zip(texts, choices, strict=True)
        ]
        if search.preselect is not None and expect is not None:
            gains = expect(texts, edited)
            for number, gain in enumerate(gains):
                # Ties are broken by position: a stable order is the same on every machine.
                first = np.argsort(-search.sign * gain, kind="stable")[: search.preselect]
                first = np.sort(first)
                choices[number] = [choices[number][i] for i in first]
                edited[number] = [edited[number][i] for i in first]
        flat = [text for texts_of_one in edited for text in texts_of_one]
        outputs = iter(score(flat).tolist()) if flat else iter(())
        beams = [[] for _ in sequences]
        for (row, one), places in zip(states, choices, strict=True):
            for (position, code), output in zip(places, outputs, strict=False):
                if search.sign * (output - one.designed_output) > SMALLEST_GAIN:
                    old, new = one.sequence[position], "ACGT"[code]
                    edit = Edit(position, old, new, output)
                    beams[row].append(one._replace(edits=(*one.edits, edit)))
        for row, found in enumerate(beams):
            beams[row] = _best_of(found, search)
            if beams[row] and _gain(beams[row][0], best[row], search) > 0:
                best[row] = beams[row][0]
        progress(step + 1)
    return best


def _substitutions(one: Design, kept: NDArray[np.bool_], gc: GcRange) -> list[tuple[int, int]]:
    """Return the allowed substitutions, as position and code of the new base."""
    codes = encode(one.designed)
    free = ~kept
    free[[edit.position for edit in one.edits]] = False
    allowed = free[:, None] & (codes[:, None] != np.arange(4))
    is_gc = np.isin(np.arange(4), (1, 2)).astype(np.int64)
    old = np.isin(codes, (1, 2)).astype(np.int64)
    allowed &= gc.holds(old.sum() + is_gc - old[:, None], len(codes))
    return [(int(position), int(code)) for position, code in np.argwhere(allowed)]


def _replaced(text: str, position: int, code: int) -> str:
    return f"{text[:position]}{decode(np.array([code], np.uint8))}{text[position + 1 :]}"


def _best_of(found: list[Design], search: Search) -> list[Design]:
    """Return the best designs, without duplicate sequences."""
    order = sorted(found, key=lambda one: -search.sign * one.designed_output)
    unique: dict[str, Design] = {}
    for one in order:
        unique.setdefault(one.designed, one)
        if len(unique) == search.beam:
            break
    return list(unique.values())


def _gain(one: Design, other: Design, search: Search) -> float:
    return search.sign * (one.designed_output - other.designed_output)
