"""The data set as an artefact: read or simulated, split, audited, and keyed by content."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from dnasweep.data.dataset_config import DatasetConfig, dataset_key
from dnasweep.data.datasets import Dataset, build_dataset
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
    """Read a published data set.

    Raises
    ------
    InputError
        Where it is not there any more, or is damaged.
    """
    return Dataset.read(storage.expect(KIND, key))


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
