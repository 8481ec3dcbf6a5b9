"""Rows that pretraining must not read, because the data it is judged on has them, or nearly."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from dnasweep.config import content_key
from dnasweep.genome.bases import reverse_complement
from dnasweep.genome.clustering import similar_pairs
from dnasweep.stages.dataset import Rows, load_dataset, rows_of
from dnasweep.storage import Storage

KIND = "held_out"
ROWS = "rows.parquet"
IDENTITY = 0.8
"""Sequences at least so much the same, on either strand, are not read; the same as for splits."""


class Reading(NamedTuple):
    """What an encoder reads of a data set."""

    table: pd.DataFrame
    """The data set."""
    rows: Rows
    """The rows that are read, by split."""
    num_left_out: int
    """Training and validation rows that are like rows it will be judged by."""


def pretraining_rows(
    storage: Storage,
    key: str,
    species: tuple[str, ...],
    *,
    positives_only: bool,
    held_out: str | None = None,
) -> Reading:
    """Return the rows of a data set that an encoder reads.

    Parameters
    ----------
    key
        Key of the data set.
    species
        Species read; empty: all.
    positives_only
        Whether only positives are.
    held_out
        Key of another data set; rows like those it judges by are left out.
    """
    table = load_dataset(storage, key).table
    rows = rows_of(table, species, positives_only=positives_only)
    if held_out is None:
        return Reading(table, rows, 0)
    known = held_out_rows(storage, key, held_out)
    num = int(sum(known[part].sum() for part in rows[:2]))
    return Reading(table, Rows(*(part[~known[part]] for part in rows)), num)


def held_out_rows(storage: Storage, dataset: str, judged: str) -> np.ndarray:
    """Return which rows of a data set are like a validation or test row of another, (rows,) bool.

    Two collections of promoters seldom cut the same window, so equal sequences are not enough to
    look for: a window shifted by a base shows all that a test row has.

    Parameters
    ----------
    dataset
        Key of the data set to pretrain on.
    judged
        Key of the data set to fine-tune and to test on.
    """
    table = load_dataset(storage, dataset).table

    def build(folder: Path) -> None:
        other = load_dataset(storage, judged).table
        tested = other["sequence"][other["split"] != "train"].tolist()
        known = _like(table["sequence"].tolist(), tested)
        table.loc[known, ["id"]].to_parquet(folder / ROWS, index=False)

    key = content_key("held_out", dataset, judged, IDENTITY)
    inputs = {"dataset": dataset, "judged": judged, "identity": IDENTITY}
    folder = storage.obtain(KIND, key, build, inputs=inputs)
    return table["id"].isin(pd.read_parquet(folder / ROWS)["id"]).to_numpy()


def _like(sequences: list[str], tested: list[str]) -> np.ndarray:
    """Return which sequences have a like among the tested ones, (sequences,) bool."""
    num = len(sequences)
    pairs = similar_pairs([*sequences, *tested], identity=IDENTITY, both_strands=True)
    # Pairs join first copies of a sequence or its reverse complement, and hold for all of them.
    same = [min(s, reverse_complement(s)) for s in [*sequences, *tested]]
    codes = pd.factorize(np.array(same, dtype=object))[0]
    seen = np.zeros(codes.max() + 1, dtype=bool)
    seen[codes[num:]] = True
    first, second = codes[pairs.first], codes[pairs.second]
    known = seen.copy()
    known[first[seen[second]]] = True
    known[second[seen[first]]] = True
    return np.asarray(known[codes[:num]])
