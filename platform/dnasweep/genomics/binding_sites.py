"""Binding sites that variants create and disrupt: motifs scanned over either allele.

For each motif the best match that overlaps the difference counts, on either strand. Its p-value is
that of one position in random DNA with equal base frequencies (MEME's distribution of scores, by
lightmotif). A site is gained where ALT has a match with at most `motif_p` and REF has none, and lost
in the opposite case.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dnasweep.formats.motifs import Motif
from dnasweep.genomics.alleles import Allele, trimmed
from dnasweep.motifs.scanner import from_file, pack

GAIN, LOSS, KEPT = "gain", "loss", "kept"


class BindingSite(NamedTuple):
    """A motif that matches at least one allele of a variant."""

    variant: int
    """Index of the variant among those given."""
    motif: str
    name: str
    change: str
    """`gain`, `loss`, or `kept` where both alleles have a match."""
    ref_score: float
    """Best log2 odds overlapping the variant; -inf where no window of known bases does."""
    alt_score: float
    ref_p: float
    """p-value of that score at one position."""
    alt_p: float


class _AlleleBases(NamedTuple):
    """Bases of one allele that matches of any motif may lie in."""

    text: str
    start: int
    """First changed base in it."""
    changed: int
    """Changed bases; 0 where the other allele has more."""


class SiteScanner:
    """Motifs ready to be scanned over variants.

    Parameters
    ----------
    motifs
        The motifs to look for.
    p_value
        Largest p-value of a match at one position.
    """

    def __init__(self, motifs: Sequence[Motif], *, p_value: float) -> None:
        self.motifs = [from_file(motif, p_value=p_value) for motif in motifs]
        self.flank = max(motif.width for motif in self.motifs) - 1

    def sites(self, alleles: Sequence[Allele]) -> list[BindingSite]:
        """Return the sites of alleles, ordered by variant, then as the motifs are."""
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
    """Return the bases of the context, first and one past the last, that may be the ones changed.

    Of an indel in a repeat these are all of the repeat: which of its copies differs is a matter of
    notation, and another one on the reverse strand.
    """
    first = allele.offset + trimmed(allele.ref, allele.alt)[0]
    other = allele.reverse_complement()
    last = len(allele.context) - other.offset - trimmed(other.ref, other.alt)[0]
    return first, max(first, last)


def _best(
    scores: NDArray[np.float32], first: NDArray[np.int64], last: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the best score from each `first` to `last`, both included; -inf where there is none."""
    there = last >= first
    found = np.full(len(first), -np.inf)
    if there.any():
        edges = np.stack([first, last + 1], axis=1)[there].ravel()
        # The last edge may be one past the end, where reduceat would fail.
        padded = np.append(scores, -np.inf).astype(np.float64)
        found[there] = np.maximum.reduceat(padded, edges)[::2]
    return found
