"""A variant in its surroundings: the windows that hold either allele, on either strand.

A window begins a fixed number of bases before the variant, so that what lies before it stands
still when an indel moves what lies behind. Near the end of a chromosome windows move inwards; of a
chromosome shorter than the window all is taken. Both alleles are treated alike: with REF and ALT
exchanged, the same windows come in the other order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from dnasweep.genome.bases import reverse_complement

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


class Pair(NamedTuple):
    """A window with either allele."""

    ref: str
    alt: str

    @property
    def reverse(self) -> Pair:
        """The same on the other strand."""
        return Pair(reverse_complement(self.ref), reverse_complement(self.alt))


def leads(
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


def surroundings(
    fetch: Fetch,
    length: int,
    start: int,
    ref: str,
    alt: str,
    *,
    lead: int,
    shifts: Sequence[int],
    window: int,
) -> Allele:
    """Return an allele with as much of its chromosome as its windows can reach.

    Parameters
    ----------
    fetch, length
        The chromosome.
    start
        0-based position of `ref`.
    """
    behind = length - start - len(ref)
    chosen = leads(lead, shifts, window=window, ref=ref, alt=alt, before=start, behind=behind)
    shorter = min(len(ref), len(alt))
    first = start - max(chosen)
    last = start + len(ref) + min(behind, max(0, window - shorter - min(chosen)))
    return Allele(fetch(first, last), start - first, ref, alt, lead)


def pairs(allele: Allele, *, window: int, shifts: Sequence[int] = ()) -> list[Pair]:
    """Return the windows of an allele on the forward strand: the centred one, then the moved ones."""
    before = allele.context[: allele.offset]
    behind = allele.context[allele.offset + len(allele.ref) :]
    return [
        Pair(*(_window(before, text, behind, one, window) for text in (allele.ref, allele.alt)))
        for one in _leads_of(allele, window, shifts)
    ]


def centred_leads(allele: Allele, window: int) -> tuple[int, int]:
    """Return the bases before the variant in its centred window, with REF and with ALT."""
    (lead,) = _leads_of(allele, window, ())
    ref, alt = (_least(lead, text, window) for text in (allele.ref, allele.alt))
    return ref, alt


def _leads_of(allele: Allele, window: int, shifts: Sequence[int]) -> list[int]:
    return leads(
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
