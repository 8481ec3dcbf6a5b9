"""One self-contained HTML page of a few-shot sweep: no request leaves it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from dnasweep.report.html import render, sortable
from dnasweep.report.page import column_text, column_title, verdicts
from dnasweep.report.shots_figures import learning_curve
from dnasweep.sweeps.shot_comparison import ShotComparison
from dnasweep.sweeps.shots_findings import settings
from dnasweep.sweeps.shots_tests import BASELINE
from dnasweep.tasks.wording import ALPHA, metric_name, number


@dataclass(frozen=True, kw_only=True)
class ShotPage:
    """Everything the page shows; only the first two are needed."""

    title: str
    """Heading, usually the name of the sweep."""
    comparison: ShotComparison
    """The compared sweep."""
    command: str = ""
    """Command line that makes this page again."""
    created: str = ""
    """When, in words; empty: not shown."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """Data summary, label to value; shown as given."""
    audit_findings: Sequence[Mapping[str, str]] = ()
    """Findings of the leak audit: level (`info` or `warning`), code, message."""
    audit_table: pd.DataFrame | None = None
    """Statistics by split and class."""
    tokenizers: pd.DataFrame | None = None
    """One row a tokenizer."""
    encoders: pd.DataFrame | None = None
    """One row a pretrained encoder."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Package versions."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Artefact keys, name to key."""
    places: Mapping[str, str] = field(default_factory=dict)
    """Where things are."""


def render_shot_page(page: ShotPage) -> str:
    """Return the page as one HTML document."""
    comparison = page.comparison
    metric = metric_name(comparison.metric)
    picture = learning_curve(comparison)
    caption = (
        f"Mean test {metric} with the standard deviation over draws and seeds; every point is one "
        "trial. Dotted: the k-mer baseline on the same shots, with its standard deviation over "
        "draws."
    )
    figures = [{"picture": picture, "title": "By number of shots", "caption": caption}]
    return render(
        "shots_page.html.j2",
        page=page,
        comparison=comparison,
        metric=metric,
        warnings=[f for f in page.audit_findings if f.get("level") == "warning"],
        notes=[f for f in page.audit_findings if f.get("level") != "warning"],
        figures=figures if picture else [],
        means=_means(comparison),
        others=_others(comparison),
        pairwise=_pairwise(comparison),
        unhealthy=_table(_known(comparison.unhealthy)),
        audit=_table(page.audit_table),
        tokenizers=_table(page.tokenizers),
        encoders=_table(page.encoders),
    )


def means_by_shots(comparison: ShotComparison) -> pd.DataFrame:
    """Return the means as text, a row an initialisation and a column a number of shots; the
    baseline comes last."""
    column = f"test_{comparison.metric}"
    shots = sorted(set(comparison.rows["shots"])) if len(comparison.rows) else []
    records: list[dict[str, Any]] = []
    for words, group in settings(comparison.rows) if shots else []:
        for name, arm in group.groupby("initialisation", sort=False):
            records.append({"setting": words, "initialisation": name} | _across(arm, column))
    if len(comparison.baseline) and records:
        records.append(
            {"setting": "", "initialisation": BASELINE} | _across(comparison.baseline, column)
        )
    table = pd.DataFrame(records, columns=["setting", "initialisation", *map(str, shots)])
    return table if (table["setting"] != "").any() else table.drop(columns="setting")


def _across(rows: pd.DataFrame, column: str) -> dict[str, str]:
    found = {}
    for _, row in rows.iterrows():
        sd = row.get(f"{column}_sd")
        text = number(row[column])
        found[str(int(row["shots"]))] = text if pd.isna(sd) else f"{text} ± {number(sd)}"
    return found


def _means(comparison: ShotComparison) -> dict[str, Any] | None:
    table = means_by_shots(comparison)
    marks = ["reference" if name == BASELINE else "" for name in table["initialisation"]]
    shots = [name for name in table if name not in ("setting", "initialisation")]
    return _table(table, marks=marks, numeric=shots)


def _others(comparison: ShotComparison) -> dict[str, Any] | None:
    rows = _known(comparison.rows)
    if rows.empty:
        return None
    hidden = [name for name in map(str, rows) if name.endswith("_sd")]
    return _table(rows.drop(columns=hidden))


def _pairwise(comparison: ShotComparison) -> dict[str, Any] | None:
    table = _known(comparison.pairwise)
    if table.empty:
        return None
    shown = table[[n for n in ("tokenizer", "learning_rate", "shots", "a", "b") if n in table]]
    shown = shown.assign(
        ahead=[
            f"{won} of {num}"
            for won, num in zip(table["pairs_for_a"], table["pairs"], strict=True)
        ],
        **verdicts(table),
    )
    sure = table[f"{comparison.judged}_p_adjusted"] < ALPHA
    return _table(shown, marks=list(np.where(sure, "chosen", "")))


def _known(table: pd.DataFrame) -> pd.DataFrame:
    """Leave out what does not tell rows apart."""
    dull = [n for n in ("tokenizer", "learning_rate") if n in table and table[n].nunique() < 2]
    return table.drop(columns=dull)


_LABELS = {
    "ahead": "a ahead",
    "setting": "with",
}


def _table(table: pd.DataFrame | None, **how: Any) -> dict[str, Any] | None:
    return sortable(
        table,
        title=_title,
        text=column_text,
        **how,
    )


def _title(name: str) -> str:
    if name.isdecimal():
        return f"{int(name):,} shots"
    return _LABELS.get(name) or column_title(name)
