"""CSV and TSV with the headers in use, DNABERT's k-mer files among them, as columns of the table."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pandas as pd

from dnasweep.data.unnamed import understand
from dnasweep.errors import InputError
from dnasweep.formats.delimited import ACCEPTED, Cells, read_cells

_MEANING = {name: column for column, names in ACCEPTED.items() for name in names}
_LINE = re.compile(rb"[^\r\n]+")
_BASES = re.compile(r"[ACGTUN ]{6,}", re.IGNORECASE)
_WORDS = re.compile(rb"[ACGTRYSWKMBDHVNUacgtryswkmbdhvnu ]{6,}")


def read_delimited(
    data: bytes, *, file: Path, separators: str = "\t,;", split_matters: bool = True
) -> Cells:
    """Return a CSV or TSV with a header as text columns named as in `ACCEPTED`, and `row`.

    The separator (one of `separators`) is the one that finds most known columns in the header. A
    file of two columns whose first line already is DNA and an integer has no header: its columns
    are sequence and label. Where no column is named split, one whose values are names of splits is
    the split. Columns of other names are left out.

    Raises
    ------
    InputError
        For a header without a sequence (or chromosome, start and end), or with one thing twice.
    """
    start = len(data) - len(data.lstrip())
    skipped = data[:start].count(b"\n") or data[:start].count(b"\r")
    line = _LINE.match(data, start)
    first = line[0].decode(errors="replace") if line else ""
    separator = max(separators, key=lambda s: (_num_known(first, s), first.count(s)))
    header = _header(first, separator, file)
    bare = _is_row(first, separator)
    if bare:
        header = ["sequence", "label"]
    meaning = {i: _MEANING[name] for i, name in enumerate(header) if name in _MEANING}
    _check_header(meaning, first, separator, file)
    cells = read_cells(data, separator=separator, num_columns=len(header), file=file)
    frame = cells.frame
    if not bare:
        frame = frame[frame["row"] > skipped + 1].reset_index(drop=True)
    others = {i: name for i, name in enumerate(header) if i not in meaning}
    unread = understand(
        frame,
        others,
        split_known="split" in meaning.values(),
        split_matters=split_matters,
        file=file,
    )
    if unread.split is not None:
        meaning[unread.split] = "split"
    frame = frame[["row", *meaning]].rename(columns=meaning)
    return Cells(frame, cells.faults, tuple(header), unread.notes)


def _plain(name: str) -> str:
    return re.sub(r"[\s\-]+", "_", name.strip().lstrip("#").strip().lower())


def _header(line: str, separator: str, file: Path) -> list[str]:
    try:
        row = pd.read_csv(
            io.StringIO(line + "\n"), sep=separator, header=None, dtype="str", na_filter=False
        )
    except pd.errors.ParserError as error:
        raise InputError("the header cannot be read", file=file, row=1) from error
    return [_plain(name) for name in row.iloc[0]]


def _num_known(line: str, separator: str) -> int:
    return sum(_plain(name.strip().strip("\"'")) in _MEANING for name in line.split(separator))


def _is_row(line: str, separator: str) -> bool:
    cells = [cell.strip().strip('"') for cell in line.split(separator)]
    return (
        len(cells) == 2 and _WORDS.fullmatch(cells[0].encode()) is not None and cells[1].isdigit()
    )


def _check_header(meaning: dict[int, str], line: str, separator: str, file: Path) -> None:
    found = [name.strip().strip("\"'") for name in line[:500].split(separator)][:20]
    listed = f"found {', '.join(n[:40] or '(no name)' for n in found)}"
    columns = list(meaning.values())
    for column in columns:
        if columns.count(column) > 1:
            raise InputError(
                f"the header names the {column} more than once: {listed}",
                file=file,
                row=1,
                remedy="Keep one of these columns.",
            )
    if "sequence" not in columns and not {"chrom", "start", "end"} <= set(columns):
        if any(_BASES.fullmatch(name) for name in found):
            raise InputError(
                f"there is no header, row 1 holds a sequence already: {listed}",
                file=file,
                row=1,
                remedy="Put a line with the names of the columns before it, such as "
                "id,sequence,label.",
            )
        raise InputError(
            f"there is no column with sequences: {listed}",
            file=file,
            row=1,
            remedy=f"Name it {' or '.join(ACCEPTED['sequence'][:2])} (any case), and the label "
            f"{' or '.join(ACCEPTED['label'][:2])}; or give {', '.join(ACCEPTED['chrom'][:2])}, "
            "start and end with a genome.",
        )
