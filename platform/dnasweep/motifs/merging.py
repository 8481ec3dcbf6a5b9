"""Words that are alike gathered around one of them, by alignment without gaps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


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
    scores, offsets = _align_all(_letters(first)[None], _letters(second))
    return Alignment(int(scores[0]), int(offsets[0]))


def _letters(word: str) -> NDArray[np.uint8]:
    return np.frombuffer(word.encode(), np.uint8)


def _align_all(
    keys: NDArray[np.uint8], word: NDArray[np.uint8]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return score and offset of `word` against each of `keys`, (keys, bases)."""
    width = keys.shape[1]
    best, chosen = np.full(len(keys), -1), np.zeros(len(keys), np.int64)
    for offset in sorted(range(1 - len(word), width), key=lambda one: (abs(one), one)):
        first, last = max(0, offset), min(width, offset + len(word))
        scores = (keys[:, first:last] == word[first - offset : last - offset]).sum(axis=1)
        better = scores > best
        best[better], chosen[better] = scores[better], offset
    return best, chosen


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
    # First words by their length, so that a word is aligned to many of them at once.
    keys: dict[int, list[str]] = {}
    blocks: dict[int, NDArray[np.uint8]] = {}
    for word in sorted(words, key=len):
        letters = _letters(word)
        found: list[tuple[int, str, int]] = []
        for length, block in blocks.items():
            scores, offsets = _align_all(block, letters)
            good = np.flatnonzero(scores >= max(min_length - 1, min(length, len(word)) / 2))
            found += [(int(scores[i]), keys[length][i], int(offsets[i])) for i in good]
        best = max((score for score, _, _ in found), default=0)
        for score, key, offset in found:
            if score == best:
                groups[key].append(Member(word, offset))
        if not found:
            groups[word] = [Member(word, 0)]
            keys.setdefault(len(word), []).append(word)
            blocks[len(word)] = np.stack([_letters(key) for key in keys[len(word)]])
    return groups
