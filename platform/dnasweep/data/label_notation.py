"""Notations of labels that are normalised before reading, and notations that are refused."""

from __future__ import annotations

import json
import re

import pandas as pd

from dnasweep.data.label_cells import NUMBER
from dnasweep.errors import InputError
from dnasweep.formats.records import intervals_text, is_interval

PART = ";"
"""Separator of the labels of a list after normalisation."""

_LIST = re.compile(r"\[(.*)\]|[({](.*,.*)[)}]", re.DOTALL)
_COMMA = r"[+-]?\d*,\d+"
_PERCENT = r"[+-]?[\d.]+ ?%"
_BITS = r"[01]{2,}"
_MINUS = "\u2212\u2013"
_UNSEEN = "[\u200b-\u200d\u2060\ufeff\u00ad]"
_HYPHENS = "[\u2010\u2011]"
# A point or a signed exponent is required, since 4E10 may be the name of a class.
_WHOLE_POWER = r"([+-]?\d)(?:\.(\d*?)0*[eE]\+?|[eE]\+)(\d{1,2})"
_FRACTION = r"\d+ ?/ ?(?:[4-9]|[1-9]\d+)"
_APART = rf"{NUMBER}(?:\s+{NUMBER})+"
_UNIT = rf"^({NUMBER}) ?([A-Za-z\u00b5\u03bc][A-Za-z\u00b5\u03bc/ ]*)$"
_FEW_AMOUNTS = 20
"""Number of different whole numbers with a unit, such as doses, up to which they are classes."""
_MOST = 0.9
_THOUSANDS = r"[+-]?\d{1,3}(?:[ '\u2019\u00a0\u202f]\d{3})+(?:\.\d+)?"


_REFUSED = (
    (
        _COMMA,
        "numbers with a decimal comma",
        "Write them with a point, as in 0.5, without commas between thousands; separate several labels of a "
        "row by ;.",
    ),
    (_PERCENT, "numbers with a percent sign", "Write them without the percent sign."),
    (_FRACTION, "fractions", "Write them as decimals, as in 0.25."),
    (_THOUSANDS, "numbers with thousands separators", "Write only the digits, as in 12345."),
)
"""Notations of numbers that are refused if half of the cells have them, and what to write instead."""


def plain_cells(text: pd.Series) -> pd.Series:
    """Return cells of labels with lists written as `0;1;1` and typographic minus signs as -.

    Invisible characters and a ; at the end are removed, and whole numbers in scientific notation, as written by
    `numpy.savetxt`, are written as plain digits. Numbers separated by spaces are lists if nearly all cells are.

    Parameters
    ----------
    text
        The cells, stripped; not changed.

    Examples
    --------
    >>> plain_cells(pd.Series(["[0, 1]", "['a' 'b']", "[]", "\u22121.5", "x", "1.000e+00"])).tolist()
    ['0;1', 'a;b', 'none', '-1.5', 'x', '1']
    """
    if not text.map(str.isascii).all():
        text = text.str.replace(_UNSEEN, "", regex=True).str.replace(_HYPHENS, "-", regex=True)
        text = text.str.strip()
    powers = text.str.fullmatch(_WHOLE_POWER)
    if powers.any():
        text = text.mask(powers, text[powers].map(_without_power).reindex(text.index))
    objects = text.str.match(r"\[\s*\{")
    if objects.any():
        text = text.mask(objects, text[objects].map(_intervals).reindex(text.index))
    listed = text.str.fullmatch(_LIST)
    if listed.any():
        text = text.mask(listed, text[listed].map(_parts).reindex(text.index))
    text = text.str.removesuffix(PART).str.rstrip()
    apart = text.str.fullmatch(_APART) & ~text.str.fullmatch(_THOUSANDS)
    if apart.any() and apart.sum() >= _MOST * (text != "").sum():
        text = text.mask(apart, text.str.split().str.join(PART))
    minus = text.str.match(f"[{_MINUS}][0-9.]")
    return text.mask(minus, "-" + text.str[1:]) if minus.any() else text


def _without_power(cell: str) -> str:
    """Return a whole number in scientific notation as plain digits; other numbers unchanged."""
    match = re.fullmatch(_WHOLE_POWER, cell)
    assert match is not None
    decimals, power = match[2] or "", int(match[3])
    if len(decimals) > power:
        return cell
    return match[1] + decimals + "0" * (power - len(decimals))


def _intervals(cell: str) -> str:
    """Return a JSON list of intervals as `10-12:donor;50-52:acceptor`; other lists unchanged."""
    try:
        values = json.loads(cell)
    except (ValueError, RecursionError):
        return cell
    known = isinstance(values, list) and all(map(is_interval, values))
    return intervals_text(values) if known else cell


def _parts(cell: str) -> str:
    match = _LIST.fullmatch(cell)
    assert match is not None
    inside = match[1] if match[1] is not None else match[2]
    parts = inside.split(",") if "," in inside else inside.split()
    return PART.join(part.strip().strip("'\"") for part in parts if part.strip()) or "none"


def check_notation(known: pd.Series) -> None:
    """Refuse numbers that would be misread as other numbers or as words.

    Parameters
    ----------
    known
        The non-empty cells.

    Raises
    ------
    InputError
        For fractions, numbers with a decimal comma, a percent sign, thousands separators or a unit, and rows
        of 0 and 1 without separators.
    """
    if known.empty:
        return
    for notation, told, remedy in _REFUSED:
        if (found := known.str.fullmatch(notation)).mean() >= 0.5:
            raise InputError(
                f"the labels are {told}, such as {known[found].iloc[0]}", remedy=remedy
            )
    measured = known[~known.str.fullmatch(NUMBER)].str.extract(_UNIT).dropna()
    if len(measured) >= _MOST * len(known) and measured[1].nunique() == 1:
        decimals = measured[0].str.contains(".", regex=False).mean() >= 0.5
        if decimals or measured[0].nunique() > _FEW_AMOUNTS:
            raise InputError(
                f"the labels are numbers with a unit, such as {known[measured.index[0]]}",
                remedy=f"Write only the numbers, as in {measured[0].iloc[0]}.",
            )
    bits = known.str.fullmatch(_BITS).all() and known.str.len().nunique() == 1
    if bits and known.str.startswith("0").any():
        raise InputError(
            f"the labels are rows of 0 and 1, such as {known.iloc[0]}, which would be read as a number",
            remedy=f"Separate them, as in {PART.join(known.iloc[0])}.",
        )
