"""The comparison as artefacts: CSV and one page on disk and in MLflow, the best model registered."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from dnasweep.cluster.records import Records, command
from dnasweep.cluster.request import Sweep
from dnasweep.cluster.tracking import package_versions
from dnasweep.genome.table import SPLITS
from dnasweep.model.metrics import direction, full_name
from dnasweep.report.comparison import CellResult, Comparison
from dnasweep.report.page import PageInput, render_page
from dnasweep.stages.outcome import CHECKPOINT
from dnasweep.stages.plan import Plan
from dnasweep.stages.recipe import ClassifierSpec
from dnasweep.stages.tokens import tokenizer_report

ALIAS = "best"


def publish(
    sweep: Sweep,
    plan: Plan,
    records: Records,
    results: Sequence[CellResult],
    comparison: Comparison,
    importance: dict[str, float] | None,
) -> Path:
    """Write the report, log it to the parent run, register the best model; return its folder."""
    folder = sweep.storage.folder("sweeps", sweep.key, "report")
    comparison.to_csv(folder / "comparison.csv")
    page = PageInput(
        title=sweep.name,
        comparison=comparison,
        cells=results,
        command=command(),
        created=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        data=_summary(sweep),
        audit_findings=[
            {"level": f.level, "code": f.code, "message": f.message}
            for f in sweep.data.audit.findings
        ],
        audit_table=sweep.data.audit.table,
        tokenizers=pd.DataFrame(
            [tokenizer_report(sweep.storage, spec) for spec in plan.tokenizers]
        ),
        importance=importance,
        versions=package_versions(),
        keys={"sweep": sweep.key, "data set": sweep.recipe.dataset},
        places={"storage": sweep.storage.root},
    )
    (folder / "comparison.html").write_text(render_page(page))
    for path in sorted(folder.iterdir()):
        records.tracker.artifact(sweep.key, path, "report")
    _register(sweep, records, results)
    return folder


def _summary(sweep: Sweep) -> dict[str, object]:
    table = sweep.data.table
    widths = table["sequence"].str.len()
    counts = table["split"].value_counts()
    return {
        "source": " ".join(sweep.options.data) or "built-in simulated promoters",
        "sequences": f"{len(table):,}",
        "bases each": f"{widths.min()} to {widths.max()}",
        "split": ", ".join(f"{counts.get(s, 0):,} {s}" for s in SPLITS),
        "species": ", ".join(sweep.data.species) or "not named",
        "trained and judged on": sweep.recipe.target,
    }


def _register(sweep: Sweep, records: Records, results: Sequence[CellResult]) -> None:
    """Register the trial with the best validation metric under the sweep's name."""
    metric = full_name(sweep.options.metric)
    sign = 1.0 if direction(metric) == "max" else -1.0
    healthy = [cell for cell in results if cell.outcome == "finished"]
    if not healthy:
        return
    best = max(healthy, key=lambda cell: sign * cell.validation[metric])
    folder = sweep.storage.find(ClassifierSpec.kind, best.trial_key)
    assert folder is not None
    records.tracker.tags(sweep.key, {"best_trial": best.trial_key})
    records.tracker.model(
        best.trial_key,
        folder / CHECKPOINT,
        registered_name=sweep.options.name or sweep.name,
        alias=ALIAS,
        example=str(sweep.data.table["sequence"].iloc[0]),
    )
