"""Comparison of few-shot sweeps: the scores of each initialisation with few training rows.

Nothing is chosen: every trial is evaluated once, on all test rows, at the threshold 0.5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from dnasweep.data.labels import ZERO_AND_ONE, Labels
from dnasweep.stages.scores import TestScores
from dnasweep.sweeps.cell_results import BaselineResult, CellResult, bare
from dnasweep.sweeps.checkpoint_names import short_names
from dnasweep.sweeps.comparison import ShotComparison
from dnasweep.sweeps.row_tests import spread
from dnasweep.sweeps.shots_findings import shot_findings
from dnasweep.sweeps.shots_tests import RANDOM, paired_tests
from dnasweep.sweeps.tables import higher_is_better
from dnasweep.tasks.registry import task_of

GROUPED_BY = ["tokenizer", "learning_rate", "initialisation"]
"""Columns shared by trials that differ only in shots, draw and seed; `learning_rate` is missing if
it depends on the number of shots. If all other trials have the same tokenizer, a pretrained
checkpoint with its own tokenizer is grouped with them for comparison, and its name includes its
tokenizer."""


def compare_shots(
    cells: Sequence[CellResult],
    *,
    baselines: Sequence[BaselineResult] = (),
    metric: str = "mcc",
    rates_follow_shots: bool = True,
    overlap: Mapping[int, float] | None = None,
    shared_encoders: bool = False,
    labels: Labels = ZERO_AND_ONE,
) -> ShotComparison:
    """Compare the trials of a few-shot sweep.

    Parameters
    ----------
    cells
        All trials, with the axes `shots` and `resample`, and with test results.
    baselines
        One baseline per draw.
    metric
        Test metric to compare by.
    rates_follow_shots
        Whether the learning rate depends on the number of shots; otherwise trials with different
        learning rates are compared separately.
    overlap
        Mean fraction of rows that two draws share, by number of shots.
    shared_encoders
        Whether all seeds of a pretrained initialisation start from one encoder.
    labels
        Description of the labels.
    """
    name = metric.rsplit("/", 1)[-1]
    runs = _runs(cells, name, rates_follow_shots)
    tested = {
        cell.trial_key: cell.test_scores
        for cell in cells
        if cell.outcome == "finished" and cell.test_scores is not None
    }
    healthy = runs[runs["trial_key"].isin(tested)]
    comparison = ShotComparison(
        metric=name,
        higher_is_better=higher_is_better(name),
        rows=_means(healthy, [*GROUPED_BY, "shots"]),
        runs=runs,
        baseline=_baseline(baselines),
        pairwise=paired_tests(healthy, tested, baselines, task_of(labels)),
        labels=labels,
        unhealthy=_unhealthy(cells, runs, set(tested)),
    )
    comparison.rows.insert(
        len(comparison.rows.columns), "over_baseline", _over_baseline(comparison)
    )
    return comparison.with_findings(
        shot_findings(comparison, overlap=overlap or {}, shared_encoders=shared_encoders)
    )


def initialisations(cells: Sequence[CellResult]) -> dict[str, str]:
    """Return the starting point of each trial, in words, by trial key."""
    ours = {c.tokenizer for c in cells if not c.checkpoint}
    sets = {c.species_set for c in cells if not c.checkpoint and c.species_set != "none"}
    shown = short_names(c.checkpoint for c in cells if c.checkpoint)
    found = {}
    for cell in cells:
        masking = cell.axes.get("masking")
        text = RANDOM
        if cell.checkpoint:
            text = f"checkpoint {shown[cell.checkpoint]}"
            if ours and cell.tokenizer not in ours:
                text += f" ({cell.tokenizer})"
        elif cell.species_set != "none":
            text = f"MLM {masking or ''}".strip()
            if len(sets) > 1 or not masking:
                text += f" on {cell.species_set}"
        found[cell.trial_key] = text
    return found


def _runs(cells: Sequence[CellResult], metric: str, rates_follow_shots: bool) -> pd.DataFrame:
    names = initialisations(cells)
    ours = {c.tokenizer for c in cells if not c.checkpoint}
    other = next(iter(ours)) if len(ours) == 1 else None
    records: list[dict[str, Any]] = []
    for cell in cells:
        test = bare(cell.test)
        records.append(
            {
                "tokenizer": cell.tokenizer if cell.tokenizer in ours else other or cell.tokenizer,
                "learning_rate": pd.NA if rates_follow_shots else cell.learning_rate,
                "initialisation": names[cell.trial_key],
                "shots": int(cell.axes["shots"]),
                "resample": int(cell.axes["resample"]),
                "seed": cell.seed,
                "rate": cell.learning_rate,
                **{
                    f"test_{n}": test[n]
                    for n in [metric, *sorted(set(test) - {metric})]
                    if n in test
                },
                "one_class": _calls_one_class(cell.test_scores),
                "device_seconds": cell.device_seconds,
                "outcome": cell.outcome,
                "trial_key": cell.trial_key,
            }
        )
    return pd.DataFrame.from_records(records)


def _calls_one_class(scores: TestScores | None) -> bool:
    return scores is not None and scores.task.calls_one(scores.scores, scores.threshold)


def _means(runs: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Return the means of test metrics over draws and seeds, groups in order of appearance."""
    metrics = [n for n in map(str, runs) if n.startswith("test_") and n != "test_threshold"]
    records = []
    for key, group in runs.groupby(by, sort=False, dropna=False):
        record: dict[str, Any] = dict(zip(by, key, strict=True))  # type: ignore[call-overload]
        for name in metrics:
            over = spread(group[name].to_numpy(dtype=float))
            record |= {name: over.mean, f"{name}_sd": over.sd}
        record |= {
            "draws": group["resample"].nunique(),
            "runs": len(group),
            "device_seconds": group.get("device_seconds", pd.Series(dtype=float)).mean(),
        }
        records.append(record)
    return pd.DataFrame.from_records(records, columns=None if records else [*by, "draws", "runs"])


def _baseline(baselines: Sequence[BaselineResult]) -> pd.DataFrame:
    records = [{"shots": b.shots, "resample": b.resample} | b.test_columns for b in baselines]
    if not records:
        return pd.DataFrame(columns=["shots", "draws", "runs"])
    return _means(pd.DataFrame(records), ["shots"]).drop(columns="device_seconds")


def _over_baseline(comparison: ShotComparison) -> pd.Series:
    """Return the gain of each mean over the baseline with the same number of shots."""
    column = f"test_{comparison.metric}"
    if comparison.rows.empty or column not in comparison.baseline:
        return pd.Series(float("nan"), index=comparison.rows.index)
    reference = comparison.baseline.set_index("shots")[column]
    return comparison.sign * (comparison.rows[column] - comparison.rows["shots"].map(reference))


def _unhealthy(cells: Sequence[CellResult], runs: pd.DataFrame, tested: set[str]) -> pd.DataFrame:
    reasons = {cell.trial_key: cell.reason or "it has no test scores" for cell in cells}
    sick = runs[~runs["trial_key"].isin(tested)]
    shown = [*GROUPED_BY, "shots", "resample", "seed", "outcome", "trial_key"]
    return sick[shown].assign(reason=sick["trial_key"].map(reasons)).reset_index(drop=True)
