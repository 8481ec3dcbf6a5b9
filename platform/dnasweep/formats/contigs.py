"""The records of a genome, and places on them as other files name them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyfaidx

from dnasweep.errors import InputError
from dnasweep.formats.chromosomes import match_chromosomes
from dnasweep.formats.rejects import RejectedRow

_SHOWN = 5
MATCH = "--match-chromosomes"
"""What allows another name for a record, on every command line."""


@dataclass(frozen=True, kw_only=True)
class Contigs:
    """Names and lengths of the records of a genome, in the order of its file."""

    genome: str
    """The file, for messages."""
    lengths: Mapping[str, int]
    """Bases of each record by name."""
    match: bool = False
    """Whether `2R` may stand for `chr2R`, as `match_chromosomes` tells."""

    @classmethod
    def of(cls, fasta: pyfaidx.Fasta, path: Path, *, match: bool = False) -> Contigs:
        """Read them from an open genome."""
        lengths = {name: len(fasta[name]) for name in fasta.keys()}  # noqa: SIM118
        return cls(genome=str(path), lengths=lengths, match=match)

    def names(self, names: Iterable[str]) -> dict[str, str]:
        """Return the genome's name for each of `names` that it has, and may be called so."""
        if self.match:
            return match_chromosomes(names, self.lengths)
        return {name: name for name in names if name in self.lengths}

    def record(self, name: str) -> str:
        """Return the genome's name for one record.

        Raises
        ------
        InputError
            Where it has none, or it is called otherwise and `match` is not set.
        """
        if (found := self.names([name]).get(name)) is not None:
            return found
        reason, remedy = self._strange(name)
        raise InputError(reason, file=self.genome, remedy=remedy or "Check the name.")

    def place(
        self, places: pd.DataFrame, *, file: str | Path
    ) -> tuple[pd.DataFrame, list[RejectedRow]]:
        """Return `places` by the genome's names, and those that do not lie on it.

        Parameters
        ----------
        places
            Columns row, chrom, start and end (0-based, half-open); others are kept.
        file
            Where they come from; named in faults.

        Returns
        -------
        frame
            The places inside the genome, renumbered, chrom as the genome calls it.
        faults
            Places on no record, on one of another name, or reaching over an end.
        """
        known = self.names(places["chrom"].unique())
        chrom = places["chrom"].map(known)
        # Of no rows at all, pandas would make text.
        length = chrom.map(self.lengths).astype("float64")
        outside = (places["start"] < 0) | (places["end"] > length)
        faults = []
        for row, name, start, end in places.loc[
            chrom.isna() | outside, ["row", "chrom", "start", "end"]
        ].itertuples(index=False, name=None):
            if name not in known:
                reason, remedy = self._strange(name)
            else:
                there = known[name]
                reason, remedy = (
                    f"bases {start:,} to {end:,} reach over the end of {there}, "
                    f"which has {self.lengths[there]:,}",
                    "Check that both files are of one assembly.",
                )
            faults.append(
                RejectedRow(str(file), int(row), reason, f"{name} {start} {end}", remedy)
            )
        good = chrom.notna() & ~outside
        return places.assign(chrom=chrom)[good].reset_index(drop=True), faults

    def _strange(self, name: str) -> tuple[str, str]:
        """Return why a name is none of the genome's, and what to do."""
        genome = Path(self.genome).name
        other = match_chromosomes([name], self.lengths).get(name)
        if other is not None:
            return (
                f"chromosome {name!r} is called {other!r} in {genome}",
                f"Pass {MATCH} to read it so.",
            )
        names = list(self.lengths)
        shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
        return f"chromosome {name!r} is not in the genome {genome}, which has {shown}", ""
