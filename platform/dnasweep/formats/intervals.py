"""Genomic intervals from BED files and EPDnew's SGA, FPS and .dat files."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from dnasweep.errors import InputError
from dnasweep.formats.bed import (
    DOUBTFUL_STRANDS,
    STRANDS,
    doubtful_strands,
    meaning_of,
    read_bed_cells,
    read_bed_rows,
)
from dnasweep.formats.chromosomes import Contigs, species_of
from dnasweep.formats.content import read_bytes
from dnasweep.formats.coordinate_origin import counts_from_one
from dnasweep.formats.detection import Format
from dnasweep.formats.paths import user_path
from dnasweep.formats.rejects import RejectedRow, RowChecks, check_rejects, parsing

MAX_POSITION = 10**12
"""Upper limit of a position in bases; no chromosome is longer."""

SMALLER_FIRST = (
    "Write the smaller position first, whatever the strand; start counts from 0, so that base 100 alone is "
    "99 to 100."
)
"""Remedy for intervals whose end is not after their start."""
_COLUMNS = ["row", "id", "chrom", "start", "end", "strand"]
_FPS = re.compile(
    r"^FP {3}(?P<id>.+?)\s*:[^:;]*?\s[A-Z]+:(?P<chrom>\S+)\s+\d(?P<strand>[+-])\s*(?P<tss>\d+);"
)


def read_intervals(
    data: bytes, format: Format, *, window: tuple[int, int], file: Path
) -> tuple[pd.DataFrame, list[RejectedRow]]:
    """Return the genomic interval of every row, a window around each transcription start.

    SGA and FPS rows, and BED rows of one base, are transcription starts (TSS): the bases from
    `window[0]` to `window[1]` around each are taken, both included, counted along its strand with
    the TSS at 0, so (-300, 300) is 601 bases. Longer BED rows are taken as they are.

    Parameters
    ----------
    data
        The text. SGA: sequence name, feature, 1-based position, strand, count, name. FPS lines
        (`FP   ...`) are found in EPDnew's .fps and .dat files alike.
    format
        Format of the file: sga, bed or fps.
    window
        First and last base around a TSS.
    file
        Path of the file, for messages.

    Returns
    -------
    frame
        row, id, chrom, start and end (0-based, half-open), strand ("" if none is given),
        species ("" if the accession does not tell) and tss (bool).
    rejected
        Rows that do not fit the format.
    """
    frame, rejected = _read_fps(data, file) if format == "fps" else _read_rows(data, format, file)
    frame, bad = widen_starts(frame, window=window, file=file)
    return frame, [*rejected, *bad]


def widen_starts(
    frame: pd.DataFrame, *, window: tuple[int, int], file: Path
) -> tuple[pd.DataFrame, list[RejectedRow]]:
    """Return rows of text with checked intervals, in which those of one base are widened to `window`.

    Parameters
    ----------
    frame
        Text columns chrom, start, end and strand, and row; others are kept.
    window
        First and last base around a TSS, as in :func:`read_intervals`.
    file
        Path of the file, for messages.

    Returns
    -------
    frame
        start and end as integers, strand +, - or "", and tss and species added.
    rejected
        Rows without a usable interval.

    Raises
    ------
    InputError
        For a window that ends before it begins.
    """
    low, high = window
    if low > high:
        raise InputError(f"window is {window}", remedy="Give its first base, then its last.")
    start, end = (pd.to_numeric(frame[c], errors="coerce") for c in ("start", "end"))
    strand = frame["strand"].str.strip()
    doubtful = doubtful_strands(strand)
    strand = strand.str.lower().map(STRANDS).fillna(strand)
    checks = RowChecks(frame.index)
    for column in ("start", "end"):
        refuse_powers(frame[column], column, checks)
    checks.add(frame["chrom"] == "", "the chromosome is empty")
    checks.add(
        (start % 1 != 0) | (end % 1 != 0),
        "the position is not a whole number",
        "Write chromosome, start and end, with positions as plain digits.",
    )
    checks.add(start < 0, "the position is before the start of the chromosome")
    checks.add(end > MAX_POSITION, "the position is larger than any chromosome")
    checks.add(end <= start, "the end is not greater than the start", SMALLER_FIRST)
    checks.add(doubtful, *DOUBTFUL_STRANDS)
    checks.add(
        ~strand.isin(["+", "-", ""]),
        "the strand is not +, - or .",
        "Write one of these, or leave out the strand and the columns after it.",
    )
    good = checks.good
    rejected = checks.rejected(file, frame["row"], frame[["chrom", "start", "end", "strand"]])
    strand, start, end = strand[good], start[good].astype("int64"), end[good].astype("int64")
    tss, forward = end - start == 1, strand != "-"
    species = {c: species_of(c) for c in frame["chrom"].unique()}
    frame = frame[good].assign(
        start=start.mask(tss & forward, start + low).mask(tss & ~forward, start - high),
        end=end.mask(tss & forward, end + high).mask(tss & ~forward, end - low),
        strand=strand,
        tss=tss,
    )
    if "species" not in frame:
        frame["species"] = frame["chrom"].map(species)
    return frame.reset_index(drop=True), rejected


def refuse_powers(text: pd.Series, column: str, checks: RowChecks) -> None:
    """Reject rows with a position such as 1.2E+08, whose last digits a spreadsheet has removed.

    Parameters
    ----------
    text
        The positions, as text.
    column
        Name of the column, for the message.
    checks
        Collects bad rows.
    """
    powers = text.astype("str").str.fullmatch(r"\s*[\d.]+[eE][+-]?\d+\s*")
    checks.add(
        powers,
        f"the {column} "
        + text.astype("str").str.strip().str[:40]
        + " is written with a power of ten",
        "Write all digits: a spreadsheet that shows a number like this saves it without the last digits.",
    )


_MOST = 0.9
"""Fraction of rows that must agree before the others count as mistakes."""


def count_lengths_from_zero(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Convert rows whose start counts from 1, as the lengths of their sequences show, to count from 0.

    Parameters
    ----------
    frame
        Text column sequence and, if present, start and end; not changed.

    Returns
    -------
    frame
        The rows. Start is reduced by one if, in nearly all rows with coordinates, the number of bases
        from start to end, both included, equals the length of the sequence.
    notes
        Notes on what was done.
    """
    if not {"start", "end"} <= set(frame):
        return frame, []
    start, end = (pd.to_numeric(frame[column], errors="coerce") for column in ("start", "end"))
    placed = start.notna() & end.notna() & (start % 1 == 0)
    bases = frame["sequence"].str.strip().str.len()
    from_one = (end - start + 1 == bases)[placed]
    if not placed.any() or from_one.mean() < _MOST or (start[placed] < 1).any():
        return frame, []
    moved = (start[placed] - 1).astype("int64").astype("str")
    text = frame["start"].mask(placed, moved.reindex(frame.index))
    return frame.assign(start=text), [
        "start counts from 1, as the lengths of the sequences show, and is converted to count from 0"
    ]


def _read_rows(data: bytes, format: str, file: Path) -> tuple[pd.DataFrame, list[RejectedRow]]:
    """Return the rows of BED or SGA as text, with start and end in the coordinates of BED."""
    if format == "sga":
        frame, rejected, _ = read_bed_rows(data, file)
        frame = frame.rename(columns={0: "chrom", 2: "end", 3: "strand", 5: "id"})
        end = pd.to_numeric(frame["end"], errors="coerce")
        frame["start"] = (end - 1).astype("str")
        return frame[_COLUMNS].reset_index(drop=True), rejected
    cells = read_bed_cells(data, file=file)
    if counted := counts_from_one(cells):
        raise InputError(
            f"start counts from 1, {counted}, and from 0 in BED",
            file=file,
            remedy="Subtract 1 from every start.",
        )
    known = meaning_of(cells)
    places = dict(enumerate(_COLUMNS[2:5]))
    known |= {i: c for i, c in places.items() if i not in known and c not in known.values()}
    frame = cells.frame.rename(columns=known)
    frame = frame.assign(**{c: "" for c in _COLUMNS if c not in frame})
    frame["id"] = frame["id"].replace(".", "")
    return frame[_COLUMNS].reset_index(drop=True), cells.rejected


def _read_fps(data: bytes, file: Path) -> tuple[pd.DataFrame, list[RejectedRow]]:
    """Return the FP lines of an EPDnew file as text."""
    lines = pd.Series(data.decode("utf-8", errors="replace").splitlines(), dtype="str")
    lines = lines[lines.str.startswith("FP  ")]
    frame = lines.str.extract(_FPS)
    frame["row"] = lines.index + 1
    bad = frame["tss"].isna()
    rejected = [
        RejectedRow(str(file), int(row), "the line is not an FP line of EPDnew", text)
        for row, text in zip(frame["row"][bad], lines[bad], strict=True)
    ]
    frame = frame[~bad].rename(columns={"tss": "end"})
    frame["start"] = (pd.to_numeric(frame["end"]) - 1).astype("str")
    return frame.reset_index(drop=True), rejected


def read_bed(
    path: str | Path, contigs: Contigs, *, skip_bad_rows: bool = False
) -> tuple[pd.DataFrame, list[RejectedRow]]:
    """Return the intervals of a BED file, plain or gzip, with the chromosome names of a genome.

    Parameters
    ----------
    path
        The BED file.
    contigs
        The records of the genome.
    skip_bad_rows
        Whether to continue with the good rows if there are bad ones.

    Returns
    -------
    frame
        row, id, chrom, start, end (0-based, half-open) and strand ("" if none is given).
    rejected
        Rows that cannot be used, if `skip_bad_rows` allows them.

    Raises
    ------
    InputError
        For a file without intervals, or for the first bad row unless bad rows are allowed.
    """
    path = user_path(path)
    with parsing(path):
        data = read_bytes(path, holds="intervals")
        frame, rejected = read_intervals(data, "bed", window=(0, 0), file=path)
    if len(frame) == 0 and not rejected:
        raise InputError("contains no interval", file=path, remedy="Give a BED file with rows.")
    num_rows = len(frame) + len(rejected)
    frame, outside = contigs.place(frame[_COLUMNS], file=path)
    rejected = sorted([*rejected, *outside], key=lambda row: row.row)
    check_rejects(
        rejected,
        num_left=len(frame),
        num_rows=num_rows,
        what="interval",
        skip_bad_rows=skip_bad_rows,
    )
    return frame, rejected
