"""Join several columns of labels into one."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from dnasweep.data.label_cells import NUMBER
from dnasweep.data.label_notation import PART, plain_cells
from dnasweep.data.label_words import MISSING, is_yes_or_no, positive_of

_MOST = 0.9


def join_labels(frame: pd.DataFrame, columns: Sequence[int]) -> pd.Series:
    """Return the cells of several columns with ; between them, TRUE and FALSE as 1 and 0.

    A row in which all columns are empty gives an empty cell.

    Parameters
    ----------
    frame
        The cells of a file, as text.
    columns
        Columns to use.
    """
    plain = pd.concat([_numbers(frame[i]) for i in columns], axis=1)
    missing = plain.isin(list(MISSING))
    empty = missing.all(axis=1)
    # An empty cell at the end would be taken for a separator too many.
    plain = plain.mask(missing, "nan")
    rows = [PART.join(cells) for cells in plain.itertuples(index=False, name=None)]
    return pd.Series(rows, index=frame.index, dtype="str").mask(empty, "")


def are_numbers(frame: pd.DataFrame, columns: Sequence[int]) -> bool:
    """Return whether nearly all non-empty cells of each column are numbers, or yes and no.

    Parameters
    ----------
    frame
        The cells of a file, as text.
    columns
        Columns to use.
    """
    for i in columns:
        cells = _numbers(frame[i])
        filled = cells[~cells.str.lower().isin(MISSING)]
        if filled.empty or filled.str.fullmatch(NUMBER).mean() < _MOST:
            return False
    return True


def one_hot(frame: pd.DataFrame, columns: Sequence[int]) -> list[int]:
    """Return the columns that contain only 0 and 1, if each row has exactly one 1; otherwise none.

    Parameters
    ----------
    frame
        The cells of a file, as text.
    columns
        Columns to examine.
    """
    flags = {i: pd.to_numeric(_numbers(frame[i]), errors="coerce") for i in columns}
    flags = {i: cells for i, cells in flags.items() if set(cells.unique()) == {0, 1}}
    if len(flags) < 2 or not (pd.DataFrame(flags).sum(axis=1) == 1).all():
        return []
    return list(flags)


def _numbers(column: pd.Series) -> pd.Series:
    cells = plain_cells(column.str.strip())
    words = sorted(set(cells.str.lower()) - MISSING)
    if is_yes_or_no(words):
        yes = positive_of(words)
        known = cells.str.lower().isin(words)
        return cells.mask(known, (cells.str.lower() == yes).astype("int64").astype("str"))
    return cells
