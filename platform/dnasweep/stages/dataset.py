"""The data set as an artefact: read or simulated, split and audited."""

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
"""Rejected rows of a data set (file, row, reason, text), if there are any."""


class Rows(NamedTuple):
    """Positions of rows in the table of a data set, by split."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def obtain_dataset(storage: Storage, config: DatasetConfig) -> tuple[str, Path]:
    """Return the key and the folder of a data set, and build it if it is not published.

    Rejected rows that the configuration allows to leave out are written beside it, as `REJECTS`.

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
        If it is not there any more, or is damaged.
    """
    return Dataset.read(storage.expect(KIND, key))


def rows_of(
    table: pd.DataFrame, species: tuple[str, ...], *, positives_only: bool = False
) -> Rows:
    """Return the rows of some species (empty: all), optionally only the positives, by split."""
    chosen = np.ones(len(table), dtype=bool)
    if species:
        chosen &= table["species"].isin(species).to_numpy()
    if positives_only:
        chosen &= (table["label"] > 0).to_numpy()
    split = table["split"].to_numpy()
    return Rows(
        *(np.flatnonzero(chosen & (split == name)) for name in ("train", "validation", "test"))
    )
