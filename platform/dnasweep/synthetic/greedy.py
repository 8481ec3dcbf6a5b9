"""Sequences edited base by base so that a model's output rises or falls, under constraints.

Each step computes every single substitution that is allowed (in-silico mutagenesis) of every sequence
in one batch, and keeps the best of each; with a beam, the best few. It ends when nothing improves the output
or the edits are used up. No base is edited twice, so that edits are differences from the sequence given.

tangermeme's `greedy_substitution` (1.6) does this for one one-hot sequence a call, tells the last sequence and
no step, and knows no range of GC content; ledidi needs gradients through one-hot input. Models here read
tokens of the whole text, so edits are made in text, and each is on record.
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
"""Of sequences and the edited ones of each, what these gain, roughly."""
SMALLEST_GAIN = 1e-5
"""Of the output: less is rounding, and no improvement."""


ANY_GC = GcRange()


class Edit(NamedTuple):
    """One substitution."""

    position: int
    """From 0."""
    old: str
    new: str
    output: float
    """Of the model, with this edit and all before it."""


class Design(NamedTuple):
    """A sequence and what became of it."""

    sequence: str
    output: float
    """Of the sequence as it is."""
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
    """How edits are sought."""

    sign: int
    """1 to raise the output, -1 to lower it."""
    most_edits: int
    """Of a sequence."""
    gc: GcRange = ANY_GC
    """Of every sequence on the way."""
    beam: int = 1
    """Sequences that each step goes on with, of each sequence given."""
    preselect: int | None = None
    """Substitutions of a sequence that are computed each step: those of the largest expected gain.
    None: all."""


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
        Of A, C, G and T where they are not kept.
    kept
        Bases of each sequence that must not be edited, each of shape (bases,).
    search
        Settings of the search for edits.
    score
        Returns the outputs of sequences.
    expect
        Returns what edited sequences gain roughly, for `search.preselect`.
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
                # Ties by place: a stable order is the same on every machine.
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
    """Return the substitutions that are allowed, as position and code of the new base."""
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
    """Return the best designs, each sequence once."""
    order = sorted(found, key=lambda one: -search.sign * one.designed_output)
    unique: dict[str, Design] = {}
    for one in order:
        unique.setdefault(one.designed, one)
        if len(unique) == search.beam:
            break
    return list(unique.values())


def _gain(one: Design, other: Design, search: Search) -> float:
    return search.sign * (one.designed_output - other.designed_output)
