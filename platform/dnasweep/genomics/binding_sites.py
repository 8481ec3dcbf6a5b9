"""Binding sites that variants make and break: motifs scanned over either allele.

Of each motif the best match that overlaps what differs counts, on either strand. Its p-value is
that of one position in random DNA with equal base frequencies, from the exact distribution of
scores (lightmotif, as MEME computes it). A site is gained where ALT has a match with at most
`motif_p` and REF has none, and lost where it is the other way round.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dnasweep.formats.motifs import Motif
from dnasweep.genomics.alleles import Allele, trimmed

GAIN, LOSS, KEPT = "gain", "loss", "kept"


class BindingSite(NamedTuple):
    """A motif that matches at least one allele of a variant."""

    variant: int
    """Its place among those given."""
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


class _Stretch(NamedTuple):
    """Bases of one allele that matches of a motif may lie in."""

    text: str
    start: int
    """First changed base in it."""
    changed: int
    """Changed bases; 0 where the other allele has more."""


class SiteScanner:
    """Motifs with their thresholds.

    Parameters
    ----------
    motifs
        What to look for.
    p_value
        Of a match at one position.
    """

    def __init__(self, motifs: Sequence[Motif], *, p_value: float) -> None:
        self.motifs = list(motifs)
        self.reach = max(motif.width for motif in self.motifs) - 1
        self.thresholds = [motif.threshold(p_value) for motif in self.motifs]

    def sites(self, alleles: Sequence[Allele]) -> list[BindingSite]:
        """Return the sites of alleles, ordered by variant, then as the motifs are."""
        import lightmotif

        stretches = [one for allele in alleles for one in self._stretches(allele)]
        begins = np.cumsum([0, *(len(one.text) + 1 for one in stretches)])[:-1]
        # An unknown base between them: no match crosses it.
        striped = lightmotif.stripe("N".join(one.text for one in stretches) + "N" * self.reach)
        found = []
        for motif, threshold in zip(self.motifs, self.thresholds, strict=True):
            first = np.array([max(0, one.start - motif.width + 1) for one in stretches])
            last = np.array(
                [
                    min(one.start + one.changed - 1, len(one.text) - motif.width)
                    for one in stretches
                ]
            )
            best = np.maximum(
                _best(motif.forward.calculate(striped), begins, first, last),
                _best(motif.reverse.calculate(striped), begins, first, last),
            ).reshape(-1, 2)
            there = best >= threshold
            for row in np.flatnonzero(there.any(1)).tolist():
                ref, alt = best[row].tolist()
                change = KEPT if there[row].all() else (GAIN if there[row, 1] else LOSS)
                p_values = (motif.p_value(one) for one in (ref, alt))
                found.append(BindingSite(row, motif.id, motif.name, change, ref, alt, *p_values))
        return sorted(found, key=lambda site: site.variant)

    def _stretches(self, allele: Allele) -> tuple[_Stretch, _Stretch]:
        first, last = changed_span(allele)
        end = allele.offset + len(allele.ref)
        mutated = allele.context[: allele.offset] + allele.alt + allele.context[end:]
        start = max(0, first - self.reach)
        stretches = []
        for text in (allele.context, mutated):
            past = last + len(text) - len(allele.context)
            part = text[start : past + self.reach]
            stretches.append(_Stretch(part, first - start, past - first))
        return stretches[0], stretches[1]


def changed_span(allele: Allele) -> tuple[int, int]:
    """Return the bases of the context, first and one past the last, that may be said to differ.

    Of an indel in a repeat these are all of the repeat: which of its copies differs is a matter of
    writing, and another one on the other strand.
    """
    first = allele.offset + trimmed(allele.ref, allele.alt)[0]
    other = allele.on_other_strand()
    before = other.offset + trimmed(other.ref, other.alt)[0]
    return first, max(first, len(allele.context) - before)


def _best(
    scores: Any, begins: NDArray[np.int64], first: NDArray[np.int64], last: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the best score from `first` to `last` (both included) of each stretch."""
    values = np.asarray(memoryview(scores)).reshape(-1)[: len(scores)]
    there = last >= first
    found = np.full(len(begins), -np.inf)
    if there.any():
        edges = np.stack([begins + first, begins + last + 1], axis=1)[there].ravel()
        # The last edge may be one past the end, where a sum of nothing would be asked for.
        padded = np.append(values, -np.inf).astype(np.float64)
        found[there] = np.maximum.reduceat(padded, edges)[::2]
    return found
