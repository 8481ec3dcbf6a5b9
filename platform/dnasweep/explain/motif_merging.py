"""Words that are alike gathered around one of them, by alignment without gaps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Alignment(NamedTuple):
    """Where two words agree most."""

    score: int
    """Bases that agree."""
    offset: int
    """Where the second word begins, counted from the first base of the first; may be negative."""


def align(first: str, second: str) -> Alignment:
    """Return the alignment of most equal bases: 1 a match, 0 a mismatch, ends free, no gaps.

    Of equal ones that of the smallest shift, then the one to the left.
    """
    a, b = (np.frombuffer(word.encode(), np.uint8) for word in (first, second))
    offsets = np.arange(1 - len(b), len(a))
    equal = a[:, None] == b[None, :]
    scores = np.array([np.trace(equal, offset=-offset) for offset in offsets])
    best = np.flatnonzero(scores == scores.max())
    chosen = offsets[best[np.argmin(np.abs(offsets[best]), axis=0)]]
    return Alignment(int(scores.max()), int(chosen))


class Member(NamedTuple):
    """A word of a group."""

    word: str
    offset: int
    """Where it begins, counted from the first base of the group's first word."""


def merge(words: Sequence[str], *, min_length: int) -> dict[str, list[Member]]:
    """Gather words into groups named by their first word, as DNABERT's `merge_motifs` does.

    Shortest words first. A word joins the group whose first word it agrees with in most bases, all
    of them where several are as good, if these are at least `min_length` - 1 and half of the
    shorter word; otherwise it begins a group.

    Parameters
    ----------
    words
        Different words, in the order that breaks ties of length.
    min_length
        Of a word.
    """
    groups: dict[str, list[Member]] = {}
    for word in sorted(words, key=len):
        found = {key: align(key, word) for key in groups}
        good = {
            key: one
            for key, one in found.items()
            if one.score >= max(min_length - 1, min(len(key), len(word)) / 2)
        }
        best = max((one.score for one in good.values()), default=0)
        joined = [key for key, one in good.items() if one.score == best]
        for key in joined:
            groups[key].append(Member(word, good[key].offset))
        if not joined:
            groups[word] = [Member(word, 0)]
    return groups
