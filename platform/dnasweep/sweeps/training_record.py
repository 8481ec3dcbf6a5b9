"""The training record of a model: its sweep, its scores with their spread, and its data."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from dnasweep.data.datasets import Dataset
from dnasweep.stages.dataset import KIND as DATASETS
from dnasweep.stages.dataset import load_dataset
from dnasweep.stages.outcome import CHECKPOINT, OUTCOME, StageOutcome
from dnasweep.stages.specs import ClassifierSpec
from dnasweep.storage import MANIFEST, Storage
from dnasweep.sweeps.checkpoint_names import short_names
from dnasweep.sweeps.summary import SUMMARY, find_summaries, read_table
from dnasweep.sweeps.tables import higher_is_better


@dataclass(frozen=True, kw_only=True)
class TrainingRecord:
    """Record of the training of one model."""

    trial_key: str
    """Key of the trial."""
    sweep: dict[str, Any]
    """Summary of the sweep that trained it, see :mod:`~dnasweep.sweeps.summary`."""
    row: dict[str, Any]
    """Its combination in the comparison: axes, `num_seeds`, validation scores with `_sd`, and test
    scores with `_sd` if the combination was selected."""
    baseline: dict[str, Any]
    """Test scores of the best k-mer baseline, as `test_<metric>`, and its `name`; empty: none."""
    outcome: StageOutcome
    """Its best evaluation, steps and cost."""
    dataset: Dataset
    """The data for training and testing, with the audit."""
    request: dict[str, Any]
    """Recorded origin of the data set: files, splits."""

    @property
    def start(self) -> tuple[str, str]:
        """The checkpoint and the species set that training started from; empty if there is none.

        Tables have both in one column: a species set, a checkpoint, or both in succession.
        """
        told = str(self.row.get("species_set", ""))
        for name, shown in short_names(self.sweep["axes"].get("checkpoint", ())).items():
            if told in (name, shown):
                return name, ""
            for start in (name, shown):
                if told.startswith(f"{start} then "):
                    return name, told.removeprefix(f"{start} then ")
        return "", told


def trial_of(directory: Path) -> str:
    """Return the key of the trial whose model is in a folder; empty if there is no such trial."""
    manifest = directory.parent / MANIFEST
    if directory.name != CHECKPOINT or not manifest.is_file():
        return ""
    found = json.loads(manifest.read_text(encoding="utf-8"))
    return str(found["key"]) if found.get("kind") == ClassifierSpec.kind else ""


def find_record(storage: Storage, trial_key: str) -> TrainingRecord | None:
    """Return the training record of a trial; None if no finished sweep includes it.

    Parameters
    ----------
    storage
        Storage of the sweep.
    trial_key
        Key of the trial. If several sweeps include it, the last one to finish is used.
    """
    if not trial_key or (path := storage.file(ClassifierSpec.kind, trial_key, OUTCOME)) is None:
        return None
    found = []
    for folder in find_summaries(storage):
        sweep = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
        row: dict[str, Any] = {}
        # The rows of selected combinations have test scores in addition to the scores of the
        # others.
        for name in ("", "selected"):
            row |= _row_of(read_table(folder, sweep["stem"], name), trial_key)
        if row and storage.exists(DATASETS, sweep["dataset"]):
            found.append((sweep["created"], sweep, row, folder))
    if not found:
        return None
    _, sweep, row, folder = max(found, key=lambda one: one[0])
    return TrainingRecord(
        trial_key=trial_key,
        sweep=sweep,
        row=row,
        baseline=_best(read_table(folder, sweep["stem"], "baseline"), sweep["metric"]),
        outcome=StageOutcome.read(path),
        dataset=load_dataset(storage, sweep["dataset"]),
        request=dict((storage.manifest(DATASETS, sweep["dataset"]) or {}).get("inputs") or {}),
    )


def _row_of(table: pd.DataFrame, trial_key: str) -> dict[str, Any]:
    if "trial_keys" not in table:
        return {}
    mine = table["trial_keys"].astype(str).str.split().map(lambda keys: trial_key in keys)
    return _cells(table[mine].iloc[0]) if mine.any() else {}


def _best(table: pd.DataFrame, metric: str) -> dict[str, Any]:
    if (column := f"test_{metric}") not in table:
        return {}
    ranked = table.sort_values(column, ascending=not higher_is_better(metric))
    return _cells(ranked.iloc[0])


def _cells(row: pd.Series) -> dict[str, Any]:
    return {str(name): value for name, value in row.dropna().items()}
