"""Sequences cut to one length, about their middle."""

from __future__ import annotations

import pandas as pd

from dnasweep.errors import InputError


def crop_table(table: pd.DataFrame, num_bases: int) -> pd.DataFrame:
    """Return the table with every sequence cut to its `num_bases` central bases.

    Of an odd number of bases too many, the extra one is taken from the end. Coordinates that span
    the sequence are moved along, on the strand it is read from; rows and order stay.

    Raises
    ------
    InputError
        For a number below 1, or a sequence of fewer bases.
    """
    if num_bases < 1:
        raise InputError(f"crop is {num_bases!r}", remedy="Use 1 base or more.")
    bases = table["sequence"].str.len()
    if (bases < num_bases).any():
        first = int((bases < num_bases).to_numpy().argmax())
        raise InputError(
            f"the sequence {table['id'].iloc[first]!r} has {bases.iloc[first]} bases, and "
            f"{num_bases} are to be cut from it",
            remedy="Use a smaller --crop, or leave the row out.",
        )
    left = (bases - num_bases) // 2
    right = bases - num_bases - left
    spanned = ((table["end"] - table["start"]) == bases).fillna(False).astype(bool)
    backward = table["strand"] == "-"
    start = table["start"] + left.mask(backward, right)
    return table.assign(
        sequence=pd.Series(
            [s[i : i + num_bases] for s, i in zip(table["sequence"], left, strict=True)],
            index=table.index,
            dtype="str",
        ),
        start=table["start"].mask(spanned, start),
        end=table["end"].mask(spanned, start + num_bases),
    )
