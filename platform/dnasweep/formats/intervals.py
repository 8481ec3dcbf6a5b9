"""Intervals on a genome, as BED and EPDnew's SGA, FPS and .dat files give them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import pandas as pd

from dnasweep.errors import InputError
from dnasweep.formats.chromosomes import Contigs, species_of
from dnasweep.formats.delimited import read_cells
from dnasweep.formats.files import read_bytes
from dnasweep.formats.paths import user_path
from dnasweep.formats.rejects import RejectedRow, parsing, refuse

Format = Literal["sga", "bed", "fps"]

FARTHEST = 10**12
"""No position on a chromosome lies beyond this."""

_COMMENT = re.compile(rb"#|track\b|browser\b")
_NO_STRAND = "the strand is not +, - or ."
_REMEDIES = {_NO_STRAND: "Write one of these, or leave the strand and the columns after it out."}
_FPS = re.compile(
    r"^FP {3}(?P<id>.+?)\s*:[^:;]*?\s[A-Z]+:(?P<chrom>\S+)\s+\d(?P<strand>[+-])\s*(?P<tss>\d+);"
)


def read_places(
    data: bytes, *, format: Format, window: tuple[int, int], file: Path
) -> tuple[pd.DataFrame, list[RejectedRow]]:
    """Return the genomic interval of every row, a window around each transcription start.

    SGA and FPS rows, and BED rows of one base, are transcription starts (TSS): base `window[0]` to
    base `window[1]` around each is taken, both included, counted along its strand with the TSS at
    0, so (-300, 300) is 601 bases. Longer BED rows are taken as they stand.

    Parameters
    ----------
    data
        The text. SGA: sequence name, feature, 1-based position, strand, count, name. FPS lines
        (`FP   ...`) are found in EPDnew's .fps and .dat files alike.
    format
        Which of them it is.
    window
        First and last base around a TSS.
    file
        Named in faults.

    Returns
    -------
    frame
        row, id, chrom, start and end (0-based, half-open), strand ("" where none is given),
        species ("" where the accession does not tell) and tss (bool).
    faults
        Rows that are not of the format.
    """
    frame, faults = _read_fps(data, file) if format == "fps" else _read_rows(data, format, file)
    frame, bad = take_windows(frame, window=window, file=file)
    return frame, [*faults, *bad]


def take_windows(
    frame: pd.DataFrame, *, window: tuple[int, int], file: Path
) -> tuple[pd.DataFrame, list[RejectedRow]]:
    """Return rows of text with checked intervals, those of one base widened to `window`.

    Parameters
    ----------
    frame
        Text columns chrom, start, end and strand, and row; others are kept.
    window
        First and last base around a TSS, as in :func:`read_places`.
    file
        Named in faults.

    Returns
    -------
    frame
        start and end as integers, strand +, - or "", and tss and species added.
    faults
        Rows without a usable interval.

    Raises
    ------
    InputError
        For a window that ends before it begins.
    """
    if window[0] > window[1]:
        raise InputError(f"window is {window}", remedy="Give its first base, then its last.")
    start, end = (pd.to_numeric(frame[c], errors="coerce") for c in ("start", "end"))
    strand = frame["strand"].replace({"0": "", ".": "", "*": ""})
    checks = {
        "the chromosome is empty": frame["chrom"] == "",
        "the position is not a whole number": (start % 1 != 0) | (end % 1 != 0),
        "the position lies before the chromosome": start < 0,
        "the position lies beyond any chromosome": end > FARTHEST,
        "the end does not lie behind the start": end <= start,
        _NO_STRAND: ~strand.isin(["+", "-", ""]),
    }
    reason = pd.Series("", index=frame.index, dtype="str")
    for text, bad in checks.items():
        reason = reason.mask(bad & (reason == ""), text)
    good = reason == ""
    faults = [
        RejectedRow(str(file), int(row), why, " ".join(map(str, cells)), _REMEDIES.get(why, ""))
        for row, why, *cells in zip(
            *(frame["row"][~good], reason[~good]),
            *(frame[c][~good] for c in ("chrom", "start", "end", "strand")),
            strict=True,
        )
    ]
    strand, start, end = strand[good], start[good].astype("int64"), end[good].astype("int64")
    tss, forward = end - start == 1, strand != "-"
    low, high = window
    species = {c: species_of(c) for c in frame["chrom"].unique()}
    frame = frame[good].assign(
        start=start.mask(tss & forward, start + low).mask(tss & ~forward, start - high),
        end=end.mask(tss & forward, end + high).mask(tss & ~forward, end - low),
        strand=strand,
        tss=tss,
    )
    if "species" not in frame:
        frame["species"] = frame["chrom"].map(species)
    return frame.reset_index(drop=True), faults


def _read_rows(data: bytes, format: str, file: Path) -> tuple[pd.DataFrame, list[RejectedRow]]:
    head = [line for line in data[:65536].splitlines() if not _COMMENT.match(line)]
    tabs = any(b"\t" in line for line in head)
    num_columns = max(6, *(len(line.split(b"\t" if tabs else None)) for line in head), 6)
    cells = read_cells(
        data,
        separator="\t" if tabs else r"\s+",
        num_columns=num_columns,
        file=file,
        quoted=False,
    )
    faults = [fault for fault in cells.faults if not _COMMENT.match(fault.text.encode())]
    frame = cells.frame[~cells.frame[0].str.match(_COMMENT.pattern.decode())]
    if format == "sga":
        frame = frame.rename(columns={0: "chrom", 2: "end", 3: "strand", 5: "id"})
        end = pd.to_numeric(frame["end"], errors="coerce")
        frame["start"] = (end - 1).astype("str")
    else:
        if _is_strand(frame[3]) and not frame[5].any():
            # No name of BED is a strand: intervals as people cut them, without name and score.
            frame = frame.assign(**{"3": ""}).rename(columns={3: "strand", "3": "id"})
            frame = frame.rename(columns={0: "chrom", 1: "start", 2: "end"})
        else:
            frame = frame.rename(columns={0: "chrom", 1: "start", 2: "end", 3: "id", 5: "strand"})
        frame["id"] = frame["id"].replace(".", "")
    keep = ["row", "id", "chrom", "start", "end", "strand"]
    return frame[keep].reset_index(drop=True), faults


def _is_strand(column: pd.Series) -> bool:
    """Return whether all cells are strands, and not all of them the dot that stands for anything."""
    return bool(column.isin(["+", "-", "."]).all() and column.isin(["+", "-"]).any())


def _read_fps(data: bytes, file: Path) -> tuple[pd.DataFrame, list[RejectedRow]]:
    lines = pd.Series(data.decode("utf-8", errors="replace").splitlines(), dtype="str")
    lines = lines[lines.str.startswith("FP  ")]
    frame = lines.str.extract(_FPS)
    frame["row"] = lines.index + 1
    bad = frame["tss"].isna()
    faults = [
        RejectedRow(str(file), int(row), "the line is not an FP line of EPDnew", text)
        for row, text in zip(frame["row"][bad], lines[bad], strict=True)
    ]
    frame = frame[~bad].rename(columns={"tss": "end"})
    frame["start"] = (pd.to_numeric(frame["end"]) - 1).astype("str")
    return frame.reset_index(drop=True), faults


COLUMNS = ["row", "id", "chrom", "start", "end", "strand"]


def read_bed(
    path: str | Path, contigs: Contigs, *, skip_bad_rows: bool = False
) -> tuple[pd.DataFrame, list[RejectedRow]]:
    """Return the intervals of a BED file, plain or gzip, by the names of a genome.

    Returns
    -------
    frame
        row, id, chrom, start, end (0-based, half-open) and strand ("" where none is given).
    faults
        Rows that cannot be used, where `skip_bad_rows` allows them.

    Raises
    ------
    InputError
        For a file without an interval, or the first bad row where there may be none.
    """
    path = user_path(path)
    with parsing(path):
        data = read_bytes(path, holds="intervals")
        frame, faults = read_places(data, format="bed", window=(0, 0), file=path)
    if len(frame) == 0 and not faults:
        raise InputError("holds no interval", file=path, remedy="Give a BED file with rows.")
    total = len(frame) + len(faults)
    frame, strange = contigs.place(frame[COLUMNS], file=path)
    faults = sorted([*faults, *strange], key=lambda fault: fault.row)
    if faults and not skip_bad_rows:
        raise refuse(faults, total)
    if len(frame) == 0:
        raise InputError(
            f"no interval is left; the first of {len(faults):,} bad ones: {faults[0].reason}",
            file=path,
            row=faults[0].row,
            remedy=faults[0].remedy or None,
        )
    return frame, faults
