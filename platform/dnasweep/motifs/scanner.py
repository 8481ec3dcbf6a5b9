"""Scanner for motifs: position weight matrices, scores of k-mers, hits and p-values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dnasweep.data.planted_elements import allowed_bases
from dnasweep.formats.bases import UNKNOWN, Codes
from dnasweep.formats.motif_matrix import Motif
from dnasweep.motifs.hit_thresholds import Rows, kmer_scores, listed_threshold

Floats = NDArray[np.float64]

COUNT_PSEUDOCOUNT = 1.0
"""Number of sites added to each column of a count matrix, divided equally among the four bases."""
SITES, PSEUDOCOUNT = 20.0, 0.1
"""A matrix of probabilities is assumed to come from this many sites and gets this pseudocount, as in FIMO
if a motif does not state its own."""
STEPS = 1000
"""Number of steps between the lowest and the highest score in MEME's distribution."""


@dataclass(frozen=True, kw_only=True)
class ScoringMatrix:
    """A position weight matrix, and the minimum score of a hit."""

    name: str
    """Name for readers, such as TBP."""
    scores: Rows
    """Scores of A, C, G and T at each base of the motif, (width, 4); the score of a k-mer is their
    sum."""
    threshold: float
    """Minimum score of a hit."""
    either_strand: bool = False
    """Whether the score of a k-mer is the maximum of its own and that of its reverse complement."""
    id: str = ""
    """Accession, such as MA0108.3."""

    @property
    def width(self) -> int:
        """Width in bases."""
        return len(self.scores)

    @cached_property
    def hit_probability(self) -> float:
        """Fraction of all k-mers of this width that are hits, by enumeration.

        Raises ValueError for motifs of more than ten bases.
        """
        best = kmer_scores(self.scores)
        if self.either_strand:
            best = np.maximum(best, kmer_scores(_reverse_complement(self.scores)))
        return float((best >= self.threshold).mean())

    def score(self, codes: Codes) -> Floats:
        """Return the score of the k-mer at every start, in double precision.

        Parameters
        ----------
        codes
            Bases as codes of :mod:`dnasweep.formats.bases`, (n, columns).

        Returns
        -------
        scores
            Scores, (n, columns - width + 1); -inf for k-mers with an unknown base.
        """
        columns = max(codes.shape[1] - self.width + 1, 0)
        strands = [self.scores]
        if self.either_strand:
            strands.append(_reverse_complement(self.scores))
        best = np.full((codes.shape[0], columns), -np.inf)
        for scores in strands:
            total = np.zeros_like(best)
            for offset, row in enumerate(scores):
                total += np.array([*row, -np.inf])[codes[:, offset : offset + columns]]
            np.maximum(best, total, out=best)
        return best

    def hits(self, codes: Codes) -> NDArray[np.bool_]:
        """Return whether a hit starts at each position, in the shape of :meth:`score`."""
        return self.score(codes) >= self.threshold

    @cached_property
    def _lightmotif(self) -> list[Any]:
        import lightmotif

        # lightmotif orders bases as A, C, T, G.
        columns = {
            base: [row[i] for row in self.scores]
            for base, i in zip("ACTG", (0, 1, 3, 2), strict=True)
        }
        forward = lightmotif.ScoringMatrix({**columns, "N": [float("-inf")] * self.width})
        return [forward, forward.reverse_complement()] if self.either_strand else [forward]

    def score_packed(self, packed: Any) -> NDArray[np.float32]:
        """Return the score at every start of one long sequence, in single precision.

        Equivalent to :meth:`score`, with lightmotif's vector instructions, for hundreds of motifs.

        Parameters
        ----------
        packed
            A sequence of letters from :func:`pack`.
        """
        found = (strand.calculate(packed) for strand in self._lightmotif)
        strands = [np.asarray(memoryview(one)).reshape(-1)[: len(one)] for one in found]
        return np.maximum.reduce(strands)

    @cached_property
    def _range(self) -> tuple[float, float]:
        scores = np.array(self.scores)
        return float(scores.min(1).sum()), float(scores.max(1).sum())

    def p_value(self, score: float) -> float:
        """Return the probability that one position of random DNA, on one strand, scores as high.

        The distribution of scores is computed as in MEME (by lightmotif), under equal base frequencies.
        """
        if score == float("-inf"):
            return 1.0
        low, high = self._range
        # For a score, the library returns the probability of higher scores: 0 for the best k-mer.
        return float(self._lightmotif[0].pvalue(score - (high - low) / STEPS))

    def threshold_at(self, p_value: float) -> float:
        """Return the lowest score with at most this :meth:`p_value`; infinity if no k-mer reaches it."""
        low, highest = self._range
        if self.p_value(highest) > p_value:
            return float("inf")
        high = highest + (highest - low) / STEPS
        for _ in range(50):
            middle = (low + high) / 2
            low, high = (low, middle) if self.p_value(middle) <= p_value else (middle, high)
        return high


def pack(text: str) -> Any:
    """Return letters in lightmotif's encoding, for :meth:`ScoringMatrix.score_packed`."""
    import lightmotif

    return lightmotif.stripe(text)


class BestHits(NamedTuple):
    """The best hit of each sequence among given starts."""

    start: NDArray[np.int64]
    """Column where the hit starts, (n,); -1 without a hit."""
    score: Floats
    """Score of the hit, (n,); nan without a hit."""


def best_hits(motif: ScoringMatrix, codes: Codes, starts: NDArray[np.int64]) -> BestHits:
    """Return the highest-scoring hit of each sequence that starts in one of these columns.

    Of hits with equal scores, the leftmost is returned.

    Parameters
    ----------
    motif
        Motif to find.
    codes
        Bases, (n, columns).
    starts
        Columns where a hit may start, ascending.
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
    """Return the k-mer at every start as a number in base 4; -1 if a base is unknown.

    Shape (n, columns - width + 1).

    Examples
    --------
    >>> kmer_codes(np.array([[0, 1, 2, 4]], np.uint8), 2).tolist()
    [[1, 6, -1]]
    """
    columns = max(codes.shape[1] - width + 1, 0)
    number = np.zeros((codes.shape[0], columns), np.int64)
    known = np.ones(number.shape, bool)
    for offset in range(width):
        here = codes[:, offset : offset + columns]
        number = number * 4 + here
        known &= here != UNKNOWN
    return np.where(known, number, -1)


def from_counts(
    name: str, counts: tuple[tuple[int, int, int, int], ...], *, hit_probability: float
) -> ScoringMatrix:
    """Return the log2 odds of a count matrix against equal base frequencies.

    Parameters
    ----------
    name
        Name shown to readers.
    counts
        Number of sites with A, C, G and T, (width, 4).
    hit_probability
        Maximum fraction of all k-mers that may be hits; see :func:`listed_threshold`.
    """
    table = np.array(counts, float) + COUNT_PSEUDOCOUNT / 4
    scores = _rows(np.log2(table / table.sum(axis=1, keepdims=True) / 0.25))
    try:
        threshold = listed_threshold(scores, hit_probability)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    return ScoringMatrix(name=name, scores=scores, threshold=threshold)


def from_consensus(
    consensus: str, *, mismatches: int = 0, either_strand: bool = False
) -> ScoringMatrix:
    """Return a motif whose score is the number of bases that agree with IUPAC letters.

    Parameters
    ----------
    consensus
        IUPAC letters.
    mismatches
        Number of mismatches allowed in a hit.
    either_strand
        Whether hits on either strand count.
    """
    return ScoringMatrix(
        name=f"{consensus}, ≤{mismatches} mismatch" if mismatches else consensus,
        scores=_rows(allowed_bases(consensus).astype(float)),
        threshold=len(consensus) - mismatches - 0.5,
        either_strand=either_strand,
    )


def from_file(motif: Motif, *, p_value: float) -> ScoringMatrix:
    """Return a motif from a file as log2 odds on either strand.

    A hit has at most this p-value at its position; see :meth:`ScoringMatrix.threshold_at`.
    """
    mixed = (SITES * motif.probabilities + PSEUDOCOUNT / 4) / (SITES + PSEUDOCOUNT)
    matrix = ScoringMatrix(
        id=motif.id,
        name=motif.name,
        scores=_rows(np.log2(4 * mixed)),
        threshold=float("inf"),
        either_strand=True,
    )
    return replace(matrix, threshold=matrix.threshold_at(p_value))


def _rows(scores: Floats) -> Rows:
    return tuple(tuple(row) for row in scores.tolist())


def _reverse_complement(scores: Rows) -> Rows:
    """Return the scores of the other strand: reversing A, C, G, T complements them."""
    return tuple(row[::-1] for row in scores[::-1])
