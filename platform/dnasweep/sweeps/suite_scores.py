"""Scores of models on the tasks of a suite, from the compared sweeps of the tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from dnasweep.data.suites import SuiteTask
from dnasweep.sweeps.cell_results import COMPARED_AXES
from dnasweep.sweeps.comparison import Comparison

BASELINE = "k-mer baseline"
"""Name of the baseline among the models."""
SCORES = (
    *("task", "group", "metric", "model", "score", "score_sd", "num_seeds", "num_test_rows"),
    *("num_train_rows", "minutes", "outcome", "reason"),
)
"""Columns of the scores: fractions, minutes of one device. `outcome` is finished, failed, or the
number of seeds that did not finish healthy, such as `1 of 3 collapsed`; these are excluded from
all means."""


@dataclass(frozen=True, kw_only=True)
class TaskResult:
    """Results of one task."""

    task: SuiteTask
    """The task."""
    comparisons: tuple[Comparison, ...] = ()
    """Comparisons of its sweeps: one, or several if some models could not be trained and the sweep
    was divided."""
    names: tuple[Mapping[str, str], ...] = ()
    """For each comparison of a divided sweep, names of its models that are others among all models
    of the task: two checkpoints may be called the same as long as each is alone."""
    num_train_rows: int = 0
    """Training rows of each model."""
    failed: Mapping[str, str] = field(default_factory=dict)
    """Reason for each model without a result."""


def task_scores(result: TaskResult) -> list[dict[str, Any]]:
    """Return one record per model of a task, the k-mer baseline last."""
    task = result.task
    common: dict[str, Any] = {
        "task": task.name,
        "group": task.group,
        "metric": task.metric,
        "num_train_rows": result.num_train_rows,
    }
    found: dict[str, dict[str, Any]] = {}
    renamed = result.names or ({},) * len(result.comparisons)
    for comparison, names in zip(result.comparisons, renamed, strict=True):
        rows = comparison.rows
        alone = [
            model_name(dict(zip(map(str, rows), row, strict=True)))
            for row in rows.itertuples(index=False)
        ]
        labels = [names.get(name, name) for name in alone]
        trials = rows["trial_keys"].map(lambda keys: len(str(keys).split()))
        seconds = (rows["device_seconds"] * trials).groupby(labels).sum(min_count=1)
        selected = comparison.selected
        tested = {} if selected.empty else selected.set_index("cell").to_dict("index")
        tested = {names.get(str(name), str(name)): row for name, row in tested.items()}
        lost = comparison.unhealthy
        why = dict(zip(lost["trial_key"], lost["reason"], strict=True)) if len(lost) else {}
        reasons = {
            name: why[key]
            for name, keys in zip(labels, rows["trial_keys"], strict=True)
            for key in str(keys).split()
            if key in why
        }
        for name in dict.fromkeys(labels):
            known = tested.get(name, {})
            score = known.get(f"test_{task.metric}", np.nan)
            found[name] = {
                **common,
                "model": name,
                "score": score,
                "score_sd": known.get(f"test_{task.metric}_sd", np.nan),
                "num_seeds": known.get("num_seeds", 0),
                "num_test_rows": known.get("num_test_rows", 0),
                "minutes": seconds[name] / 60,
                "outcome": "failed" if pd.isna(score) else known.get("outcome", "finished"),
                "reason": reasons.get(name, "") if pd.isna(score) else "",
            }
        baseline = comparison.baseline
        if f"test_{task.metric}" in baseline:
            found[BASELINE] = {
                **common,
                "model": BASELINE,
                "score": float(baseline[f"test_{task.metric}"].iloc[0]),
                "num_seeds": 1,
                "num_test_rows": max(
                    [int(one["num_test_rows"]) for one in found.values()], default=0
                ),
                "outcome": "finished",
                "reason": "",
            }
    for name, reason in result.failed.items():
        found.setdefault(
            name, {**common, "model": name, "num_seeds": 0, "outcome": "failed", "reason": reason}
        )
    if BASELINE in found:
        found[BASELINE] = found.pop(BASELINE)
    return list(found.values())


def model_name(row: Mapping[str, Any]) -> str:
    """Return the name of the model in a row of trials, as in a comparison."""
    rest = (row.get(axis) for axis in COMPARED_AXES)
    parts = [row["tokenizer"], row["species_set"], *(one for one in rest if not pd.isna(one))]
    return " / ".join(map(str, parts))


def score_matrix(scores: pd.DataFrame) -> pd.DataFrame:
    """Return scores as a matrix, tasks by models in their order; nan if there is no score."""
    names = (list(dict.fromkeys(scores[column])) for column in ("task", "model"))
    matrix = scores.pivot(index="task", columns="model", values="score").astype(float)
    rows, columns = names
    return matrix.reindex(index=rows, columns=columns)


def short_names(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the scores with shorter model names, without the parts that all names share."""
    parts = {name: name.split(" / ") for name in dict.fromkeys(scores["model"])}
    ours = [part for name, part in parts.items() if name != BASELINE]
    if len({len(part) for part in ours}) != 1 or len(ours) < 2:
        return scores
    telling = [i for i in range(len(ours[0])) if len({part[i] for part in ours}) > 1]
    named = {" / ".join(part): " / ".join(part[i] for i in telling) for part in ours}
    return scores.assign(model=scores["model"].map(lambda name: named.get(name, name)))
