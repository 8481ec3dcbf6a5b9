"""BED and related formats as named columns: narrowPeak, broadPeak, gappedPeak, bedGraph, cCREs, SAF."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Sequence
from pathlib import Path

import pandas as pd

from dnasweep.errors import InputError
from dnasweep.formats.coordinate_origin import ENDS, STARTS
from dnasweep.formats.delimited import Cells, read_cells
from dnasweep.formats.detection import ending
from dnasweep.formats.headers import canonical_name
from dnasweep.formats.rejects import RejectedRow

STRANDS = {
    **dict.fromkeys(("+", "1", "+1", "1.0", "plus", "forward", "fwd", "sense"), "+"),
    **dict.fromkeys(("-", "-1", "-1.0", "minus", "reverse", "rev", "antisense"), "-"),
    **dict.fromkeys(("\u2212", "\u2013"), "-"),
    # F and R of primers, D and R of RSAT, W and C of the yeast genome, C of RepeatMasker.
    **dict.fromkeys(("f", "d", "w"), "+"),
    **dict.fromkeys(("r", "c"), "-"),
    **dict.fromkeys(("", ".", "*", "0", "0.0"), ""),
}
"""Notations of a strand, in lower case, with their meaning; an empty cell means that no strand is given."""
CCRE = (
    *("PLS", "pELS", "dELS", "CA-H3K4me3", "CA-CTCF", "CA-TF", "CA", "TF"),
    *("DNase-H3K4me3", "CTCF-only", "DNase-only", "Low-DNase", "Unclassified"),
)
"""Classes of ENCODE's candidate cis-regulatory elements (cCREs) in version 4 and earlier."""
CCRE_CLASS, VALUE = "cCRE class", "value"
"""Names given to the column with the class of a cCRE and to the value column of bedGraph."""

_CLEAR_STRANDS = frozenset(STRANDS) - {"", "0", "0.0", "1", "+1", "1.0"}
_BED = (
    *("chrom", "start", "end", "name", "score", "strand", "thickStart", "thickEnd", "itemRgb"),
    *("blockCount", "blockSizes", "blockStarts"),
)
_PEAK = ("signalValue", "pValue", "qValue")
_NAMES = {
    "narrowpeak": (*_BED[:6], *_PEAK, "peak"),
    "broadpeak": (*_BED[:6], *_PEAK),
    "gappedpeak": (*_BED, *_PEAK),
    "bedgraph": (*_BED[:3], VALUE),
    "bdg": (*_BED[:3], VALUE),
}
# https://genome.ucsc.edu/FAQ/FAQformat.html
_CHROM = ("chrom", "chr", "chromosome")
_COMMENT = re.compile(r"#|track\b|browser\b")
_TRACK = re.compile(rb"^track\b", re.MULTILINE)
_CHROMOSOME = r"chr(?:\d{1,2}|[\dX][LR]|[XYMWZ]|MT)"
_NUMBER = r"-?[\d.]+(?:[eE][+-]?\d+)?"
_MEANING = {
    **dict.fromkeys(_CHROM, "chrom"),
    **dict.fromkeys(STARTS, "start"),
    **dict.fromkeys(ENDS, "end"),
    "name": "id",
    "strand": "strand",
}


def read_bed_rows(data: bytes, file: Path) -> tuple[pd.DataFrame, list[RejectedRow], list[str]]:
    """Return the rows of a file of intervals as text, without comments, and the column names.

    Returns
    -------
    frame
        Columns 0, 1, ... (at least six) and `row`.
    rejected
        Rows with too many cells.
    header
        Column names from the first line or a comment; empty if there are none.
    """
    comment = re.compile(_COMMENT.pattern.encode())
    lines = data[:65536].splitlines()
    head = [line for line in lines if not comment.match(line)]
    sign = _separator(head)
    num_columns = max(6, *(len(line.split(sign)) for line in head), 6)
    cells, rejected = read_cells(
        data,
        separator=sign.decode() if sign else r"\s+",
        num_columns=num_columns,
        file=file,
        # R quotes words; in other files, a quotation mark is part of a name.
        quoted=bool(head) and head[0].startswith(b'"'),
    )
    rejected = [row for row in rejected if not comment.match(row.text.encode())]
    header: list[str] = []
    split_at = sign.decode() if sign else None
    for line in lines:
        words = [w.strip() for w in line.decode(errors="replace").split(split_at)]
        plain = list(map(canonical_name, words))
        if len(plain) > 2 and plain[0] in _CHROM and plain[1] in STARTS:
            header = words
    frame = cells[~cells[0].str.match(_COMMENT)]
    if len(frame) and frame[1].iloc[0].lower() in STARTS:
        frame = frame[1:]
    return frame, rejected, header


def _separator(lines: Sequence[bytes]) -> bytes | None:
    """Return the separator of cells: tabs, commas or semicolons (without spaces), or None for spaces."""
    if any(b"\t" in line for line in lines):
        return b"\t"
    return next((sign for sign in (b",", b";") if lines and all(map(_parts(sign), lines))), None)


def _parts(sign: bytes) -> Callable[[bytes], bool]:
    """Return a function that tells whether a line has three or more cells separated by `sign`, not by spaces."""
    return lambda line: not line.strip() or (line.count(sign) > 1 and len(line.split()) == 1)


def read_bed_cells(data: bytes, *, file: Path, wanted: Container[str] = ()) -> Cells:
    """Return a BED file, or a file of a related format, as a table of named columns.

    Column names come from the header, or otherwise from the format that the file extension names; ten
    columns are read as narrowPeak. Columns without a name are called by their number. If the sixth column
    does not contain strands, the only other column that does is the strand. Columns that are empty, or have
    the same value in every row, are left out.

    Parameters
    ----------
    data
        The text.
    file
        The file.
    wanted
        Columns that are always kept, by their :func:`~dnasweep.formats.headers.canonical_name`.

    Raises
    ------
    InputError
        For pairs of intervals (BEDPE), or if it is not clear which column is the strand.
    """
    frame, rejected, header = read_bed_rows(data, file)
    frame = frame.reset_index(drop=True)
    num = len(frame.columns) - 1
    _refuse_pairs(frame, file)
    usual = _NAMES.get(ending(file), ()) or _names_of(frame)
    # A header may name only the first columns.
    named = set(map(canonical_name, header))
    names = [*header, *(n if n not in named else "" for n in usual[len(header) :])]
    names = [name or str(i + 1) for i, name in enumerate(names)]
    names += [str(i + 1) for i in range(len(names), num)]
    notes = [] if header else _name_sixth(frame, names, file)
    if (tracks := len(_TRACK.findall(data))) > 1:
        notes.append(f"its {tracks:,} tracks are read as one")
    for i, name in enumerate(names):
        same = len(frame) and (frame[i] == frame[i].iloc[0]).all()
        needed = canonical_name(name) in wanted or name in (*_BED[:4], "strand", CCRE_CLASS, VALUE)
        if same and not needed and not (header and frame[i].iloc[0]):
            frame = frame.drop(columns=i)
    return Cells(tuple(names), frame, rejected, notes=tuple(notes))


def _names_of(frame: pd.DataFrame) -> Sequence[str]:
    """Return the column names of narrowPeak or of BED, whichever fits the contents."""
    peaks = len(frame.columns) == 11 and all(
        frame[i].str.fullmatch(_NUMBER).all() for i in (6, 7, 8, 9)
    )
    num = len(frame.columns) - 1
    # In files of 7, 10 or 11 columns, the columns after the sixth are not part of BED.
    return _NAMES["narrowpeak"] if peaks else _BED[: num if num in (8, 9, 12) else 6]


def _name_sixth(frame: pd.DataFrame, names: list[str], file: Path) -> list[str]:
    """Name the columns of a BED file without strands in its sixth column, and return notes for the user.

    The sixth column may be a class of ENCODE's cCREs. BED names and scores never look like strands, so if
    exactly one other column contains strands, as in hand-made files with fewer columns, it is the strand.

    Raises
    ------
    InputError
        If two other columns contain strands.
    """
    sixth = frame[5].str.lower()
    if sixth.isin(_CLEAR_STRANDS).any():
        return []
    strands = [i for i in range(3, len(names)) if i != 5 and _is_strand(frame[i])]
    if len(strands) > 1:
        raise InputError(
            f"the columns {strands[0] + 1} and {strands[1] + 1} both contain strands",
            file=file,
            remedy="Add a first line with the column names, such as chrom, start, end, strand.",
        )
    if strands:
        names[5] = "6"
        names[strands[0]] = "strand"
        if strands[0] == 3:
            names[4] = "score" if frame[4].str.fullmatch(_NUMBER).all() else "name"
        return [f"the strands are column {strands[0] + 1}"]
    if not sixth.isin(STRANDS).any():
        classes = frame[5].str.split(",").str[0]
        names[5] = "6"
        if len(classes) and classes.isin(CCRE).all():
            names[5], frame[5] = CCRE_CLASS, classes
    return []


def doubtful_strands(strand: pd.Series) -> pd.Series:
    """Return which rows have a strand of 0 or 1, if the column contains both and no other strands.

    Parameters
    ----------
    strand
        Strands as text, one per row.
    """
    plain = strand.str.strip().str.lower().str.removesuffix(".0")
    numbers = set(plain.unique()) - {""}
    return plain.isin(["0", "1"]) & (numbers == {"0", "1"})


DOUBTFUL_STRANDS = (
    "the strands are 0 and 1, which may mean either strand, or none",
    "Write + and -, or . if there is no strand.",
)
"""Reason and remedy for rows found by :func:`doubtful_strands`."""


def meaning_of(cells: Cells) -> dict[int, str]:
    """Return the columns that are chrom, start, end, strand and id (the name); the first one of each kind.

    Parameters
    ----------
    cells
        A file of intervals.
    """
    found: dict[str, int] = {}
    for i, name in enumerate(cells.names):
        if i in cells.frame and (column := _MEANING.get(canonical_name(name))):
            found.setdefault(column, i)
    return {i: column for column, i in found.items()}


def _is_strand(column: pd.Series) -> bool:
    """Return whether all cells are strands, at least one of them other than the ambiguous dot."""
    return bool(column.isin(["+", "-", "."]).all() and column.isin(["+", "-"]).any())


def _refuse_pairs(frame: pd.DataFrame, file: Path) -> None:
    places = frame[[4, 5]].apply(pd.to_numeric, errors="coerce")
    # Pairs between chromosomes may have no chromosome on both sides.
    are_names = frame[3].isin(frame[0].unique()) | frame[3].str.fullmatch(_CHROMOSOME)
    if len(frame) and are_names.all() and (places[5] > places[4]).all():
        raise InputError(
            "has two intervals per row (BEDPE)",
            file=file,
            remedy="Give one interval per row: cut -f 1-3, or cut -f 4-6.",
        )
