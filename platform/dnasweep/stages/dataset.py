"""The data set as an artefact: read or simulated, split and audited."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from dnasweep.data.dataset_config import DatasetConfig, dataset_key
from dnasweep.data.datasets import Dataset, build_dataset
from dnasweep.data.same_dna import first_readings
from dnasweep.errors import InputError
from dnasweep.formats.rejects import REJECTS
from dnasweep.plain import csv_text
from dnasweep.storage import Storage

KIND = "datasets"


class Rows(NamedTuple):
    """Positions of rows in the table of a data set, by split."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def obtain_dataset(storage: Storage, config: DatasetConfig) -> tuple[str, Path]:
    """Return the key and the folder of a data set, which is built if it is not published.

    Rejected rows, if the configuration allows them, are written to the file `REJECTS` beside it.

    Raises
    ------
    InputError
        If a file, a row or the split cannot be used.
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
        If the data set is missing or damaged.
    """
    return Dataset.read(storage.expect(KIND, key))


def rows_of(
    table: pd.DataFrame, species: tuple[str, ...], *, positives_only: bool = False
) -> Rows:
    """Return the rows of some species (empty: all), optionally only the positives, by split.

    Parameters
    ----------
    table
        A data set.
    species
        Names of species; empty: all rows.
    positives_only
        Whether rows of class 0 are left out.
    """
    chosen = np.ones(len(table), dtype=bool)
    if species:
        chosen &= table["species"].isin(species).to_numpy()
    if positives_only:
        chosen &= (table["label"] > 0).to_numpy()
    split = table["split"].to_numpy()
    return Rows(
        *(np.flatnonzero(chosen & (split == name)) for name in ("train", "validation", "test"))
    )


SHOTS = "training_rows.csv"
"""File beside the outcome of a trial with the rows it was trained on (id, label)."""


def draw_shots(table: pd.DataFrame, pool: np.ndarray, shots: int, resample: int) -> np.ndarray:
    """Return the positions of `shots` rows per class, or in total without classes, in table order.

    The draws of one `resample` are nested: the 10 rows of a class are among its 50, and these among
    its 100. No sequence is drawn twice; a reverse complement counts as the same sequence. If the
    table has a given few-shot set of this size, resample 0 is that set; given sets need not be
    nested. The other resamples are drawn from all rows of the pool, given sets included.

    Parameters
    ----------
    table
        A data set.
    pool
        Positions of the rows to draw from, which are training rows.
    shots
        Number of rows per class, or in total; at least 1.
    resample
        Number of the draw, from 0; used as the random seed.

    Raises
    ------
    InputError
        If there are fewer sequences of a class than shots, or fewer than 1 shot is requested.
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
            smallest = int(np.unique(labels, return_counts=True)[1].min())
            remedy = f"Use at most --shots {smallest}."
            if len(given):
                remedy = f"{remedy} The set as it is given is used alone with --resamples 1."
            asked = f"{shots} shots of each class are requested, but class {label} has"
            if label < 0:
                asked = f"{shots} shots are requested, but there are"
            raise InputError(f"{asked} {len(members):,} training sequences", remedy=remedy)
        # Rows without classes are drawn as if they had the same class.
        order = np.random.default_rng([resample, max(0, int(label))]).permutation(len(members))
        drawn.append(members[order[:shots]])
    return np.sort(np.concatenate(drawn))


def shots_text(table: pd.DataFrame, rows: np.ndarray) -> str:
    """Return the ids and labels of rows as CSV."""
    return str(csv_text(table.iloc[rows][["id", "label"]]).to_csv(index=False))
