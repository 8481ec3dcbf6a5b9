"""Binding sites that variants create or disrupt: motifs scanned over either allele.

For each motif, the best match on either strand that overlaps the difference is used. Its p-value is
that of one position in random DNA with equal base frequencies (MEME's distribution of scores, computed by
lightmotif). A site is gained if ALT has a match with a p-value of at most `motif_p` and REF has none, and
lost in the opposite case.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dnasweep.formats.motif_matrix import Motif
from dnasweep.genomics.allele_windows import Allele, trimmed
from dnasweep.motifs.scanner import from_file, pack

GAIN, LOSS, KEPT = "gain", "loss", "kept"


class BindingSite(NamedTuple):
    """A motif that matches at least one allele of a variant."""

    variant: int
    """Index of the variant among the given ones."""
    motif: str
    name: str
    change: str
    """`gain`, `loss`, or `kept` if both alleles have a match."""
    ref_score: float
    """Best log2 odds of matches that overlap the variant; -inf if all of these have unknown bases."""
    alt_score: float
    ref_p: float
    """p-value of `ref_score` at one position."""
    alt_p: float


class _AlleleBases(NamedTuple):
    """Bases of one allele in which matches of any motif may lie."""

    text: str
    start: int
    """First changed base in the text."""
    changed: int
    """Number of changed bases; 0 if only the other allele has additional bases."""


class SiteScanner:
    """Motifs ready to be scanned over variants.

    Parameters
    ----------
    motifs
        The motifs to find.
    p_value
        Maximum p-value of a match at one position.
    """

    def __init__(self, motifs: Sequence[Motif], *, p_value: float) -> None:
        self.motifs = [from_file(motif, p_value=p_value) for motif in motifs]
        self.flank = max(motif.width for motif in self.motifs) - 1

    def sites(self, alleles: Sequence[Allele]) -> list[BindingSite]:
        """Return the sites of alleles, ordered by variant, then by motif as given."""
        texts = [one for allele in alleles for one in self._bases_of(allele)]
        offsets = np.cumsum([0, *(len(one.text) + 1 for one in texts)])[:-1]
        # An unknown base between them: no match extends over it.
        packed = pack("N".join(one.text for one in texts) + "N" * self.flank)
        found = []
        for motif in self.motifs:
            first = np.array([max(0, one.start - motif.width + 1) for one in texts])
            last = np.array(
                [min(one.start + one.changed - 1, len(one.text) - motif.width) for one in texts]
            )
            best = _best(motif.score_packed(packed), offsets + first, offsets + last)
            pairs = best.reshape(-1, 2)
            matches = pairs >= motif.threshold
            for row in np.flatnonzero(matches.any(1)).tolist():
                ref, alt = pairs[row].tolist()
                change = KEPT if matches[row].all() else (GAIN if matches[row, 1] else LOSS)
                p_values = (motif.p_value(one) for one in (ref, alt))
                found.append(BindingSite(row, motif.id, motif.name, change, ref, alt, *p_values))
        return sorted(found, key=lambda site: site.variant)

    def _bases_of(self, allele: Allele) -> tuple[_AlleleBases, _AlleleBases]:
        first, last = changed_span(allele)
        start = max(0, first - self.flank)
        both = []
        for text in (allele.context, allele.alternative):
            end = last + len(text) - len(allele.context)
            both.append(_AlleleBases(text[start : end + self.flank], first - start, end - first))
        return both[0], both[1]


def changed_span(allele: Allele) -> tuple[int, int]:
    """Return the range of the context, as first base and one past the last, that the variant may change.

    For an indel in a repeat, this is the whole repeat: which copy differs is a matter of notation, and is
    different on the reverse strand.
    """
    first = allele.offset + trimmed(allele.ref, allele.alt)[0]
    other = allele.reverse_complement()
    last = len(allele.context) - other.offset - trimmed(other.ref, other.alt)[0]
    return first, max(first, last)


def _best(
    scores: NDArray[np.float32], first: NDArray[np.int64], last: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the best score from each `first` to `last`, inclusive; -inf if there is none."""
    there = last >= first
    found = np.full(len(first), -np.inf)
    if there.any():
        edges = np.stack([first, last + 1], axis=1)[there].ravel()
        # The last edge may be one past the end, where reduceat would fail.
        padded = np.append(scores, -np.inf).astype(np.float64)
        found[there] = np.maximum.reduceat(padded, edges)[::2]
    return found
