"""Text from users' files, made safe to show: names, ids, classes and paths.

A name may contain control characters of a terminal (escape sequences, a carriage return, characters that
reverse the writing direction), bytes that are not text, or a formula that a spreadsheet would run
(``=cmd|...``). All text from files passes through this module before it reaches a terminal or a text table.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_FORMULA = ("=", "+", "-", "@", "\t", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""First characters that make a spreadsheet read a cell as a formula (OWASP, CSV injection)."""
_SIGNS = ("+", "-")
"""Cells that are strands: one of these characters alone."""


def shown(text: str) -> str:
    r"""Return text with control characters, except line ends and tabs, written as escapes such as `\x1b`.

    Examples
    --------
    >>> shown("a\x1b[31mred")
    'a\\x1b[31mred'
    """
    return _CONTROL.sub(_written, text)


def _written(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:
        # A byte of a name that is not valid UTF-8.
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def cell(text: str) -> str:
    """Return text for a table cell without control characters, and never a spreadsheet formula.

    An apostrophe in front makes a spreadsheet read a formula as text. Numbers and strands stay unchanged.

    Examples
    --------
    >>> cell("=HYPERLINK(1)")
    "'=HYPERLINK(1)"
    """
    text = shown(text)
    if not text.startswith(_FORMULA) or text in _SIGNS or _is_number(text):
        return text
    return f"'{text}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def write_csv(frame: pd.DataFrame, path: Path, *, sep: str = ",", **how: Any) -> None:
    """Write a table as text without its index; text cells are made safe by :func:`cell`.

    Parameters
    ----------
    frame
        The table; it is not changed.
    path
        File to write.
    sep
        Separator of the columns.
    how
        Further arguments for `DataFrame.to_csv`.
    """
    csv_text(frame).to_csv(path, sep=sep, index=False, **how)


def csv_text(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a copy of a table whose text and column names are made safe by :func:`cell`."""
    safe = frame.rename(columns=lambda name: cell(name) if isinstance(name, str) else name)
    for number, dtype in enumerate(safe.dtypes):
        if dtype.kind in "biufcmM":
            continue
        column = safe.iloc[:, number]
        if any(isinstance(value, str) and cell(value) != value for value in column):
            values = [cell(value) if isinstance(value, str) else value for value in column]
            safe.isetitem(number, values)
    return safe
