"""Finding core-promoter elements in many aligned sequences at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dnasweep.data.elements import allowed_bases
from dnasweep.formats.bases import UNKNOWN, Codes

Floats = NDArray[np.float64]

PSEUDOCOUNT = 1.0
"""Sites added to a count matrix, shared by the four bases."""

_WORDS_AT_MOST = 10


@dataclass(frozen=True, kw_only=True)
class ScoringMatrix:
    """A matrix of scores, and the least score that is a hit."""

    name: str
    """How readers know it."""
    scores: tuple[tuple[float, ...], ...]
    """(width, 4) score of A, C, G and T at each base of the motif; a word's score is their sum."""
    threshold: float
    """Least score of a hit."""
    either_strand: bool = False
    """Whether a word also scores as its reverse complement does, the better of the two."""

    @property
    def width(self) -> int:
        """Bases it covers."""
        return len(self.scores)

    @cached_property
    def hit_probability(self) -> float:
        """The share of all words of its width that are hits, found by listing them.

        Raises ValueError for motifs of more than ten bases.
        """
        best = word_scores(self.scores)
        if self.either_strand:
            best = np.maximum(best, word_scores(_turned(self.scores)))
        return float((best >= self.threshold).mean())

    def score(self, codes: Codes) -> Floats:
        """Return the score of the word at every start.

        Parameters
        ----------
        codes
            (n, width) bases as `genome.bases` codes them.

        Returns
        -------
        scores
            (n, width - motif + 1); -inf for words with an unknown base.
        """
        columns = max(codes.shape[1] - self.width + 1, 0)
        strands = [self.scores, _turned(self.scores)] if self.either_strand else [self.scores]
        best = np.full((codes.shape[0], columns), -np.inf)
        for scores in strands:
            total = np.zeros_like(best)
            for place, row in enumerate(scores):
                total += np.array([*row, -np.inf])[codes[:, place : place + columns]]
            np.maximum(best, total, out=best)
        return best

    def hits(self, codes: Codes) -> NDArray[np.bool_]:
        """Return where a hit starts, shaped as :meth:`score` returns."""
        return self.score(codes) >= self.threshold


class BestHits(NamedTuple):
    """The best hit of each sequence among given starts."""

    start: NDArray[np.int64]
    """(n,) column where it starts; -1 without a hit."""
    score: Floats
    """(n,) its score; nan without a hit."""


def best_hits(motif: ScoringMatrix, codes: Codes, starts: NDArray[np.int64]) -> BestHits:
    """Return the highest-scoring hit of each sequence that starts in one of these columns.

    Of equal scores the leftmost is taken.
    """
    n = codes.shape[0]
    if not len(starts):
        return BestHits(np.full(n, -1), np.full(n, np.nan))
    scores = motif.score(codes)[:, starts]
    best = scores.argmax(axis=1)
    score = scores[np.arange(n), best]
    hit = score >= motif.threshold
    return BestHits(np.where(hit, starts[best], -1), np.where(hit, score, np.nan))


def kmer_codes(codes: Codes, width: int) -> NDArray[np.int64]:
    """Return the word at every start as a number in base 4, -1 where a base is unknown.

    Shape (n, columns - width + 1).
    """
    columns = max(codes.shape[1] - width + 1, 0)
    number = np.zeros((codes.shape[0], columns), np.int64)
    known = np.ones(number.shape, bool)
    for place in range(width):
        here = codes[:, place : place + columns]
        number = number * 4 + here
        known &= here != UNKNOWN
    return np.where(known, number, -1)


def word_scores(scores: tuple[tuple[float, ...], ...]) -> Floats:
    """Return the scores of all 4^width words in the order of their numbers."""
    if len(scores) > _WORDS_AT_MOST:
        raise ValueError(
            f"the motif has {len(scores)} bases, and words are listed for {_WORDS_AT_MOST} at most"
        )
    total = np.zeros(1)
    for row in scores:
        total = (total[:, None] + np.array(row)[None, :]).ravel()
    return total


def from_counts(
    name: str, counts: tuple[tuple[int, int, int, int], ...], *, hit_probability: float
) -> ScoringMatrix:
    """Return a position weight matrix: log2 odds of a count matrix against equal base frequencies.

    The threshold is the lowest score that at most a share `hit_probability` of all words reaches,
    found by listing them all.
    """
    table = np.array(counts, float) + PSEUDOCOUNT / 4
    odds = np.log2(table / table.sum(axis=1, keepdims=True) / 0.25)
    scores = tuple(tuple(row) for row in odds.tolist())
    listed = np.sort(word_scores(scores))[::-1]
    allowed = int(hit_probability * listed.size)
    if allowed < 1:
        raise ValueError(f"{name}: no word is as rare as {hit_probability:g}")
    # Words of equal score go in or stay out together, whatever rounding made of them.
    distinct = np.flatnonzero(-np.diff(listed) > 1e-9) + 1
    fitting = distinct[distinct <= allowed]
    if not fitting.size:
        raise ValueError(f"{name}: the best words are more than a share {hit_probability:g}")
    last = int(fitting[-1])
    threshold = float(listed[last - 1] + listed[last]) / 2
    return ScoringMatrix(name=name, scores=scores, threshold=threshold)


def _turned(scores: tuple[tuple[float, ...], ...]) -> tuple[tuple[float, ...], ...]:
    """Return the scores of the other strand: bases in A, C, G, T order complement by reversing."""
    return tuple(row[::-1] for row in scores[::-1])


def from_consensus(
    consensus: str, *, mismatches: int = 0, either_strand: bool = False
) -> ScoringMatrix:
    """Return a motif whose score is the number of bases that agree with IUPAC letters.

    A hit disagrees in at most `mismatches`.
    """
    allowed = allowed_bases(consensus).astype(float)
    return ScoringMatrix(
        name=f"{consensus}, ≤{mismatches} mismatch" if mismatches else consensus,
        scores=tuple(tuple(row) for row in allowed.tolist()),
        threshold=len(consensus) - mismatches - 0.5,
        either_strand=either_strand,
    )
