"""Sequences in a FASTA file beside the table with their labels, matched by id or by order."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from dnasweep.data.column_names import MEANING, ColumnNames
from dnasweep.data.label_cells import NUMBER
from dnasweep.errors import InputError
from dnasweep.formats.content import read_content
from dnasweep.formats.delimited import Cells
from dnasweep.formats.headers import canonical_name
from dnasweep.formats.rejects import RejectedRow
from dnasweep.formats.sequences import read_fasta, titles_of

_MOST = 0.5
"""Share of the rows of a table whose cells must be ids of the FASTA file for a column to be the ids."""
_SEPARATED = r"[\t,;|\s]"
_PLACES = ("chrom", "start", "end", "strand")


class WithSequences(NamedTuple):
    """A table with its sequences."""

    cells: Cells
    """The table with a last column `sequence`; rows without a sequence are rejected."""
    names: ColumnNames
    """The names of the columns, in which the ids are named."""
    places: pd.DataFrame
    """Columns chrom, start, end and strand of the rows, from the titles; empty where they say none."""
    note: str
    """How rows and sequences were matched."""


def add_sequences(cells: Cells, fasta: Path, *, file: Path, names: ColumnNames) -> WithSequences:
    """Return a table with the sequences of a FASTA file.

    A row is matched by the column that contains ids of the file: first words of titles, or whole titles. If no
    column does, the first row belongs to the first record, and so on, as in DeepSTARR; but only if no column
    seems to contain other ids, and no column of row numbers says that the rows have been shuffled.

    Parameters
    ----------
    cells
        Cells of the table.
    fasta
        The FASTA file.
    file
        Path of the table, for messages.
    names
        Columns that the user has named.

    Raises
    ------
    InputError
        For a file that is not FASTA, a table with sequences of its own, ids that are not those of the FASTA
        file or occur in it twice with different sequences, and, without ids, different numbers of rows and
        records or rows out of order.
    """
    known = [canonical_name(name) for name in cells.names]
    own = [name for name in known if MEANING.get(name) == "sequence"]
    if own or names.sequence or not known:
        where = names.sequence or (own[0] if own else "")
        raise InputError(
            "has sequences of its own" + (f", in the column {where}" if where else ""),
            file=file,
            row=cells.header_row or None,
            remedy=f"Give it without {fasta.name}, or remove the column.",
        )
    records, titles = _records(fasta)
    cells = _with_header(cells, records, titles)
    known = [canonical_name(name) for name in cells.names]
    column, keys = _id_column(cells, known, records, titles, names, file, fasta)
    if column is None:
        return _by_order(cells, records, file, fasta, names)
    _refuse_ambiguous(keys, records, set(cells.frame[column].str.strip()), fasta)
    first = ~keys.duplicated()
    found = records[first].set_axis(keys[first]).reindex(cells.frame[column].str.strip())
    found = found.set_axis(cells.frame.index)
    lacking = found["sequence"].isna()
    rejected = [
        RejectedRow(str(file), int(row), f"{fasta.name} has no sequence named {cell[:60]!r}", cell)
        for row, cell in zip(
            cells.frame["row"][lacking], cells.frame[column][lacking].str.strip(), strict=True
        )
    ]
    unused = int((~keys[first].isin(cells.frame[column].str.strip())).sum())
    note = (
        f"the sequences are those of {fasta.name}, by the ids in the column {cells.names[column]}"
    )
    if unused > 0:
        note += f"; {unused:,} of its {len(records):,} records have no row and are not read"
    made = _with_column(cells, "sequence", found["sequence"])
    made = made._replace(frame=made.frame[~lacking], rejected=[*cells.rejected, *rejected])
    named = names if names.id else names._replace(id=made.names[column])
    return WithSequences(made, named, found.loc[~lacking, list(_PLACES)], note)


def one_column(data: bytes) -> Cells | None:
    """Return the cells of a text with one label per line, whose first line is called its header.

    Parameters
    ----------
    data
        Contents of the file.

    Returns
    -------
    cells
        The cells, or None if the first line has several.
    """
    lines = data.decode("utf-8-sig", errors="replace").splitlines()
    frame = pd.DataFrame(
        {0: pd.Series(lines, dtype="str").str.strip(), "row": range(1, len(lines) + 1)}
    )
    frame = frame[(frame[0] != "") & ~frame[0].str.startswith("#")].reset_index(drop=True)
    if frame.empty or re.search(_SEPARATED, frame[0].iloc[0]):
        return None
    name, row = str(frame[0].iloc[0]), int(frame["row"].iloc[0])
    return Cells((name,), frame[1:].reset_index(drop=True), header_row=row)


def _records(fasta: Path) -> tuple[pd.DataFrame, pd.Series]:
    data = read_content(fasta)
    if not data.lstrip().startswith(b">"):
        raise InputError(
            "is not FASTA, which begins with >",
            file=fasta,
            remedy="Give the FASTA file of the sequences with --sequences, and the table of labels with --data.",
        )
    records, _ = read_fasta(data)
    return records, pd.Series(titles_of(data), index=records.index, dtype="str")


def _id_column(
    cells: Cells,
    known: list[str],
    records: pd.DataFrame,
    titles: pd.Series,
    names: ColumnNames,
    file: Path,
    fasta: Path,
) -> tuple[int | None, pd.Series]:
    """Return the column of ids, and the id of each record; no column if rows are matched by order."""
    meaning = {i: MEANING.get(name, "") for i, name in enumerate(known) if i in cells.frame}
    if names.id:
        meaning = {i: "id" for i in meaning if known[i] == canonical_name(names.id)}
    ids = [i for i, column in meaning.items() if column == "id"]
    # Numbers of a label may be ids by chance, so other columns must be of no known meaning and name each row once.
    free = [i for i in meaning if meaning[i] in ("", "name") and cells.frame[i].is_unique]
    places = [i for i in meaning if meaning[i] == "chrom"]
    best: tuple[float, int, pd.Series] | None = None
    for keys in (records["id"], titles):
        for i in ids or [*places, *free]:
            share = float(cells.frame[i].str.strip().isin(set(keys)).mean())
            if share > _MOST and (best is None or share > best[0]):
                best = share, i, keys
    if best is not None and best[1] in places:
        raise InputError(
            f"gives places on the sequences of {fasta.name}, as its column {cells.names[best[1]]} shows, and not "
            "labels of whole sequences",
            file=file,
            row=cells.header_row or None,
            remedy=f"Give {fasta.name} as --genome.",
        )
    if best is not None:
        return best[1], best[2]
    # A text that differs in every row identifies it; the rows may then be in any order.
    ids = ids or [i for i in free if not cells.frame[i].str.strip().str.fullmatch(NUMBER).any()]
    if ids:
        first = str(cells.frame[ids[0]].iloc[0]).strip() if len(cells.frame) else ""
        raise InputError(
            f"the ids of its column {cells.names[ids[0]]}, such as {first[:60]!r}, are not those of "
            f"{fasta.name}, such as {str(records['id'].iloc[0])[:60]!r}",
            file=file,
            row=cells.header_row or None,
            remedy="Write the same ids into both files, or name the column of the ids with --id-column; rows "
            "are matched by their order only if no column differs in every row.",
        )
    return None, records["id"]


def _by_order(
    cells: Cells, records: pd.DataFrame, file: Path, fasta: Path, names: ColumnNames
) -> WithSequences:
    if len(cells.frame) != len(records) or cells.rejected:
        raise InputError(
            f"has {len(cells.frame) + len(cells.rejected):,} rows, but {fasta.name} has {len(records):,} "
            "sequences, and no column contains their ids",
            file=file,
            remedy="Add a column id with the first word of each title, or give as many rows as sequences.",
        )
    for i, name in enumerate(cells.names):
        numbers = pd.to_numeric(cells.frame[i], errors="coerce") if _counts(name) else None
        if numbers is not None and numbers.notna().all() and not numbers.is_monotonic_increasing:
            raise InputError(
                f"its rows are not in their first order, as the column {name or 1} shows, and no column contains "
                f"the ids of {fasta.name}",
                file=file,
                remedy="Sort the rows by this column, or add a column id with the first word of each title.",
            )
    found = records.set_axis(cells.frame.index)
    made = _with_column(cells, "sequence", found["sequence"])
    if not names.id and found["id"].ne("").all():
        made = _with_column(made, "id", found["id"])
    note = f"the sequences are those of {fasta.name}, in the same order, since no column contains their ids"
    return WithSequences(made, names, found[list(_PLACES)], note)


def _counts(name: str) -> bool:
    """Return whether a column is named as pandas and R name the numbers of rows."""
    return bool(re.fullmatch(r"|index|idx|unnamed.*", canonical_name(name)))


def _refuse_ambiguous(keys: pd.Series, records: pd.DataFrame, used: set[str], fasta: Path) -> None:
    """Refuse an id, used in the table, of several different sequences."""
    asked = records.assign(key=keys)[keys.isin(used).to_numpy()]
    differ = asked.groupby("key")["sequence"].nunique()
    if (differ > 1).any():
        name = str(differ.index[differ > 1][0])
        raise InputError(
            f"{int(differ[name])} different sequences are named {name[:60]!r}",
            file=fasta,
            row=int(asked["row"][asked["key"] == name].iloc[1]),
            remedy="Give every sequence a name of its own, in both files.",
        )


def _with_column(cells: Cells, name: str, column: pd.Series) -> Cells:
    """Return the cells with a further last column."""
    number = len(cells.names)
    frame = cells.frame.copy()
    frame[number] = column
    return cells._replace(names=(*cells.names, name), frame=frame)


def _with_header(cells: Cells, records: pd.DataFrame, titles: pd.Series) -> Cells:
    """Return cells with names: those of the header, or others if what was taken for it is a row.

    It is a row if it contains an id, or numbers or a recurring label without which there would be one row fewer
    than records. The column of the ids is then named id, a single other one label, and several others after
    their position.
    """
    if cells.header_row is None:
        return cells
    among = {*records["id"], *titles}
    ids = [i for i, name in enumerate(cells.names) if name in among]
    label = len(cells.names) == 1 and cells.names[0] in set(cells.frame[0])
    values = label or all(re.fullmatch(NUMBER, name) for name in cells.names)
    if not ids and not (values and len(cells.frame) + 1 == len(records)):
        return cells
    others = [i for i in range(len(cells.names)) if i not in ids[:1]]
    told = ["label"] if len(others) == 1 else [f"column_{i + 1}" for i in others]
    meant = dict(zip(others, told, strict=True))
    names = tuple(meant.get(i, "id") for i in range(len(cells.names)))
    above = dict[int | str, Any](enumerate(cells.names)) | {"row": cells.header_row}
    return cells._replace(
        names=names,
        frame=pd.concat([pd.DataFrame([above]), cells.frame], ignore_index=True),
        header_row=None,
        notes=(*cells.notes, f"there is no header: each row is read as {', '.join(names)}"),
    )
