"""BED and its relatives as named columns: narrowPeak, broadPeak, gappedPeak, bedGraph, cCREs, and SAF."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from pathlib import Path

import pandas as pd

from dnasweep.errors import InputError
from dnasweep.formats.delimited import Cells, read_cells
from dnasweep.formats.detection import ending
from dnasweep.formats.headers import canonical_name
from dnasweep.formats.rejects import RejectedRow

STRANDS = {
    **dict.fromkeys(("+", "1", "+1", "plus", "forward"), "+"),
    **dict.fromkeys(("-", "-1", "minus", "reverse"), "-"),
    **dict.fromkeys(("", ".", "*", "0"), ""),
}
"""Ways to write a strand, in lower case; empty: none is given."""
CCRE = (
    *("PLS", "pELS", "dELS", "CA-H3K4me3", "CA-CTCF", "CA-TF", "CA", "TF"),
    *("DNase-H3K4me3", "CTCF-only", "DNase-only", "Low-DNase", "Unclassified"),
)
"""Classes of ENCODE's candidate cis-regulatory elements (cCREs), version 4 and those before."""
CCRE_CLASS, VALUE = "cCRE class", "value"
"""Names of the class of a cCRE and of the value of bedGraph."""

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
_CHROM, _START = ("chrom", "chr", "chromosome"), ("start", "chromstart", "chrom_start")
_COMMENT = re.compile(r"#|track\b|browser\b")
_NUMBER = r"-?[\d.]+(?:[eE][+-]?\d+)?"
_SAF = {"geneid", "chr", "start", "end", "strand"}


def read_bed_rows(data: bytes, file: Path) -> tuple[pd.DataFrame, list[RejectedRow], list[str]]:
    """Return the rows of a file of intervals as text, without comments, and the names of a header.

    Returns
    -------
    frame
        Columns 0, 1, ..., six at least, and `row`.
    rejected
        Rows with more cells than others.
    header
        Names that a first line or a comment gives the columns; empty where none does.
    """
    comment = re.compile(_COMMENT.pattern.encode())
    lines = data[:65536].splitlines()
    head = [line for line in lines if not comment.match(line)]
    tabs = any(b"\t" in line for line in head)
    num_columns = max(6, *(len(line.split(b"\t" if tabs else None)) for line in head), 6)
    cells, rejected = read_cells(
        data,
        separator="\t" if tabs else r"\s+",
        num_columns=num_columns,
        file=file,
        quoted=False,
    )
    rejected = [row for row in rejected if not comment.match(row.text.encode())]
    header: list[str] = []
    for line in lines:
        words = [w.strip() for w in line.decode(errors="replace").split("\t" if tabs else None)]
        plain = list(map(canonical_name, words))
        if len(plain) > 2 and plain[0] in _CHROM and plain[1] in _START:
            header = words
    frame = cells[~cells[0].str.match(_COMMENT)]
    if len(frame) and frame[1].iloc[0].lower() in _START:
        frame = frame[1:]
    return frame, rejected, header


def read_bed_cells(data: bytes, *, file: Path, wanted: Container[str] = ()) -> Cells:
    """Return a BED file, or one of its relatives, as a table of named columns.

    Columns have the names of a header, else of the format by the file's ending; ten columns are
    narrowPeak. Others are called by their number. A fourth column of strands is one, and a sixth of
    other words is none. Columns that are empty, or say the same in every row, are left out.

    Parameters
    ----------
    data
        The text.
    file
        The file.
    wanted
        Names of columns that are kept in any case, as :func:`~dnasweep.formats.headers.canonical_name`
        makes them.

    Raises
    ------
    InputError
        For pairs of places (BEDPE).
    """
    frame, rejected, header = read_bed_rows(data, file)
    frame = frame.reset_index(drop=True)
    num = len(frame.columns) - 1
    _refuse_pairs(frame, file)
    usual = _NAMES.get(ending(file), ()) or _names_of(frame)
    # A header may name the first columns alone.
    names = [*header, *usual[len(header) :]]
    names += [str(i + 1) for i in range(len(names), num)]
    if not header:
        if _is_strand(frame[3]) and not frame[5].any():
            # No name in BED is a strand: intervals as people cut them, without name and score.
            names[3], names[5] = "strand", "name"
        elif not frame[5].str.lower().isin(STRANDS).any():
            # The sixth column of ENCODE's candidate cis-regulatory elements is a class.
            classes = frame[5].str.split(",").str[0]
            names[5] = "6"
            if len(classes) and classes.isin(CCRE).all():
                names[5], frame[5] = CCRE_CLASS, classes
    for i, name in enumerate(names):
        same = len(frame) and (frame[i] == frame[i].iloc[0]).all()
        told = canonical_name(name) in wanted or name in (*_BED[:4], "strand", CCRE_CLASS, VALUE)
        if same and not told and not (header and frame[i].iloc[0]):
            frame = frame.drop(columns=i)
    return Cells(tuple(names), frame, rejected)


def _names_of(frame: pd.DataFrame) -> Sequence[str]:
    """Return the names of the columns by what they hold: those of narrowPeak or of BED."""
    peaks = len(frame.columns) == 11 and all(
        frame[i].str.fullmatch(_NUMBER).all() for i in (6, 7, 8, 9)
    )
    num = len(frame.columns) - 1
    # Of 7, 10 and 11 columns those behind the sixth are no part of BED.
    return _NAMES["narrowpeak"] if peaks else _BED[: num if num in (8, 9, 12) else 6]


def _is_strand(column: pd.Series) -> bool:
    """Return whether all cells are strands, and not all of them the dot that may mean anything."""
    return bool(column.isin(["+", "-", "."]).all() and column.isin(["+", "-"]).any())


def _refuse_pairs(frame: pd.DataFrame, file: Path) -> None:
    places = frame[[4, 5]].apply(pd.to_numeric, errors="coerce")
    if len(frame) and frame[3].isin(frame[0].unique()).all() and (places[5] > places[4]).all():
        raise InputError(
            "has two intervals per row (BEDPE)",
            file=file,
            remedy="Give one interval per row: cut -f 1-3, or cut -f 4-6.",
        )


def count_saf_from_zero(frame: pd.DataFrame, header: Sequence[str]) -> tuple[pd.DataFrame, str]:
    """Return coordinates of a table as BED counts them, and what to say of it.

    Parameters
    ----------
    frame
        Text columns, start among them; not changed.
    header
        Names of the columns. Those of SAF, which counts from 1 (GeneID, Chr, Start, End, Strand), are known.
    """
    if not {canonical_name(name) for name in header} >= _SAF:
        return frame, "start counts from 0, as in BED"
    start = pd.to_numeric(frame["start"], errors="coerce")
    moved = (start[start % 1 == 0] - 1).astype("int64").astype("str")
    return frame.assign(start=moved.reindex(frame.index).fillna(frame["start"])), (
        "start counts from 1, as in SAF, and is converted to count from 0"
    )
