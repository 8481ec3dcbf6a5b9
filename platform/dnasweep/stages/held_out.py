"""Rows left out of pretraining because they resemble rows that models are evaluated on."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from dnasweep.config import content_key, versions
from dnasweep.data.clustering import similar_pairs
from dnasweep.data.same_dna import SharedDna
from dnasweep.stages.dataset import Rows, load_dataset, rows_of
from dnasweep.storage import Storage

KIND = "held_out"
ROWS = "rows.parquet"
IDENTITY = 0.8
"""Sequences of at least this identity, on either strand, are left out; the default of splits."""


class PretrainingRows(NamedTuple):
    """The rows of a data set for pretraining an encoder."""

    table: pd.DataFrame
    """The data set."""
    rows: Rows
    """Positions of the rows to read, by split."""
    num_left_out: int
    """Training and validation rows left out because they resemble held-out rows."""


def pretraining_rows(
    storage: Storage,
    key: str,
    species: tuple[str, ...],
    *,
    positives_only: bool,
    held_out: str | None = None,
) -> PretrainingRows:
    """Return the rows of a data set for pretraining an encoder.

    Parameters
    ----------
    storage
        Storage of the artefacts.
    key
        Key of the data set.
    species
        Species to read; empty: all.
    positives_only
        Whether only positives are used.
    held_out
        Key of another data set; rows that resemble its validation and test rows are left out.
    """
    table = load_dataset(storage, key).table
    rows = rows_of(table, species, positives_only=positives_only)
    if held_out is None:
        return PretrainingRows(table, rows, 0)
    known = held_out_rows(storage, key, held_out)
    num = int(sum(known[part].sum() for part in rows[:2]))
    return PretrainingRows(table, Rows(*(part[~known[part]] for part in rows)), num)


def held_out_rows(storage: Storage, dataset: str, evaluated: str) -> np.ndarray:
    """Return which rows of a data set resemble a validation or test row of another, (rows,) bool.

    Two collections of promoters seldom have exactly the same windows, so it is not enough to look
    for equal sequences: a window shifted by one base contains nearly everything in a test row.
    Rows with coordinates resemble each other if they share a base.

    Parameters
    ----------
    storage
        Storage of the artefacts.
    dataset
        Key of the data set for pretraining.
    evaluated
        Key of the data set for fine-tuning and testing.
    """
    table = load_dataset(storage, dataset).table

    def build(folder: Path) -> None:
        other = load_dataset(storage, evaluated).table
        known = _resembling(table, other[other["split"] != "train"])
        table.loc[known, ["id"]].to_parquet(folder / ROWS, index=False)

    key = content_key("held_out", versions.HELD_OUT, dataset, evaluated, IDENTITY)
    inputs = {"dataset": dataset, "judged": evaluated, "identity": IDENTITY}
    folder = storage.obtain(KIND, key, build, inputs=inputs)
    return table["id"].isin(pd.read_parquet(folder / ROWS)["id"]).to_numpy()


def _resembling(table: pd.DataFrame, tested: pd.DataFrame) -> np.ndarray:
    """Return which rows of a table resemble or overlap a tested row, (rows of the table,) bool."""
    num = len(table)
    every = pd.concat([table, tested], ignore_index=True)
    pairs = similar_pairs(every["sequence"].tolist(), identity=IDENTITY)
    shared = SharedDna.of(every)
    # Pairs name first copies, and apply to all copies and their reverse complements.
    codes = shared.molecules.molecule
    seen = np.zeros(codes.max() + 1, dtype=bool)
    seen[codes[num:]] = True
    first, second = codes[pairs.first], codes[pairs.second]
    known = seen.copy()
    known[first[seen[second]]] = True
    known[second[seen[first]]] = True
    new = np.arange(len(every)) < num
    return (known[codes] | shared.overlapping(new, ~new))[:num]
