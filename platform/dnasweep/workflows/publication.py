"""Publication of a comparison: CSV and page on disk and in MLflow, and the best model registered."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from dnasweep.data.audit import Audit
from dnasweep.data.planted_elements import planted
from dnasweep.data.table import SPLITS
from dnasweep.plain import write_csv
from dnasweep.report.audit_page import PAGE as AUDIT_PAGE
from dnasweep.report.audit_page import audit_page
from dnasweep.report.files import write_page
from dnasweep.report.page import Page
from dnasweep.report.provenance import SweepFrame
from dnasweep.report.sweep_page import sweep_page
from dnasweep.stages.outcome import CHECKPOINT
from dnasweep.stages.plan import SweepPlan
from dnasweep.stages.specs import ClassifierSpec
from dnasweep.stages.tokens import tokenizer_report
from dnasweep.storage.output_folder import publish_files
from dnasweep.sweeps.cell_results import CellResult
from dnasweep.sweeps.comparison import Compared, Comparison
from dnasweep.sweeps.request import Sweep
from dnasweep.sweeps.summary import write_summary
from dnasweep.tracking.tags import command, package_versions
from dnasweep.workflows.next_steps import (
    ALIAS,
    EXAMPLES,
    REPORT,
    address_of,
    example_rows,
    flags_of,
    registered_name,
)
from dnasweep.workflows.sweep_records import Records

METRICS_HERE = "`best/` validation and `test/` of the registered model, `baseline/` test of the k-mer baseline"


def publish(
    sweep: Sweep,
    plan: SweepPlan,
    records: Records,
    results: Sequence[CellResult],
    comparison: Comparison,
    importance: dict[str, float] | None,
) -> Path:
    """Write the report, log it to the parent run, register the best model, and return the report's folder.

    Parameters
    ----------
    sweep
        The sweep that was run.
    plan
        Plan of the sweep: what was trained.
    records
        Its records in MLflow.
    results
        Results of all cells.
    comparison
        Comparison of the results.
    importance
        Importance of each axis in a search, from 0 to 1; None for a grid.
    """
    best = best_trial(comparison, results)
    key = best.trial_key if best else None
    frame = sweep_frame(sweep, tokenizers=tokenizer_table(sweep, plan), best=key)
    page = sweep_page(comparison, frame, cells=results, importance=importance)
    folder = publish_report(sweep, records, comparison, page, best=key)
    if best is not None:
        _register(sweep, records, best)
    records.summary(
        note(comparison.findings, sweep.data.audit),
        best=best.validation if best else {},
        test=(best.test if best else None) or {},
        baseline=_baseline(comparison),
    )
    return folder


def note(
    findings: Sequence[str],
    audit: Audit,
    *,
    page: str = "comparison.html",
    metrics: str = METRICS_HERE,
) -> str:
    """Return the findings as the description of the parent run, in Markdown.

    Parameters
    ----------
    findings
        Sentences about the result.
    audit
        Audit of the data, whose warnings are named.
    page
        File of the page in the report.
    metrics
        Explanation of the parent run's metrics.
    """
    parts = ["\n".join(f"- {sentence}" for sentence in findings)]
    if audit.warnings:
        heading = "### Warnings of the data audit"
        parts.append("\n".join([heading, "", *(f"- {one.message}" for one in audit.warnings)]))
    parts += [
        "### Where to look",
        f"The whole comparison, with figures: `{REPORT}/{page}` under *Artifacts*. "
        "To compare the trials alone, filter the runs by `tags.stage = 'trial'`.",
        f"Metrics here: {metrics}.",
    ]
    return "\n\n".join(parts)


def sweep_frame(
    sweep: Sweep,
    *,
    facts: Mapping[str, object] | None = None,
    tokenizers: pd.DataFrame | None = None,
    encoders: pd.DataFrame | None = None,
    best: str | None = None,
) -> SweepFrame:
    """Return the parts of a sweep's page other than the comparison.

    Parameters
    ----------
    sweep
        The sweep that was run.
    facts
        Further facts about the data, values by label.
    tokenizers
        One row per tokenizer.
    encoders
        One row per encoder.
    best
        Key of the best trial, if one was chosen.
    """
    return SweepFrame(
        title=sweep.name,
        command=command(),
        created=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        data={**sweep_facts(sweep), **(facts or {})},
        audit=sweep.data.audit,
        planted=None
        if sweep.data.files
        else planted(sweep.data.species, sweep.options.decoy_rate),
        tokenizers=tokenizers,
        encoders=encoders,
        versions=package_versions(),
        keys={"sweep": sweep.key, "data set": sweep.recipe.dataset},
        places={"storage": sweep.storage.root},
        model=address_of(sweep, best) if best else "",
        flags=flags_of(sweep),
    )


def publish_report(
    sweep: Sweep,
    records: Records,
    comparison: Compared,
    page: Page,
    *,
    stem: str = "comparison",
    best: str | None = None,
) -> Path:
    """Write the report of a sweep, which replaces an earlier one as a whole, and return its folder.

    The files are logged to the parent run, and shared with other machines.

    Parameters
    ----------
    sweep
        The sweep.
    records
        Records that its files are logged to.
    comparison
        Tables of the comparison.
    page
        Page of the comparison.
    stem
        Name of the page and of the first table, without ending.
    best
        Key of the best trial, if one was chosen.
    """
    folder = sweep.storage.folder("sweeps", sweep.key, REPORT)
    with tempfile.TemporaryDirectory(dir=sweep.storage.folder("work")) as scratch:
        aside = Path(scratch)
        audit = audit_page(sweep.data.audit, title=sweep.name, facts=sweep_facts(sweep))
        write_page(audit, aside / AUDIT_PAGE)
        comparison.to_csv(aside / f"{stem}.csv")
        write_page(page, aside / f"{stem}.html")
        write_summary(aside, sweep, findings=comparison.findings, best=best, stem=stem)
        if best is not None and not sweep.data.files:
            write_csv(example_rows(sweep), aside / EXAMPLES)
        files = publish_files(sorted(aside.iterdir()), folder, job=REPORT)
    sweep.storage.share(folder)
    for path in files:
        records.tracker.artifact(sweep.key, path, REPORT)
    return folder


def sweep_facts(sweep: Sweep) -> dict[str, object]:
    """Return the facts about the data for a page, values by label."""
    table = sweep.data.table
    widths = table["sequence"].str.len()
    counts = table["split"].value_counts()
    return {
        "source": " ".join(sweep.data.files) or "built-in simulated promoters",
        **({"pretrained on": sweep.pretraining.source} if sweep.pretraining else {}),
        "sequences": f"{len(table):,}",
        "bases each": " to ".join(f"{w:,}" for w in sorted({widths.min(), widths.max()})),
        "split": ", ".join(f"{counts.get(s, 0):,} {s}" for s in SPLITS),
        "species": ", ".join(sweep.data.species) or "not named",
        "trained and tested on": sweep.target,
    }


def tokenizer_table(sweep: Sweep, plan: SweepPlan) -> pd.DataFrame:
    """Return a table of statistics with one row per tokenizer."""
    table = pd.DataFrame([tokenizer_report(sweep.storage, spec) for spec in plan.tokenizers])
    # `longest` is over all rows of the data set, `longest_tokens` over those of the training split.
    table = table.rename(columns={"longest": "most_tokens"})
    return table.drop(columns=["num_sequences", "longest_tokens"], errors="ignore")


def _baseline(comparison: Comparison) -> dict[str, float]:
    if comparison.baseline.empty:
        return {}
    row = comparison.baseline.filter(regex="^test_").iloc[0].dropna()
    return {str(name).removeprefix("test_"): float(value) for name, value in row.items()}


def best_trial(comparison: Comparison, results: Sequence[CellResult]) -> CellResult | None:
    """Return the seed of the winning combination that is best on validation.

    A single seed of another combination may be better still, by luck: the page names the winner by means.
    """
    if comparison.selected.empty:
        return None
    keys = set(comparison.selected["trial_keys"].iloc[0].split())
    return max(
        (one for one in results if one.trial_key in keys and one.healthy(comparison.metric)),
        key=lambda cell: comparison.sign * cell.validation_metric(comparison.metric),
        default=None,
    )


def _register(sweep: Sweep, records: Records, best: CellResult) -> None:
    """Register a trial under the sweep's name."""
    folder = sweep.storage.expect(ClassifierSpec.kind, best.trial_key)
    records.tracker.tags(sweep.key, {"best_trial": best.trial_key})
    records.tracker.model(
        best.trial_key,
        folder / CHECKPOINT,
        registered_name=registered_name(sweep),
        alias=ALIAS,
        example=str(sweep.data.table["sequence"].iloc[0]),
    )
