"""Machine-readable summary of a finished sweep: a JSON file in the folder of its report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from dnasweep.storage import Storage
from dnasweep.sweeps.request import Sweep

SUMMARY = "sweep.json"
_FOLDER, _REPORT = "sweeps", "report"


def write_summary(
    folder: Path,
    sweep: Sweep,
    *,
    findings: Sequence[str],
    best: str | None = None,
    stem: str = "comparison",
) -> None:
    """Write the summary of a sweep to the folder of its report.

    Parameters
    ----------
    folder
        Folder of the report.
    sweep
        The sweep that was run.
    findings
        Findings, in sentences.
    best
        Key of the selected trial, if the sweep selects one.
    stem
        First part of the file names of its page and tables.
    """
    content: Mapping[str, Any] = {
        "name": sweep.options.name or sweep.name,
        "key": sweep.key,
        "metric": sweep.options.metric,
        "axes": {axis: list(map(str, values)) for axis, values in sweep.axes.items()},
        "dataset": sweep.recipe.dataset,
        "commits": {one.name: one.commit for one in sweep.recipe.checkpoints if one.commit},
        "best": best,
        "stem": stem,
        "findings": list(findings),
        "created": datetime.now(UTC).isoformat(timespec="microseconds"),
    }
    (folder / SUMMARY).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def find_summaries(storage: Storage) -> list[Path]:
    """Return the report folders of finished sweeps in a storage, downloaded from a bucket."""
    if storage.bucket is not None:
        for name in storage.bucket.files(_FOLDER):
            parts = name.split("/")
            if len(parts) == 3 and parts[1] == _REPORT:
                target = storage.folder(_FOLDER, *parts[:2]) / parts[2]
                storage.bucket.download(f"{_FOLDER}/{name}", target)
    return sorted(path.parent for path in storage.local.glob(f"{_FOLDER}/*/{_REPORT}/{SUMMARY}"))


def read_table(folder: Path, stem: str, name: str = "") -> pd.DataFrame:
    """Return a table of a report; empty if this kind of sweep has none of that name.

    Parameters
    ----------
    folder
        Folder of the report.
    stem
        First part of the file names of its tables.
    name
        Name of the table; empty for the main one.
    """
    path = folder / (f"{stem}_{name}.csv" if name else f"{stem}.csv")
    if not path.is_file() or not path.read_text(encoding="utf-8").strip():
        return pd.DataFrame()
    return pd.read_csv(path)
