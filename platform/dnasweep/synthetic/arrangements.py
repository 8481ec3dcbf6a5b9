"""Arrangements of motifs in a background: all conditions of a marginalisation, in a fixed order.

The spacing of two motifs is the number of bases between the last base of the upstream motif and the first
base of the downstream motif: with 0 they are adjacent. An orientation has one letter per motif, upstream
first: F as given and R reverse complemented.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple, Self

from dnasweep.config.number_ranges import read_numbers, write_numbers
from dnasweep.errors import InputError
from dnasweep.formats.bases import reverse_complement

Orientation = Literal["FF", "FR", "RF", "RR"]
Held = Literal["motif", "other"]
NONE = -1
"""Start of an absent motif."""


class Condition(NamedTuple):
    """Motifs in a background; starts count from 0, and `NONE` marks an absent motif."""

    motif: int = NONE
    motif_strand: str = "F"
    other: int = NONE
    other_strand: str = "F"

    def apply(self, background: str, motif: str, other: str) -> str:
        """Return a background in which motifs replace its bases.

        Parameters
        ----------
        background
            The sequence.
        motif, other
            Bases of the motifs as given, before any reverse complement.
        """
        for start, strand, bases in (
            (self.motif, self.motif_strand, motif),
            (self.other, self.other_strand, other),
        ):
            if start != NONE:
                bases = bases if strand == "F" else reverse_complement(bases)
                background = background[:start] + bases + background[start + len(bases) :]
        return background


class Alone(NamedTuple):
    """A motif alone at one position, and the condition that measures its effect."""

    which: Literal["motif", "other"]
    strand: str
    start: int
    condition: int
    """Number of the condition with the motif; number 0 is the background."""


class Pair(NamedTuple):
    """Two motifs at one spacing and orientation, and the conditions that measure their effect."""

    spacing: int
    orientation: str
    motif_start: int
    other_start: int
    both: int
    """Number of the condition with both motifs."""
    motif_alone: int
    """Number of the condition with only the first motif, at the same position."""
    other_alone: int
    """Number of the condition with only the second motif, at the same position."""


@dataclass(frozen=True, kw_only=True)
class Arrangements:
    """One motif at several positions, or two at several spacings, in backgrounds of one length."""

    length: int
    """Length of a background in bases."""
    width: int
    """Length of the motif in bases."""
    starts: tuple[int, ...]
    """Positions of the first base of the motif, from 0; with two motifs, one position of the fixed motif."""
    other_width: int = 0
    """Length of the second motif in bases; 0 if there is none."""
    spacings: tuple[int, ...] = ()
    """Numbers of bases between the two motifs, from 0."""
    orientations: tuple[str, ...] = ("FF",)
    """Orientations of the pair; for a single motif, only the first letter counts."""
    held: Held = "motif"
    """Which of two motifs is fixed, with its first base at `starts[0]`."""

    def settings(self) -> dict[str, Any]:
        """Return the settings, JSON-able, from which :meth:`of` restores the arrangements."""
        return {
            "length": self.length,
            "width": self.width,
            "starts": write_numbers(self.starts),
            "other_width": self.other_width,
            "spacings": write_numbers(self.spacings),
            "orientations": " ".join(self.orientations),
            "held": self.held,
        }

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Return the arrangements for settings returned by :meth:`settings`."""
        return cls(
            length=settings["length"],
            width=settings["width"],
            starts=read_numbers(settings["starts"].split(), "starts"),
            other_width=settings["other_width"],
            spacings=read_numbers(settings["spacings"].split(), "spacings"),
            orientations=tuple(settings["orientations"].split()),
            held=settings["held"],
        )

    @cached_property
    def alone(self) -> list[Alone]:
        """Each motif alone, at every position that it has in a pair."""
        return self._all[1]

    @cached_property
    def pairs(self) -> list[Pair]:
        """Every pair; empty for a single motif."""
        return self._all[2]

    @cached_property
    def conditions(self) -> list[Condition]:
        """Every condition once; the first is the unchanged background."""
        return self._all[0]

    @cached_property
    def _all(self) -> tuple[list[Condition], list[Alone], list[Pair]]:
        numbers: dict[Condition, int] = {Condition(): 0}
        alone: dict[int, Alone] = {}

        def number(condition: Condition) -> int:
            return numbers.setdefault(condition, len(numbers))

        def one(which: Literal["motif", "other"], start: int, strand: str) -> int:
            condition = (
                Condition(motif=start, motif_strand=strand)
                if which == "motif"
                else Condition(other=start, other_strand=strand)
            )
            at = number(condition)
            alone.setdefault(at, Alone(which, strand, start, at))
            return at

        pairs = []
        if not self.other_width:
            for orientation in self.orientations:
                for start in self.starts:
                    one("motif", start, orientation[0])
        for orientation in self.orientations if self.other_width else ():
            for spacing in self.spacings:
                first, second = self._places(spacing)
                strands = orientation[0], orientation[1]
                singles = one("motif", first, strands[0]), one("other", second, strands[1])
                both = number(Condition(first, strands[0], second, strands[1]))
                pairs.append(Pair(spacing, orientation, first, second, both, *singles))
        return list(numbers), list(alone.values()), pairs

    def _places(self, spacing: int) -> tuple[int, int]:
        """Return the first base of each motif."""
        (held,) = self.starts
        if self.held == "motif":
            return held, held + self.width + spacing
        return held - spacing - self.width, held


def check_fits(arrangements: Arrangements) -> None:
    """Raise :class:`InputError` if a motif would extend beyond its background."""
    length = arrangements.length
    widths = {"motif": arrangements.width, "other": arrangements.other_width}
    for one in arrangements.alone:
        end = one.start + widths[one.which]
        if one.start < 0 or end > length:
            raise InputError(
                f"the {'motif' if one.which == 'motif' else 'other motif'} would stand at bases "
                f"{one.start} to {end - 1} of backgrounds of {length:,} bases, counted from 0",
                remedy="Use smaller --spacings, other --positions or longer backgrounds.",
            )


def usual_start(
    length: int, width: int, other_width: int, spacings: Sequence[int], held: Held
) -> int:
    """Return the start of the fixed motif that places the widest pair in the middle.

    Parameters
    ----------
    length
        Length of a background in bases.
    width, other_width
        Lengths of the motifs in bases; 0 if there is no second one.
    spacings
        Numbers of bases between the motifs.
    held
        Which motif is fixed.

    Examples
    --------
    >>> usual_start(100, 8, 0, (), "motif"), usual_start(100, 8, 6, (0, 20), "other")
    (46, 61)
    """
    widest = max(spacings, default=0) if other_width else 0
    start = (length - width - other_width - widest) // 2
    return start if held == "motif" else start + width + widest
