"""A variant in its surroundings: the windows that hold either allele, on either strand.

A window begins a fixed number of bases before the variant, so that what lies before it stands
still when an indel moves what lies behind. Near the end of a chromosome windows move inwards; of a
chromosome shorter than the window all is taken. Both alleles are treated alike: with REF and ALT
exchanged, the same windows come in the other order.

Each strand is treated as if the genome were given as it: before, left and right are as one reads
it. A window of even width, which has no middle, so begins as many bases before the variant on
either strand, and an indel that can be moved along a repeat stands at the beginning of it. So the
reverse complement of a genome has the same windows, those of the strands exchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from dnasweep.formats.bases import reverse_complement

Fetch = Callable[[int, int], str]
"""The bases of a chromosome from a start to an end, 0-based, half-open; upper case."""


class Allele(NamedTuple):
    """One alternative allele and the bases around it."""

    context: str
    """The reference around the variant, as far as any window reaches."""
    offset: int
    """First base of `ref` in it."""
    ref: str
    alt: str
    lead: int
    """Bases of the centred window before the variant."""
    other_offset: int
    """First base of the variant in the reverse complement of `context`, as far left there as it
    goes."""
    other_lead: int
    """Bases of the centred window before it there."""

    @property
    def span(self) -> tuple[int, int]:
        """Bases of `context`, first and one past the last, among which the variant can be moved."""
        return self.offset, len(self.context) - self.other_offset

    @property
    def alternative(self) -> str:
        """The context with the alternative allele."""
        end = self.offset + len(self.ref)
        return self.context[: self.offset] + self.alt + self.context[end:]

    def reverse_complement(self) -> Allele:
        """Return the same variant on the reverse strand."""
        context, start = reverse_complement(self.context), self.other_offset
        return Allele(
            context=context,
            offset=start,
            ref=context[start : start + len(self.ref)],
            alt=reverse_complement(self.alternative)[start : start + len(self.alt)],
            lead=self.other_lead,
            other_offset=self.offset,
            other_lead=self.lead,
        )


class Pair(NamedTuple):
    """A window with either allele."""

    ref: str
    alt: str


def upstream_offsets(
    lead: int, shifts: Sequence[int], *, window: int, ref: str, alt: str, before: int, behind: int
) -> list[int]:
    """Return the bases before the variant, of the centred window and of each moved one.

    Parameters
    ----------
    lead
        Bases before it that are wanted.
    shifts
        Bases to the right that windows are moved by.
    before, behind
        Bases that the chromosome has before and behind the reference allele.
    """
    shorter = min(len(ref), len(alt))
    wanted = (lead - shift for shift in (0, *shifts))
    return [max(0, min(before, max(one, window - shorter - behind))) for one in wanted]


def flanks(
    fetch: Fetch,
    length: int,
    start: int,
    ref: str,
    alt: str,
    *,
    lead: int,
    shifts: Sequence[int],
    window: int,
    other_lead: int | None = None,
) -> Allele:
    """Return an allele with as much of its chromosome as its windows can reach on either strand.

    Parameters
    ----------
    fetch, length
        The chromosome.
    start
        0-based position of `ref`, normalised.
    other_lead
        Bases before it on the other strand that are wanted; None: as many as `lead`.
    """
    other_lead = lead if other_lead is None else other_lead

    def fetch_other(first: int, last: int) -> str:
        return reverse_complement(fetch(length - last, length - first))

    other = normalise(
        fetch_other,
        length - start - len(ref),
        reverse_complement(ref),
        reverse_complement(alt),
    )
    reaches = []
    for wanted, (at, one, two) in ((lead, (start, ref, alt)), (other_lead, other)):
        behind = length - at - len(one)
        chosen = upstream_offsets(
            wanted, shifts, window=window, ref=one, alt=two, before=at, behind=behind
        )
        shorter = min(len(one), len(two))
        end = at + len(one) + min(behind, max(0, window - shorter - min(chosen)))
        reaches.append((at - max(chosen), end))
    (first, last), (other_first, other_last) = reaches
    first, last = min(first, length - other_last), max(last, length - other_first)
    other_offset = other[0] - (length - last)
    return Allele(fetch(first, last), start - first, ref, alt, lead, other_offset, other_lead)


def pairs(allele: Allele, *, window: int, shifts: Sequence[int] = ()) -> list[Pair]:
    """Return the windows of an allele on its strand: the centred one, then the moved ones."""
    before = allele.context[: allele.offset]
    behind = allele.context[allele.offset + len(allele.ref) :]
    return [
        Pair(*(_window(before, text, behind, one, window) for text in (allele.ref, allele.alt)))
        for one in _leads_of(allele, window, shifts)
    ]


def _leads_of(allele: Allele, window: int, shifts: Sequence[int]) -> list[int]:
    return upstream_offsets(
        allele.lead,
        shifts,
        window=window,
        ref=allele.ref,
        alt=allele.alt,
        before=allele.offset,
        behind=len(allele.context) - allele.offset - len(allele.ref),
    )


def _window(before: str, text: str, behind: str, lead: int, window: int) -> str:
    lead = _least(lead, text, window)
    return before[len(before) - lead :] + text + behind[: max(0, window - lead - len(text))]


def _least(lead: int, text: str, window: int) -> int:
    """Return the lead of one allele: at the end of a chromosome the longer one begins later."""
    return min(lead, max(0, window - len(text)))


def normalise(fetch: Fetch, start: int, ref: str, alt: str) -> tuple[int, str, str]:
    """Return a variant left-aligned and as short as it can be written.

    As Tan, Abecasis and Kang 2015 (Bioinformatics 31:2202) and `bcftools norm` do: no common base
    at the end, at most one at the beginning, and an indel as far left as it goes. Alleles may be
    empty; those returned are not.

    Parameters
    ----------
    fetch
        The chromosome.
    start
        0-based position of `ref`.
    """
    while True:
        if ref and alt and ref[-1] == alt[-1] and (start > 0 or min(len(ref), len(alt)) > 1):
            ref, alt = ref[:-1], alt[:-1]
        elif ref and alt:
            break
        elif start > 0:
            start -= 1
            base = fetch(start, start + 1)
            ref, alt = base + ref, base + alt
        else:
            # Nothing stands before the chromosome: VCF takes the base behind instead.
            base = fetch(len(ref), len(ref) + 1)
            ref, alt = ref + base, alt + base
            break
    while min(len(ref), len(alt)) > 1 and ref[0] == alt[0]:
        start, ref, alt = start + 1, ref[1:], alt[1:]
    return start, ref, alt


def trimmed(ref: str, alt: str) -> tuple[int, str, str]:
    """Return the bases both alleles begin with, and what differs; either may be empty."""
    common = 0
    while common < min(len(ref), len(alt)) and ref[common] == alt[common]:
        common += 1
    return common, ref[common:], alt[common:]
