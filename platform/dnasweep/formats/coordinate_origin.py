"""How the positions of a table are written: from 0, as in BED, or from 1, and with or without commas."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from dnasweep.formats.delimited import Cells
from dnasweep.formats.headers import canonical_name

STARTS = ("start", "chromstart", "chrom_start")
"""Names of the column with the first base of an interval."""
ENDS = ("end", "chromend", "chrom_end", "stop")
"""Names of the column with the end of an interval."""
_WIDTHS = ("width", "length", "len", "size", "peak_length", "peak_width")
_SAF = frozenset(["geneid", "chr", "start", "end", "strand"])
_HOMER = frozenset(["chr", "start", "end", "strand"])
_DNA = r"(?i)[ACGTRYSWKMBDHVNU\s]{12,}"
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+")
_GFF = ({"seqname", "seqid"}, {"source"}, {"feature", "type"}, {"start"}, {"end"})


def without_commas(text: str) -> str:
    """Return a position without the commas between its thousands; any other text is returned unchanged.

    Examples
    --------
    >>> without_commas("1,234,567"), without_commas("1,5")
    ('1234567', '1,5')
    """
    return text.replace(",", "") if _THOUSANDS.fullmatch(text) else text


def plain_positions(cells: Cells) -> tuple[Cells, bool]:
    """Return a table whose starts and ends have no commas between thousands, and whether any had.

    Parameters
    ----------
    cells
        The table; not changed.
    """
    plain = {}
    for i, name in enumerate(cells.names):
        if canonical_name(name) in (*STARTS, *ENDS) and i in cells.frame:
            text = cells.frame[i].str.strip()
            # Few tables have commas, and large ones take long to search cell by cell.
            found = text.map(without_commas) if text.str.contains(",", regex=False).any() else text
            if (found != text).any():
                plain[i] = found
    frame = cells.frame.copy() if plain else cells.frame
    for i, found in plain.items():
        frame[i] = found
    return cells._replace(frame=frame), bool(plain)


def counts_from_one(cells: Cells) -> str:
    """Return the evidence that the positions of a table count from 1, "" if there is none.

    Evidence is the column names of SAF, HOMER, GFF or Bioconductor's GRanges, or a column of widths equal to
    end - start + 1 in all rows, as in the tables of MACS and of GRanges.

    Parameters
    ----------
    cells
        The table.
    """
    names = list(map(canonical_name, cells.names))
    known = set(names)
    if known >= _SAF:
        return "as in SAF"
    if known >= _HOMER and names[0].startswith("peakid"):
        return "as in HOMER"
    if all(known & some for some in _GFF):
        return "as in GFF"
    places = [_first(names, wanted) for wanted in (STARTS, ENDS)]
    if None in places:
        return ""
    start, end = (pd.to_numeric(cells.frame[i], errors="coerce") for i in places)
    placed = start.notna() & end.notna()
    widths = [i for i, name in enumerate(names) if name in _WIDTHS and i in cells.frame]
    for i in widths if placed.any() else ():
        width = pd.to_numeric(cells.frame[i], errors="coerce")
        if ((end - start + 1 == width) & (start >= 1))[placed].all():
            return f"as the column {cells.names[i]} shows"
    # Where there are sequences, their lengths show how positions count.
    texts = (cells.frame[i].head(1) for i in range(len(names)) if i in cells.frame)
    if "seqnames" in known and not widths and not any(t.str.fullmatch(_DNA).any() for t in texts):
        return "as in tables of Bioconductor" if (start >= 1)[placed].all() else ""
    return ""


def count_from_zero(cells: Cells) -> Cells:
    """Return a table whose start counts from 1, converted to count from 0.

    Parameters
    ----------
    cells
        The table; not changed.
    """
    at = _first(list(map(canonical_name, cells.names)), STARTS)
    assert at is not None
    frame = cells.frame.copy()
    start = pd.to_numeric(frame[at], errors="coerce")
    moved = (start[start % 1 == 0] - 1).astype("int64").astype("str")
    frame[at] = moved.reindex(frame.index).fillna(frame[at])
    return cells._replace(frame=frame)


def _first(names: Sequence[str], wanted: Sequence[str]) -> int | None:
    return next((names.index(name) for name in wanted if name in names), None)
