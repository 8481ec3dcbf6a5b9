"""Regions of a genome away from every positive, drawn at random."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyfaidx
from numpy.typing import NDArray

from dnasweep.errors import InputError
from dnasweep.formats.bases import reverse_complement
from dnasweep.formats.chromosomes import match_chromosomes
from dnasweep.formats.reference import open_genome

_ROUNDS = 60
_POOL = 8


class NoRoom(InputError):
    """A chromosome has no room left; a smaller distance may help."""


def cut_regions(
    promoters: pd.DataFrame,
    genome: Path,
    *,
    occupied: pd.DataFrame,
    distance: int,
    seed: int,
    match_gc: bool,
) -> pd.DataFrame:
    """Return one region per promoter: same chromosome, length and strand.

    Regions are drawn uniformly. They do not overlap rows of `occupied`, are at least `distance` bases away
    from them, do not overlap each other, and contain only A, C, G and T. Free positions are drawn from the
    sorted gaps between rows, in O(n log n). To match G+C, each promoter gets the unused region with the
    nearest G+C fraction from a pool of 8 regions per promoter; promoters with the most extreme G+C are
    served first.

    Parameters
    ----------
    promoters
        Promoters with coordinates, for which regions are drawn.
    genome
        FASTA to draw from.
    occupied
        Rows with chrom, start and end, including the promoters. Rows on chromosomes that the genome lacks
        are ignored.
    distance
        Minimum number of bases between a region and an occupied row.
    seed
        Seed of the random positions.
    match_gc
        Whether regions must match the G+C fractions of the promoters.

    Returns
    -------
    DataFrame
        chrom, start, end (0-based, half-open), strand and sequence, in the order of `promoters`.

    Raises
    ------
    InputError
        If coordinates are missing, or a chromosome is not in the genome; `NoRoom` if a chromosome has no
        room.
    """
    with open_genome(genome) as fasta:
        free = _FreeRegions(promoters, occupied, fasta, genome, distance, seed)
        if match_gc:
            pool = promoters.iloc[np.repeat(np.arange(len(promoters)), _POOL)]
            drawn = free.draw(pool.reset_index(drop=True), all_of_them=False)
            chrom = promoters["chrom"].map(free.names).to_numpy()
            chosen = _nearest(_gc(promoters["sequence"]), _kinds(promoters, chrom), drawn)
            if (chosen < 0).any():
                raise _no_room(str(chrom[int(np.argmin(chosen))]), genome, distance)
            found = drawn.iloc[chosen].reset_index(drop=True)
        else:
            found = free.draw(promoters)
    # Table rows without a strand are read forward, as their promoters are.
    strand = promoters["strand"].to_numpy()
    text = [
        reverse_complement(s) if one == "-" else s
        for s, one in zip(found["sequence"], strand, strict=True)
    ]
    return found.assign(strand=strand, sequence=text)


def _kinds(frame: pd.DataFrame, chrom: NDArray[np.object_]) -> list[tuple[str, int]]:
    """Return the chromosome and length of each row, which its region must share."""
    width = (frame["end"] - frame["start"]).to_numpy(dtype=np.int64)
    return list(zip(chrom.tolist(), width.tolist(), strict=True))


def _nearest(
    wanted: NDArray[np.float64], kinds: list[tuple[str, int]], drawn: pd.DataFrame
) -> NDArray[np.int64]:
    """Return for each promoter the drawn region nearest in G+C, using each once; -1 if none is left."""
    offered = _gc(drawn["sequence"])
    free: dict[tuple[str, int], list[int]] = {}
    offers = _kinds(drawn, drawn["chrom"].to_numpy())
    for index in np.argsort(offered, kind="stable").tolist():
        free.setdefault(offers[index], []).append(index)
    values = {kind: offered[indices].tolist() for kind, indices in free.items()}
    chosen = np.full(len(wanted), -1, dtype=np.int64)
    for row in np.argsort(-np.abs(wanted - np.median(wanted)), kind="stable").tolist():
        mine = values.get(kinds[row], [])
        if not mine:
            continue
        at = bisect_left(mine, wanted[row])
        if at == len(mine) or (at > 0 and wanted[row] - mine[at - 1] < mine[at] - wanted[row]):
            at -= 1
        chosen[row] = free[kinds[row]].pop(at)
        mine.pop(at)
    return chosen


class _FreeRegions:
    """The free regions of a genome, which shrink as regions are drawn."""

    def __init__(
        self,
        promoters: pd.DataFrame,
        occupied: pd.DataFrame,
        fasta: pyfaidx.Fasta,
        genome: Path,
        distance: int,
        seed: int,
    ) -> None:
        placed = (promoters["chrom"] != "") & promoters["start"].notna() & promoters["end"].notna()
        if not placed.all():
            row = int(np.argmin(placed.to_numpy()))
            raise InputError(
                f"the promoter {promoters['id'].iloc[row]!r} has no coordinates",
                remedy="Give promoters as coordinates with --genome, or use negatives made from "
                "sequences.",
            )
        self.fasta, self.genome, self.distance = fasta, genome, distance
        self.rng = np.random.default_rng(seed)
        chroms = [*promoters["chrom"], *occupied["chrom"]]
        self.names: Mapping[str, str] = match_chromosomes(chroms, fasta.keys())
        unknown = [c for c in promoters["chrom"].unique() if c not in self.names]
        if unknown:
            raise InputError(
                f"chromosome {unknown[0]!r} of the promoters is not in the genome",
                file=genome,
                remedy="Give the genome that the coordinates refer to with --genome.",
            )
        rows = pd.concat([promoters, occupied])[["chrom", "start", "end"]].dropna()
        chrom = rows["chrom"].map(self.names)
        start, end = (rows[c].to_numpy(dtype=np.int64) for c in ("start", "end"))
        kept = np.stack([start - distance, end + distance], axis=1)
        self.taken = {
            name: kept[(chrom == name).to_numpy()]
            for name in promoters["chrom"].map(self.names).unique()
        }

    def draw(self, promoters: pd.DataFrame, *, all_of_them: bool = True) -> pd.DataFrame:
        """Return a region on the forward strand for each row, or fewer if there is not enough room.

        With `all_of_them`, insufficient room is an error.
        """
        chrom = promoters["chrom"].map(self.names).to_numpy()
        width = (promoters["end"] - promoters["start"]).to_numpy(dtype=np.int64)
        begins = np.full(len(promoters), -1, dtype=np.int64)
        sequences = np.full(len(promoters), "", dtype=object)
        for name in np.unique(chrom):
            for size in np.unique(width[chrom == name]):
                rows = np.flatnonzero((chrom == name) & (width == size))
                self._fill(str(name), int(size), rows, begins, sequences)
                if all_of_them and (begins[rows] < 0).any():
                    raise _no_room(str(name), self.genome, self.distance)
        found = begins >= 0
        return pd.DataFrame(
            {
                "chrom": chrom[found],
                "start": begins[found],
                "end": begins[found] + width[found],
                "sequence": sequences[found],
            }
        )

    def _fill(
        self,
        name: str,
        size: int,
        rows: NDArray[np.int64],
        begins: NDArray[np.int64],
        sequences: NDArray[np.object_],
    ) -> None:
        """Draw positions for `rows` until each has one, or a round finds no further one."""
        waiting = rows
        length = len(self.fasta[name])
        for _ in range(_ROUNDS):
            if len(waiting) == 0:
                return
            starts = self._uniform(name, size, length, len(waiting))
            if len(starts) == 0:
                return
            accepted = []
            for start in starts[_apart(starts, size)]:
                sequence = str(self.fasta[name][int(start) : int(start) + size])
                # Unsequenced stretches are marked as occupied, or they would be drawn again.
                accepted.append([start, start + size])
                if set(sequence) <= set("ACGT"):
                    begins[waiting[0]], sequences[waiting[0]] = start, sequence
                    waiting = waiting[1:]
            self.taken[name] = np.concatenate([self.taken[name], np.array(accepted)])

    def _uniform(self, name: str, size: int, length: int, num: int) -> NDArray[np.int64]:
        """Return `num` starts drawn uniformly from positions far enough from occupied bases."""
        taken = self.taken[name]
        taken = taken[np.argsort(taken[:, 0], kind="stable")]
        first = np.concatenate([[0], np.maximum.accumulate(taken[:, 1])])
        last = np.concatenate([taken[:, 0], [length]]) - size
        first = np.maximum(first, 0)
        room = np.maximum(last - first + 1, 0)
        until = np.cumsum(room)
        if until[-1] <= 0:
            return np.zeros(0, dtype=np.int64)
        dice = self.rng.integers(0, until[-1], num)
        gap = np.searchsorted(until, dice, side="right")
        return first[gap] + dice - (until[gap] - room[gap])


def _apart(starts: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Return which starts, in the order drawn, do not overlap an earlier one."""
    order = np.argsort(starts, kind="stable")
    kept = np.ones(len(starts), dtype=bool)
    before = None
    for index in order:
        if before is not None and starts[index] - starts[before] < size:
            # Of two overlapping regions, the one drawn first is kept.
            loser = max(before, index)
            kept[loser] = False
            before = min(before, index)
        else:
            before = index
    return np.flatnonzero(kept)


def _gc(sequences: pd.Series) -> NDArray[np.float64]:
    lengths = sequences.str.len().to_numpy()
    return sequences.str.count("[GC]").to_numpy() / np.maximum(lengths, 1)


def _no_room(chrom: str, genome: Path, distance: int) -> NoRoom:
    return NoRoom(
        f"{chrom} has no room left for regions {distance:,} bases from every positive",
        file=genome,
    )
