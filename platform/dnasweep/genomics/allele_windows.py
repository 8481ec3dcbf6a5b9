"""A variant with its flanks: windows with either allele, on either strand.

A window begins a fixed number of bases upstream of the variant, so an indel moves only the bases
downstream of it. Near the end of a chromosome windows move inwards; if a chromosome is shorter than the
window, the window is the whole chromosome. Both alleles are treated alike: exchanging REF and ALT gives the
same windows in the other order.

Each strand is treated as if it were the given genome: upstream, downstream, left and right refer to its
own direction. A window of even width, which has no middle, therefore begins equally many bases upstream of
the variant on either strand, and an indel that can be shifted along a repeat is at the beginning of the
repeat. The reverse complement of a genome thus has the same windows, with the strands exchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from dnasweep.formats.bases import reverse_complement
from dnasweep.genomics.variant_settings import VariantWindows

Fetch = Callable[[int, int], str]
"""Function that returns the bases of a chromosome from a start to an end, 0-based, half-open; upper case."""


class Allele(NamedTuple):
    """One alternative allele and the bases around it."""

    context: str
    """Reference around the variant, as far as any window reaches."""
    offset: int
    """First base of `ref` in `context`."""
    ref: str
    alt: str
    upstream: int
    """Number of bases of the centred window upstream of the variant."""
    reverse_offset: int
    """First base of the variant in the reverse complement of `context`, left-aligned there."""
    reverse_upstream: int
    """Number of bases of the centred window upstream of the variant on the reverse strand."""

    @property
    def span(self) -> tuple[int, int]:
        """Range of `context`, as first base and one past the last, in which the variant can be shifted."""
        return self.offset, len(self.context) - self.reverse_offset

    @property
    def alternative(self) -> str:
        """The context with the alternative allele."""
        end = self.offset + len(self.ref)
        return self.context[: self.offset] + self.alt + self.context[end:]

    def reverse_complement(self) -> Allele:
        """Return the same variant on the reverse strand."""
        context, start = reverse_complement(self.context), self.reverse_offset
        return Allele(
            context=context,
            offset=start,
            ref=context[start : start + len(self.ref)],
            alt=reverse_complement(self.alternative)[start : start + len(self.alt)],
            upstream=self.reverse_upstream,
            reverse_offset=self.offset,
            reverse_upstream=self.upstream,
        )


class Pair(NamedTuple):
    """A window with either allele."""

    ref: str
    alt: str


def _upstream_bases(
    wanted: int,
    shifts: Sequence[int],
    *,
    window: int,
    shorter: int,
    upstream: int,
    downstream: int,
) -> list[int]:
    """Return the number of bases upstream of the variant in the centred and in each shifted window.

    `wanted` is this number for a centred window far from the ends, and `shorter` the length of the shorter
    allele; the chromosome has `upstream` and `downstream` bases before and after the reference allele.
    """
    least = max(0, window - shorter - downstream)
    return [max(0, min(upstream, max(wanted - shift, least))) for shift in (0, *shifts)]


def flanks(
    fetch: Fetch,
    length: int,
    start: int,
    ref: str,
    alt: str,
    windows: VariantWindows,
    *,
    moved: tuple[int, int] = (0, 0),
) -> Allele:
    """Return an allele with all bases of its chromosome that its windows can contain on either strand.

    Parameters
    ----------
    fetch, length
        Function that returns a part of the chromosome, and the chromosome's length.
    start
        0-based position of `ref`, normalised.
    ref, alt
        The alleles.
    windows
        The windows to score.
    moved
        Number of bases by which the variant is downstream of its position in a centred window, on the
        forward and on the reverse strand.
    """
    upstream, reverse_upstream = (windows.upstream + bases for bases in moved)
    window = windows.window

    def fetch_reverse(first: int, last: int) -> str:
        return reverse_complement(fetch(length - last, length - first))

    reverse = normalise(
        fetch_reverse,
        length - start - len(ref),
        reverse_complement(ref),
        reverse_complement(alt),
    )
    reaches = []
    for wanted, (at, one, two) in ((upstream, (start, ref, alt)), (reverse_upstream, reverse)):
        downstream = length - at - len(one)
        shorter = min(len(one), len(two))
        chosen = _upstream_bases(
            wanted,
            windows.shifts,
            window=window,
            shorter=shorter,
            upstream=at,
            downstream=downstream,
        )
        end = at + len(one) + min(downstream, max(0, window - shorter - min(chosen)))
        reaches.append((at - max(chosen), end))
    (first, last), (reverse_first, reverse_last) = reaches
    first, last = min(first, length - reverse_last), max(last, length - reverse_first)
    reverse_offset = reverse[0] - (length - last)
    context = fetch(first, last)
    return Allele(context, start - first, ref, alt, upstream, reverse_offset, reverse_upstream)


class Window(NamedTuple):
    """A window with one allele."""

    text: str
    upstream: int
    """Number of bases before the allele."""


def windows_of(
    allele: Allele, *, window: int, shifts: Sequence[int] = ()
) -> list[tuple[Window, Window]]:
    """Return the windows of an allele on its strand, with REF and with ALT: first the centred window, then the
    shifted ones.

    Parameters
    ----------
    allele
        The variant with its flanks.
    window
        Length of a window in bases.
    shifts
        Numbers of bases by which further windows are shifted to the right.
    """
    before = allele.context[: allele.offset]
    after = allele.context[allele.offset + len(allele.ref) :]

    def cut(text: str, upstream: int) -> Window:
        # At the end of a chromosome the window of the longer allele begins later.
        upstream = min(upstream, max(0, window - len(text)))
        downstream = max(0, window - upstream - len(text))
        return Window(before[len(before) - upstream :] + text + after[:downstream], upstream)

    every = _upstream_bases(
        allele.upstream,
        shifts,
        window=window,
        shorter=min(len(allele.ref), len(allele.alt)),
        upstream=len(before),
        downstream=len(after),
    )
    return [(cut(allele.ref, one), cut(allele.alt, one)) for one in every]


def pairs(allele: Allele, *, window: int, shifts: Sequence[int] = ()) -> list[Pair]:
    """Return the texts of :func:`windows_of`.

    Parameters
    ----------
    allele, window, shifts
        As in :func:`windows_of`.
    """
    found = windows_of(allele, window=window, shifts=shifts)
    return [Pair(ref.text, alt.text) for ref, alt in found]


def normalise(fetch: Fetch, start: int, ref: str, alt: str) -> tuple[int, str, str]:
    """Return a variant in left-aligned and shortest form.

    The method is that of Tan, Abecasis and Kang 2015 (Bioinformatics 31:2202) and `bcftools norm`: no common
    base at the end, at most one at the beginning, and an indel as far left as possible. Given alleles may be
    empty; returned alleles are not.

    Parameters
    ----------
    fetch
        Function that returns a part of the chromosome.
    start
        0-based position of `ref`.
    ref, alt
        The alleles.
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
            # There is no base before the chromosome: VCF uses the base after the variant instead.
            base = fetch(len(ref), len(ref) + 1)
            ref, alt = ref + base, alt + base
            break
    while min(len(ref), len(alt)) > 1 and ref[0] == alt[0]:
        start, ref, alt = start + 1, ref[1:], alt[1:]
    return start, ref, alt


def trimmed(ref: str, alt: str) -> tuple[int, str, str]:
    """Return the length of the common prefix of both alleles, and their differing parts, possibly empty."""
    common = 0
    while common < min(len(ref), len(alt)) and ref[common] == alt[common]:
        common += 1
    return common, ref[common:], alt[common:]


def numbered(row: int) -> str:
    """Return the default name of a row in messages."""
    return f"row {row + 1}"
