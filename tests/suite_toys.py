"""A small folder in the layout of GUE, and results of models on its tasks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from dnasweep.data.suites import Suite, find_suite
from dnasweep.sweeps.comparison import Comparison
from dnasweep.sweeps.suite_scores import TaskResult
from toy_data import MOTIF

SIZES = {"train": 80, "dev": 32, "test": 40}
TASKS = ("prom_core_tata", "tf_0")
MODELS = ("kmer-3 / none / tiny", "kmer-3 / none / small", "bpe-64 / none / tiny")


def write_gue(
    root: Path, *, width: int = 50, seed: int = 0, sizes: dict[str, int] = SIZES
) -> Path:
    """Write two tasks of GUE as it is published: tables of train, dev and test."""
    rng = np.random.default_rng(seed)
    for folder in ("prom/prom_core_tata", "tf/0"):
        (root / folder).mkdir(parents=True)
        for split, number in sizes.items():
            table = []
            for row in range(number):
                bases, label = rng.choice(list("ACGT"), width), int(row % 4 == 0)
                if label:
                    for start in (5, 20, 35):
                        bases[start : start + len(MOTIF)] = list(MOTIF)
                table.append(("".join(bases), label))
            frame = pd.DataFrame(table, columns=["sequence", "label"])
            frame.to_csv(root / folder / f"{split}.csv", index=False)
    return root


def comparison(
    scores: dict[str, float], *, metric: str = "mcc", baseline: float = 0.4
) -> Comparison:
    """Return a compared sweep with a test score for each model; nan: all of its trials failed."""
    parts = {name: name.split(" / ") for name in scores}
    rows = pd.DataFrame(
        {
            "tokenizer": [part[0] for part in parts.values()],
            "species_set": [part[1] for part in parts.values()],
            "preset": [part[2] for part in parts.values()],
            "device_seconds": 30.0,
            "trial_keys": [f"{place}a {place}b" for place in range(len(parts))],
        }
    )
    kept = {name: score for name, score in scores.items() if not np.isnan(score)}
    selected = pd.DataFrame(
        {
            "cell": list(kept),
            f"test_{metric}": list(kept.values()),
            f"test_{metric}_sd": 0.01,
            "num_seeds": 2,
            "outcome": "finished",
            "num_test_rows": 60,
        }
    )
    lost = rows[[name not in kept for name in scores]].assign(reason="out of memory")
    lost["trial_key"] = lost["trial_keys"].str[:2]
    return Comparison(
        metric=metric,
        higher_is_better=True,
        axes=("preset",),
        rows=rows,
        selected=selected,
        baseline=pd.DataFrame(
            {"name": ["k-mer logistic regression"], f"test_{metric}": [baseline]}
        ),
        pairwise=pd.DataFrame(),
        by_species=pd.DataFrame(),
        unhealthy=lost,
    )


def results(table: dict[str, dict[str, float]], suite: Suite | None = None) -> list[TaskResult]:
    """Return results of tasks of GUE: task to model to test score."""
    tasks = {task.name: task for task in (suite or find_suite("gue")).tasks}
    return [
        TaskResult(
            task=tasks[name],
            comparisons=(comparison(scores, metric=tasks[name].metric),),
            num_train_rows=100,
        )
        for name, scores in table.items()
    ]


def state_of(names: list[str], suite: Suite | None = None) -> pd.DataFrame:
    """Return the table of the tasks of GUE, of which some were run."""
    tasks = (suite or find_suite("gue")).tasks
    return pd.DataFrame(
        {
            "task": [task.name for task in tasks],
            "state": ["run" if task.name in names else "missing" for task in tasks],
            "reason": ["" if task.name in names else "not there" for task in tasks],
        }
    )
