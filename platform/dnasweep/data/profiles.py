"""Signals along rows as labels: bigWig tracks, averaged in bins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dnasweep.data.labels import Labels
from dnasweep.data.table import make_table, row_error
from dnasweep.errors import InputError
from dnasweep.formats.chromosomes import Contigs, match_chromosomes
from dnasweep.formats.paths import user_path
from dnasweep.formats.reference import open_genome
from dnasweep.formats.signal import bin_means, open_signal

MOST_OUTPUTS = 8192
"""Maximum number of values per row (bins times tracks), each of which is a column of the table."""
_NEGATIVE = (
    "Give coverage or another signal that is not negative. Log ratios can be learned as numbers of whole rows, "
    "by regression."
)
_MINUS_STRAND = (
    f"{_NEGATIVE} Where a file of the minus strand has its counts as negative numbers, change the sign of its "
    "values, for example with wiggletools scale -1."
)


class Profiles(NamedTuple):
    """Rows with the signal to learn."""

    table: pd.DataFrame
    """The rows, with signals as their only labels."""
    labels: Labels
    """Description of the labels."""
    note: str
    """Message on how the tracks are read."""


def with_profiles(
    table: pd.DataFrame,
    origins: pd.DataFrame,
    tracks: Sequence[str],
    bins: int,
    *,
    genome: str | None = None,
) -> Profiles:
    """Return rows with the mean signal of each track in each of their bins.

    Bins are counted in the direction of the row, so for a row on the minus strand they begin at its end.
    Bases without a value in a track have the signal 0.

    Parameters
    ----------
    table
        Rows with coordinates; not changed.
    origins
        Columns `file` and `row`: the origin of each row.
    tracks
        bigWig files.
    bins
        Number of bins per row.
    genome
        FASTA that the coordinates refer to; None if it is unknown.

    Raises
    ------
    InputError
        For a row without coordinates, with fewer bases than bins, or beyond the end of its chromosome; a
        chromosome that a track lacks, or that has another length in the genome; negative values; too many values per row; and two tracks with the
        same name.
    """
    paths = [user_path(path) for path in tracks]
    if len(set(paths)) < len(paths):
        twice = max(paths, key=paths.count)
        raise InputError("the track is given twice", file=twice, remedy="Give it once.")
    names = tuple(path.stem for path in paths)
    if len(set(names)) < len(names):
        raise InputError(
            f"two tracks are called {max(names, key=names.count)}",
            remedy="Rename one of the files: outputs are named after them.",
        )
    if len(names) * bins > MOST_OUTPUTS:
        raise InputError(
            f"{len(names)} tracks in {bins:,} bins are {len(names) * bins:,} numbers per row",
            remedy=f"Use fewer --bins: {MOST_OUTPUTS // len(names):,} at most.",
        )
    _check_places(table, origins, bins)
    labels = Labels(task="profile", names=names, places=bins)
    lengths = (
        {} if genome is None else _lengths(user_path(genome), table["chrom"].unique().tolist())
    )
    read = [_read(path, table, origins, bins, lengths) for path in paths]
    found = np.stack([one for one, _ in read], axis=2)
    columns = pd.DataFrame(found.reshape(len(table), -1), columns=labels.columns)
    bare = table.reset_index(drop=True).assign(label=-1)
    note = (
        f"the signal of {', '.join(names)} is learned, as means of {bins} bins per row; bases without a "
        "value are 0"
    )
    empty = [
        f"{name} has no value at all in {num:,} of {len(table):,} rows"
        for name, (_, num) in zip(names, read, strict=True)
        if num
    ]
    note = "; ".join([note, *empty])
    if (table["label"] >= 0).any():
        note += "; labels of rows are not read"
    return Profiles(make_table(pd.concat([bare, columns], axis=1)), labels, note)


def _check_places(table: pd.DataFrame, origins: pd.DataFrame, bins: int) -> None:
    bases = table["sequence"].str.len()
    placed = (table["chrom"] != "") & table["start"].notna() & table["end"].notna()
    fits = ((table["end"] - table["start"]) == bases).fillna(False).astype(bool)
    for wrong, reason, remedy in (
        (
            ~placed,
            "the row has no coordinates, which tracks need",
            "Give chrom, start and end of every row, or BED with --genome.",
        ),
        (
            ~fits,
            "the length of the sequence does not match its coordinates",
            "Give coordinates that span the sequence.",
        ),
        (bases < bins, f"the sequence has fewer than {bins} bases", "Use fewer --bins."),
    ):
        if wrong.any():
            raise row_error(origins, int(wrong.to_numpy().argmax()), reason, remedy)


def _lengths(genome: Path, chroms: Sequence[str]) -> dict[str, int]:
    """Return the lengths of chromosomes in a genome."""
    with open_genome(genome) as fasta:
        contigs = Contigs.of(fasta, genome, match=True)
    return {name: contigs.lengths[record] for name, record in contigs.names(chroms).items()}


def _read(
    path: Path,
    table: pd.DataFrame,
    origins: pd.DataFrame,
    bins: int,
    lengths: Mapping[str, int],
) -> tuple[NDArray[np.float64], int]:
    """Return the signal of a track in the bins of every row, (rows, bins), and the number of rows without a value."""
    found, num_empty = np.empty((len(table), bins)), 0
    with open_signal(path) as signal:
        known = match_chromosomes(table["chrom"].unique().tolist(), list(signal.lengths))
        places = zip(table["chrom"], table["start"], table["end"], table["strand"], strict=True)
        for row, (chrom, start, end, strand) in enumerate(places):
            length = signal.lengths.get(known.get(chrom, ""))
            if fault := _mismatch(path.name, chrom, end, length, lengths.get(chrom)):
                raise row_error(origins, row, fault, "Give a track of the same assembly.")
            values = signal.values(known[chrom], int(start), int(end))
            num_empty += bool(np.isnan(values).all())
            values = np.where(np.isnan(values), 0.0, values)
            if not (np.isfinite(values) & (values >= 0)).all():
                raise row_error(
                    origins,
                    row,
                    f"the track {path.name} has negative values here, or no finite ones",
                    _MINUS_STRAND if (values <= 0).all() else _NEGATIVE,
                )
            found[row] = bin_means(values[::-1] if strand == "-" else values, bins)
    return found, num_empty


def _mismatch(track: str, chrom: str, end: int, length: int | None, expected: int | None) -> str:
    """Return how a track contradicts a row that ends at `end`, or the genome; empty if it does not."""
    if length is None:
        return f"the track {track} has no chromosome {chrom!r}"
    if end > length:
        return f"the row ends at {end:,}, but {chrom} of {track} ends at {length:,}"
    if length != (expected or length):
        return f"{chrom} has {expected:,} bases in the genome, but {length:,} in {track}: the assemblies differ"
    return ""
