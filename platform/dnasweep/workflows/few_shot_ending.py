"""The end of a few-shot sweep: every trial is evaluated on test, and nothing is chosen."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from dnasweep.report.few_shot_page import few_shot_page, shot_tables
from dnasweep.stages.dataset import draw_shots, rows_of
from dnasweep.stages.outcome import find_outcome
from dnasweep.stages.plan import SweepPlan
from dnasweep.stages.scores import find_scores, score_baseline
from dnasweep.sweeps.cell_results import BaselineResult
from dnasweep.sweeps.comparison import ShotComparison
from dnasweep.sweeps.request import Sweep
from dnasweep.sweeps.results import baseline_result
from dnasweep.sweeps.shots import compare_shots
from dnasweep.workflows.announce import announce_report, encoder_name
from dnasweep.workflows.evaluation import read_results
from dnasweep.workflows.phases import Phases
from dnasweep.workflows.publication import note, publish_report, sweep_frame, tokenizer_table
from dnasweep.workflows.sweep_records import Records

METRICS_HERE = (
    "means by number of shots, which is their step. Each trial has the ids of the rows it was trained "
    "on as `training_rows.csv`"
)


def compare_few_shots(sweep: Sweep, records: Records, phases: Phases) -> ShotComparison:
    """Train, evaluate every finished trial on test, and compare initialisations at each number of shots.

    Parameters
    ----------
    sweep
        The sweep that was run.
    records
        Its records in MLflow.
    phases
        Phases that compute what is missing.
    """
    plan = phases.train()
    done = {
        spec.key: spec
        for spec in plan.classifiers
        if (outcome := find_outcome(sweep.storage, spec)) and outcome.outcome == "completed"
    }
    phases.evaluate_on_tests(list(done.values()))
    for spec in done.values():
        scored = find_scores(sweep.storage, spec)
        if scored is not None:
            records.tested(spec, scored.metrics, selected=False)
    with sweep.console.status("testing the differences"):
        comparison = compare_shots(
            read_results(sweep, plan, frozenset(done)),
            baselines=_baselines(sweep, plan),
            metric=sweep.options.metric,
            rates_follow_shots="learning_rate" not in sweep.axes,
            overlap=_overlap(sweep),
            shared_encoders=bool(plan.encoders) and not sweep.recipe.pretrain_per_seed,
            labels=sweep.data.labels,
        )
    frame = sweep_frame(
        sweep,
        facts=_draws(sweep),
        tokenizers=tokenizer_table(sweep, plan),
        encoders=_encoders(sweep, plan),
    )
    folder = publish_report(sweep, records, comparison, few_shot_page(comparison, frame))
    _record_curves(sweep, records, comparison)
    records.summary(note(comparison.findings, sweep.data.audit, metrics=METRICS_HERE))
    page, table = folder / "comparison.html", folder / "comparison.csv"
    announce_report(sweep.console, shot_tables(comparison), page, table)
    return comparison


def _baselines(sweep: Sweep, plan: SweepPlan) -> list[BaselineResult]:
    found = []
    target = sweep.recipe.members(sweep.recipe.target)
    draws = {(c.shots, c.resample or 0) for c in plan.cells if c.shots is not None}
    for shots, resample in sorted(draws):
        scored = score_baseline(
            sweep.storage, sweep.recipe.dataset, target, shots=shots, resample=resample
        )
        found.append(baseline_result(scored, shots=shots, resample=resample))
    return found


def _overlap(sweep: Sweep) -> dict[int, float]:
    """Return the mean fraction of rows that two draws of a number of shots share."""
    table = sweep.data.table
    pool = rows_of(table, sweep.recipe.members(sweep.recipe.target)).train
    found = {}
    for shots in sweep.axes["shots"]:
        draws = [set(draw_shots(table, pool, shots, r)) for r in sweep.axes["resample"]]
        shared = [len(a & b) / min(len(a), len(b)) for a, b in combinations(draws, 2)]
        if shared:
            found[int(shots)] = float(np.mean(shared))
    return found


def _record_curves(sweep: Sweep, records: Records, comparison: ShotComparison) -> None:
    """Log the means to the parent run, the number of shots as the step."""
    column = f"test_{comparison.metric}"
    curves = [(comparison.baseline, comparison.task.baseline_name)]
    for (tokenizer, rate, name), rows in comparison.rows.groupby(
        ["tokenizer", "learning_rate", "initialisation"], sort=False, dropna=False
    ):
        rest = f" {rate:g}" if isinstance(rate, float) and math.isfinite(rate) else ""
        curves.append((rows, f"{tokenizer}{rest} {name}"))
    for rows, name in curves:
        for _, row in rows.iterrows():
            metrics = {f"{comparison.metric}/{name}": float(row[column])}
            records.tracker.metrics(sweep.key, metrics, step=int(row["shots"]))


def _draws(sweep: Sweep) -> dict[str, object]:
    given = sorted(set(sweep.data.table["shots"].dropna()) & set(sweep.axes["shots"]))
    facts: dict[str, object] = {"draws of each number of shots": len(sweep.axes["resample"])}
    if given:
        facts["given as the first draw"] = ", ".join(f"{n:,}" for n in given)
    return facts


def _encoders(sweep: Sweep, plan: SweepPlan) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for spec in plan.encoders:
        outcome = find_outcome(sweep.storage, spec)
        if outcome is not None:
            rows.append(
                {
                    "encoder": encoder_name(sweep, spec),
                    "masking": spec.masking.scheme,
                    "seed": spec.training.seed,
                    "bits_per_base": outcome.best["metrics"].get("validation/bits_per_base"),
                    "unigram_bits_per_base": outcome.facts.get("unigram_bits_per_base"),
                    "markov_bits_per_base": outcome.facts.get("markov_bits_per_base"),
                    "rows_left_out_as_like_a_test_row": outcome.facts.get("held_out_rows"),
                    "bases_seen": int(outcome.best["bases_seen"]),
                    "device_seconds": outcome.device_seconds,
                }
            )
    return pd.DataFrame(rows)
