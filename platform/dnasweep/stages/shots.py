"""Few-shot training sets: so many rows of each class, drawn or as given."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dnasweep.data.duplicates import first_readings
from dnasweep.errors import InputError
from dnasweep.plain import csv_text

SHOTS = "training_rows.csv"
"""The rows a trial was trained on (id, label), beside its outcome."""


def draw_shots(table: pd.DataFrame, pool: np.ndarray, shots: int, resample: int) -> np.ndarray:
    """Return the positions of `shots` rows of each class, in table order.

    The draws of one `resample` are nested: the 10 of a class are within its 50, and these within
    its 100. No sequence is drawn twice, its reverse complement counting as the same. Where the table has a few-shot set of this size, resample
    0 is that set as it is given, and given sets need not be nested; others are drawn from all rows
    of the pool, given sets included.

    Parameters
    ----------
    table
        A data set.
    pool
        Positions of the rows that may be drawn: training rows.
    shots
        Rows of each class, at least 1.
    resample
        Which draw, from 0; it seeds the drawing.

    Raises
    ------
    InputError
        For more shots than a class has sequences, or fewer than 1.
    """
    if shots < 1 or resample < 0:
        raise InputError(
            f"shots and resample are {shots} and {resample}",
            remedy="Use at least 1 shot, and resamples from 0.",
        )
    given = pool[(table["shots"].iloc[pool] == shots).fillna(False).to_numpy(dtype=bool)]
    if resample == 0 and len(given):
        return given
    distinct = pool[first_readings(table["sequence"].iloc[pool])]
    labels = table["label"].iloc[distinct].to_numpy()
    drawn = []
    for label in np.unique(labels):
        members = distinct[labels == label]
        if shots > len(members):
            remedy = f"Use at most --shots {_smallest(labels)}."
            if len(given):
                remedy = f"{remedy} The set as it is given is used alone with --resamples 1."
            raise InputError(
                f"{shots} shots of each class are asked for, and class {label} has "
                f"{len(members):,} training sequences",
                remedy=remedy,
            )
        order = np.random.default_rng([resample, int(label)]).permutation(len(members))
        drawn.append(members[order[:shots]])
    return np.sort(np.concatenate(drawn))


def shots_text(table: pd.DataFrame, rows: np.ndarray) -> str:
    """Return the ids and labels of rows as CSV."""
    return str(csv_text(table.iloc[rows][["id", "label"]]).to_csv(index=False))


def _smallest(labels: np.ndarray) -> int:
    return int(np.unique(labels, return_counts=True)[1].min())
