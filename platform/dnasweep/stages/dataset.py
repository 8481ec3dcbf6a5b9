"""The data set as an artefact: read or simulated, split, audited, and keyed by content."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from dnasweep.genome.bases import reverse_complement
from dnasweep.genome.datasets import Dataset, DatasetConfig, build_dataset
from dnasweep.genome.keys import dataset_key
from dnasweep.storage import Storage

KIND = "datasets"
REJECTS = "rejects.tsv"
"""Rows that were left out of a data set (file, row, reason, text), where there are any."""


class Rows(NamedTuple):
    """Row positions of a data set's table, by split."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def obtain_dataset(storage: Storage, config: DatasetConfig) -> tuple[str, Path]:
    """Return the key and the folder of the data set, building it when it is not there.

    Rows that the configuration goes on without are written beside it, as `REJECTS`.

    Raises
    ------
    InputError
        When a file, a row or the split cannot be used.
    """
    key = dataset_key(config)
    folder = storage.obtain(
        KIND,
        key,
        lambda aside: build_dataset(config, rejects=aside / REJECTS).write(aside),
        inputs=config,
    )
    return key, folder


def load_dataset(storage: Storage, key: str) -> Dataset:
    """Read a published data set."""
    folder = storage.find(KIND, key)
    if folder is None:
        raise FileNotFoundError(f"data set {key} is not in {storage.root}")
    return Dataset.read(folder)


def rows_of(
    table: pd.DataFrame, species: tuple[str, ...], *, positives_only: bool = False
) -> Rows:
    """Return the rows of some species (empty: all), optionally the positives alone, by split."""
    chosen = np.ones(len(table), dtype=bool)
    if species:
        chosen &= table["species"].isin(species).to_numpy()
    if positives_only:
        chosen &= (table["label"] > 0).to_numpy()
    split = table["split"].to_numpy()
    return Rows(
        *(np.flatnonzero(chosen & (split == name)) for name in ("train", "validation", "test"))
    )


def pretraining_rows(
    storage: Storage,
    key: str,
    species: tuple[str, ...],
    *,
    positives_only: bool,
    held_out: str | None = None,
) -> tuple[pd.DataFrame, Rows]:
    """Return the table of a data set and the rows of it that an encoder reads.

    Rows whose sequence, on either strand, `held_out`, another data set, judges by are left out.
    """
    table = load_dataset(storage, key).table
    rows = rows_of(table, species, positives_only=positives_only)
    if held_out is None:
        return table, rows
    other = load_dataset(storage, held_out).table
    sequences = other["sequence"][other["split"] != "train"].tolist()
    judged = {*sequences, *map(reverse_complement, sequences)}
    known = table["sequence"].isin(judged).to_numpy()
    return table, Rows(*(part[~known[part]] for part in rows))
