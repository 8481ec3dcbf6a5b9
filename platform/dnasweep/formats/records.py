"""Tables in JSON, Parquet and Arrow files, with all cells as text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.feather
import pyarrow.parquet as pq

from dnasweep.errors import InputError
from dnasweep.formats.class_names import class_names, name_classes
from dnasweep.formats.delimited import Cells

_INDEX = "__index_level_0__"
_SHOWN = 60
MAX_LISTED = 128
"""Longest list that is read as the labels of a row."""
MAX_BASES = 1 << 20
"""Longest list of whole numbers or words that is read as labels of the bases of a row."""
_INTERVAL = ("start", "end", "label")
"""Names in the objects of a list of labelled intervals."""


def read_json(data: bytes, *, file: Path) -> Cells:
    """Return the cells of JSON lines, or of JSON as pandas and `datasets` write it.

    Accepted are one object per line, an array of objects, an object of columns, pandas' object of objects by
    row, and an object with one array or with an array for each split. Missing values become empty cells.

    Parameters
    ----------
    data
        UTF-8 text.
    file
        Path of the file, for messages.

    Raises
    ------
    InputError
        For a line that is not an object, and for JSON of another structure.
    """
    text = data.decode("utf-8", errors="replace")
    try:
        whole = json.loads(text, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        if error.msg != "Extra data" and not _holds_lines(text):
            raise InputError(
                f"is not complete JSON: {error.msg}",
                file=file,
                row=error.lineno,
                remedy="Write or download the file again.",
            ) from error
        return _rows(*_lines(text, file), file)
    except (_Repeated, RecursionError) as error:
        if isinstance(error, RecursionError):
            raise _other_shape(file) from error
        raise InputError(f"an object names {error} twice", file=file) from error
    if isinstance(whole, Mapping) and (parts := _parts(whole) or _split_apart(whole)):
        rows: list[Any] = parts
    elif isinstance(whole, Mapping):
        columns = _columns(whole)
        if columns is None and all(not isinstance(v, Mapping | list) for v in whole.values()):
            columns = {name: [value] for name, value in whole.items()}
        if columns is None:
            raise _other_shape(file)
        rows = [
            dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
        ]
    else:
        rows = whole if isinstance(whole, list) else [whole]
    if not all(isinstance(row, Mapping) for row in rows):
        raise _other_shape(file)
    return _rows(list(range(1, len(rows) + 1)), rows, file)


def _parts(whole: Mapping[str, Any]) -> list[Any]:
    """Return the records of an object that contains one array or an array for each split; otherwise none.

    A single array may be accompanied by a description such as `version` or pandas' `schema`.
    """
    lists = {
        name: one
        for name, one in whole.items()
        if isinstance(one, list)
        and one
        and all(isinstance(row, Mapping) and not is_interval(row) for row in one)
    }
    others = [value for name, value in whole.items() if name not in lists]
    if len(lists) == 1 and not any(isinstance(value, list) for value in others):
        return next(iter(lists.values()))
    if others:
        return []
    return [{"split": name, **row} for name, part in lists.items() for row in part]


def _split_apart(whole: Mapping[str, Any]) -> list[Any]:
    """Return the records of an object written by pandas with orient="split"; otherwise none."""
    columns, data = whole.get("columns"), whole.get("data")
    if not (set(whole) <= {"columns", "index", "data"} and columns and data):
        return []
    if not all(isinstance(row, list) and len(row) == len(columns) for row in data):
        return []
    return [dict(zip(columns, row, strict=True)) for row in data]


def read_columnar(data: bytes, *, file: Path) -> Cells:
    """Return the cells of a Parquet file, or of an Arrow or Feather file.

    Parameters
    ----------
    data
        Contents of the file.
    file
        Path of the file, for messages.

    Raises
    ------
    InputError
        For a damaged file.
    """
    try:
        table = _open(data)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(
            f"is a damaged Parquet or Arrow file ({str(error).splitlines()[0][:_SHOWN]})",
            file=file,
            remedy="Write or download the file again.",
        ) from error
    table = table.drop_columns([_INDEX]) if _INDEX in table.column_names else table
    cells, nested, classes = {}, set(), class_names(table.schema)
    for i, column in enumerate(table.columns):
        kind = column.type
        if pa.types.is_dictionary(kind):
            column, kind = column.cast(kind.value_type), kind.value_type
        if pa.types.is_nested(kind):
            nested.add(i)
            if _is_short_list(column):
                cells[i] = pd.Series(map(_text, column.to_pylist()), dtype="str")
            continue
        try:
            text = column.cast(pa.string()).fill_null("").to_pandas().astype("str")
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # not text, nor values with a text
            nested.add(i)
            continue
        cells[i] = text.mask(text == "nan", "") if pa.types.is_floating(kind) else text
        if told := classes.get(table.column_names[i]):
            cells[i] = name_classes(text, told)
    frame = pd.DataFrame(cells, index=range(table.num_rows))
    frame["row"] = range(1, table.num_rows + 1)
    return Cells(tuple(table.column_names), frame, nested=frozenset(nested))


def _is_short_list(column: pa.ChunkedArray) -> bool:
    """Return whether a column contains short lists of values or intervals, as labels do, not vectors."""
    kind = column.type
    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    if not any(is_one(kind) for is_one in lists):
        return False
    value = kind.value_type
    if pa.types.is_struct(value):
        return sorted(field.name for field in value) == sorted(_INTERVAL)
    longest = pc.max(pc.list_value_length(column)).as_py() or 0
    return longest <= (MAX_LISTED if pa.types.is_floating(value) else MAX_BASES) and not (
        pa.types.is_nested(value)
    )


def _open(data: bytes) -> pa.Table:
    source = pa.BufferReader(data)
    if data.startswith(b"PAR1"):
        return pq.ParquetFile(source).read()
    if data.startswith(b"\xff\xff\xff\xff"):
        return pa.ipc.open_stream(source).read_all()
    return pyarrow.feather.read_table(source)


class _Repeated(ValueError):
    """A name that occurs twice in one object."""


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _Repeated(repr(next(name for name in names if names.count(name) > 1)))
    return found


def _holds_lines(text: str) -> bool:
    """Return whether the first line is a complete object."""
    try:
        return isinstance(json.loads(text.lstrip().split("\n", 1)[0]), dict)
    except (ValueError, RecursionError):
        return False


def _lines(text: str, file: Path) -> tuple[list[int], list[Any]]:
    numbers, rows = [], []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, object_pairs_hook=_unique)
        except (ValueError, RecursionError) as error:
            reason = "the line is not a complete JSON object"
            if isinstance(error, _Repeated):
                reason = f"the object has the name {error} twice"
            raise InputError(
                reason, file=file, row=number, remedy="Write or download the file again."
            ) from error
        if not isinstance(row, dict):
            raise InputError(
                "the line is JSON, but not an object of names and values", file=file, row=number
            )
        numbers.append(number)
        rows.append(row)
    return numbers, rows


def _columns(whole: Mapping[str, Any]) -> dict[str, list[Any]] | None:
    """Return the columns of an object in which each is a list, or an object of values by row."""
    values = list(whole.values())
    if values and all(isinstance(value, list) for value in values):
        columns = {name: list(value) for name, value in whole.items()}
    elif values and all(isinstance(value, Mapping) for value in values):
        if any(list(value) != list(values[0]) for value in values):
            return None
        columns = {name: list(value.values()) for name, value in whole.items()}
    else:
        return None
    return columns if len({len(column) for column in columns.values()}) == 1 else None


def _other_shape(file: Path) -> InputError:
    return InputError(
        "is JSON, but not a table: neither one object per line nor an array of objects",
        file=file,
        remedy='Write one row per line, such as {"sequence": "ACGT", "label": 1}.',
    )


def _rows(numbers: list[int], rows: list[Mapping[str, Any]], file: Path) -> Cells:
    names = list(dict.fromkeys(name for row in rows for name in row))
    nested = {
        i
        for i, name in enumerate(names)
        if any(isinstance(row.get(name), Mapping | list) for row in rows)
    }
    frame = pd.DataFrame(
        {
            i: pd.Series([_text(row.get(name)) for row in rows], dtype="str")
            for i, name in enumerate(names)
            if i not in nested or _are_short_lists(row.get(name) for row in rows)
        },
        index=range(len(rows)),
    )
    frame["row"] = numbers
    return Cells(tuple(names), frame, nested=frozenset(nested))


def _are_short_lists(values: Iterable[Any]) -> bool:
    return all(
        value is None
        or (
            isinstance(value, list)
            and len(value)
            <= (MAX_LISTED if any(isinstance(one, float) for one in value) else MAX_BASES)
            and not any(isinstance(one, list) for one in value)
            and all(is_interval(one) for one in value if isinstance(one, Mapping))
        )
        for value in values
    )


def is_interval(value: Any) -> bool:
    """Return whether a JSON value is a labelled interval, with start, end and label."""
    return isinstance(value, Mapping) and sorted(value) == sorted(_INTERVAL)


def intervals_text(values: Sequence[Mapping[str, Any]]) -> str:
    """Return labelled intervals as `10-12:donor;50-52:acceptor`, and an empty list as `none`."""
    return ";".join(f"{one['start']}-{one['end']}:{one['label']}" for one in values) or "none"


def _text(value: Any) -> str:
    if isinstance(value, list) and value and all(map(is_interval, value)):
        return intervals_text(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_text, value))}]"
    if value is None or value != value:
        return ""
    return str(value)
