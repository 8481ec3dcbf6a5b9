"""Tables of scored words as files: ours, and rankings from elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from dnasweep.errors import InputError
from dnasweep.tokens.alphabet import digits, window_codes
from dnasweep.tokens.pmi import PmiTable

WORD_COLUMNS = ("word", "ngram")
SCORE_COLUMNS = ("score", "norm_dp_true_pmi")
"""Names of the columns that count, ours first, then those of GeneMask's published ranking."""
_PARQUET = b"PAR1"


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write a table as :meth:`PmiTable.frame` gives it: Parquet, or CSV, plain or gzip."""
    if path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    else:
        frame.to_csv(path, index=False)


def read_table(path: Path) -> PmiTable:
    """Read a table of words and their scores.

    Parameters
    ----------
    path
        Parquet, CSV or TSV, also gzipped, with a column of words and one of scores; words that it
        lacks have no score.

    Raises
    ------
    InputError
        For a file that cannot be read or is no such table.
    """
    frame = _read(path)
    columns = [
        next((name for name in names if name in frame.columns), None)
        for names in (WORD_COLUMNS, SCORE_COLUMNS)
    ]
    if None in columns:
        raise InputError(
            f"has the columns {', '.join(map(str, frame.columns[:8]))}, none with words and scores",
            file=path,
            remedy=f"Name them {WORD_COLUMNS[0]} and {SCORE_COLUMNS[0]}.",
        )
    words = frame[columns[0]].astype("str").str.upper()
    scores = pd.to_numeric(frame[columns[1]], errors="coerce").to_numpy(float)
    lengths = words.str.len().unique()
    if len(lengths) != 1 or not 1 <= lengths[0] <= 6:
        raise InputError(
            f"has words of {', '.join(str(n) for n in sorted(lengths)[:5]) or 'no'} bases",
            file=path,
            remedy="Give words of one length, 3 to 6 bases.",
        )
    k = int(lengths[0])
    codes = window_codes(digits("".join(words)), k)[::k]
    for wrong, what in (
        (codes >= 4**k, "is not over A, C, G and T"),
        (pd.Series(codes).duplicated().to_numpy(), "is there twice"),
        (~np.isfinite(scores), "has no number for a score"),
    ):
        if wrong.any():
            row = int(wrong.argmax())
            raise InputError(
                f"word {words.iloc[row]!r} {what}",
                file=path,
                row=row + 2,
                remedy="Mend or leave out the row.",
            )
    table = np.full(4**k, np.nan)
    table[codes] = scores
    return PmiTable(k=k, scores=table)


def _read(path: Path) -> pd.DataFrame:
    try:
        with path.open("rb") as stream:
            packed = stream.read(4) == _PARQUET
        if packed:
            return pd.read_parquet(path)
        separator = "\t" if ".tsv" in path.name.lower() else ","
        # NA is no word of k bases, but nan is what pandas would make of it.
        return pd.read_csv(path, sep=separator, keep_default_na=False)
    except (OSError, ValueError, EOFError, pa.ArrowException) as error:
        raise InputError(
            f"cannot be read as a table of words: {error}",
            file=path,
            remedy="Give a table made by jobs/pmi.py, as Parquet or CSV.",
        ) from error
