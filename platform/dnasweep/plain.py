"""Text from people's files, made safe to show: names, ids, classes and paths.

A name may hold what a terminal obeys (escape sequences, a carriage return, letters that turn the
order of writing), bytes that are no text, or what a spreadsheet runs (``=cmd|...``). Whatever goes to
a terminal or into a table of text goes through here.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_RUN = ("=", "+", "-", "@", "\t", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a spreadsheet takes a cell that begins with it for a formula by (OWASP, CSV injection)."""
_SIGNS = ("+", "-")
"""Strands, which stand alone."""


def shown(text: str) -> str:
    r"""Return text in which nothing is obeyed: other than line ends and tabs, as `\x1b` is written."""
    return _OBEYED.sub(_written, text)


def _written(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:
        # A byte of a name that is no UTF-8.
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def cell(text: str) -> str:
    """Return text as the cell of a table: nothing in it is obeyed, or run by a spreadsheet.

    What a spreadsheet would take for a formula gets an apostrophe before it, by which it knows text;
    numbers and strands stay as they are.
    """
    text = shown(text)
    if not text.startswith(_RUN) or text in _SIGNS or _is_number(text):
        return text
    return f"'{text}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def write_csv(frame: pd.DataFrame, path: Path, *, sep: str = ",", **how: Any) -> None:
    """Write a table as text, without its index; numbers as they are, text by :func:`cell`.

    Parameters
    ----------
    frame
        Left as it is.
    sep
        What parts the columns.
    how
        Further arguments of pandas.
    """
    csv_text(frame).to_csv(path, sep=sep, index=False, **how)


def csv_text(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a copy of a table with its text, and the names of its columns, by :func:`cell`."""
    made = frame.rename(columns=lambda name: cell(name) if isinstance(name, str) else name)
    for place, kind in enumerate(made.dtypes):
        if kind.kind in "biufcmM":
            continue
        column = made.iloc[:, place]
        if any(isinstance(value, str) and cell(value) != value for value in column):
            safe = [cell(value) if isinstance(value, str) else value for value in column]
            made.isetitem(place, safe)
    return made
