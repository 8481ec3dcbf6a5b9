"""One self-contained HTML page of a compared sweep: no request leaves it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from dnasweep.report import figures
from dnasweep.report.html import render, sortable
from dnasweep.sweeps.cell_results import CellResult
from dnasweep.sweeps.comparison import Comparison
from dnasweep.tasks.wording import ALPHA, metric_name


@dataclass(frozen=True, kw_only=True)
class PageFrame:
    """What every page of a sweep says beside its comparison; only the title is needed."""

    title: str
    """Heading, usually the name of the sweep."""
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
    versions: Mapping[str, str] = field(default_factory=dict)
    """Package versions."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Artefact keys, name to key."""
    places: Mapping[str, str] = field(default_factory=dict)
    """Where things are: storage root, tracking URI, experiment, run."""


@dataclass(frozen=True, kw_only=True)
class PageInput(PageFrame):
    """Everything the page of a comparison shows."""

    comparison: Comparison
    """The compared sweep."""
    cells: Sequence[CellResult]
    """All trials, for curves and costs."""
    tokenizers: pd.DataFrame | None = None
    """One row a tokenizer: name, bases per token, vocabulary used, unknown rate."""
    importance: Mapping[str, float] | None = None
    """Parameter importance by axis, where a search estimated it."""


_LABELS = {
    "rank": "#",
    "num_seeds": "seeds",
    "device_seconds": "device s",
    "peak_memory_bytes": "peak memory",
    "mcc_p_adjusted": "p",
    "auroc_p_adjusted": "p",
    "mcc_interval": "95 % interval",
    "auroc_interval": "95 % interval",
    "auroc_difference": "AUROC difference",
    "mcc_difference": "MCC difference",
    "ensemble_mcc_difference": "MCC difference",
    "ensemble_mcc_interval": "95 % interval",
    "ensemble_mcc_p_adjusted": "bootstrap p",
    "ensemble_auroc_difference": "AUROC difference",
    "ensemble_delong_p_adjusted": "DeLong p",
    "num_rows": "rows",
    "num_test_rows": "test rows",
    "gc": "G+C",
    "cpg": "CpG observed / expected",
    "unknown": "unknown bases",
    "shortest": "shortest, bases",
    "median": "median, bases",
    "longest": "longest, bases",
    "vocab_size": "vocabulary",
    "vocabulary_used": "of it used",
    "unknown_rate": "unknown tokens",
    "mean_tokens": "mean tokens a row",
    "most_tokens": "most tokens a row",
    "longest_word": "longest token, bases",
    "over_baseline": "over baseline",
}


def render_page(page: PageInput) -> str:
    """Return the page as one HTML document."""
    comparison = page.comparison
    return render(
        "page.html.j2",
        page=page,
        comparison=comparison,
        metric=metric_name(comparison.metric),
        warnings=[f for f in page.audit_findings if f.get("level") == "warning"],
        notes=[f for f in page.audit_findings if f.get("level") != "warning"],
        figures=_figures(page),
        ranked=_ranked(comparison),
        selected=_selected(comparison),
        pairwise=_pairwise(comparison),
        ensembles=_table(ensembles(comparison.pairwise)),
        by_species=_by_species(comparison),
        unhealthy=_table(comparison.unhealthy),
        audit=_table(page.audit_table),
        tokenizers=_table(page.tokenizers),
    )


def _figures(page: PageInput) -> list[dict[str, Any]]:
    metric = metric_name(page.comparison.metric)
    drawn = [
        (
            figures.heat_map(page.comparison),
            "Tokenizer by species set",
            f"Each cell is the learning rate (and other axes) best on validation. The number is "
            f"the mean over seeds, ± their standard deviation, of {metric} on the test rows.",
        ),
        (
            figures.learning_curves(page.comparison, page.cells),
            "Learning curves",
            f"Validation {metric} of the selected cells against bases seen: mean of the seeds, "
            "the band from the least to the most.",
        ),
        (
            figures.bits_per_base(page.cells),
            "Pretraining in bits per base",
            "How well the best encoder of each cell predicts hidden bases. The unit does not "
            "depend on the vocabulary, so tokenizers can be compared.",
        ),
        (
            figures.cost(page.comparison, page.cells),
            "What it costs",
            f"Validation {metric} of every ranked combination against the device time of a trial.",
        ),
        (
            figures.importance(page.importance),
            "Which axis mattered",
            "Parameter importance, estimated from the trials of the search.",
        ),
    ]
    return [
        {"picture": picture, "title": title, "caption": caption}
        for picture, title, caption in drawn
        if picture is not None
    ]


def _ranked(comparison: Comparison) -> dict[str, Any] | None:
    rows = comparison.rows
    if rows.empty:
        return None
    column = f"validation_{comparison.metric}"
    shown = ["rank", "tokenizer", "species_set", "learning_rate", *comparison.axes, column]
    shown += [f"{column}_sd", "num_seeds", "device_seconds", "peak_memory_bytes", "outcome"]
    marks = np.where(
        rows["selected"], "chosen", np.where(rows["outcome"] == "finished", "", "sick")
    )
    return _table(rows[shown], marks=list(marks))


def _selected(comparison: Comparison) -> dict[str, Any] | None:
    selected, metric = comparison.selected, comparison.metric
    if selected.empty:
        return None
    tests = [
        name
        for name in selected.columns
        if name.startswith("test_") and name not in ("test_low", "test_high")
    ]
    first = [f"test_{metric}", f"test_{metric}_sd"]
    tests = [t for t in first if t in tests] + [
        t for t in tests if t not in first and not t.endswith("_sd") and t != "test_threshold"
    ]
    shown = ["tokenizer", "species_set", "learning_rate", *comparison.axes, *tests]
    shown += [name for name in ("over_baseline", "num_seeds") if name in selected]
    sign = 1 if comparison.higher_is_better else -1
    table = selected[shown].astype(object)
    numeric = [name for name in shown if name not in ("tokenizer", "species_set")]
    over = selected.get("over_baseline", pd.Series(np.nan, index=selected.index))
    marks = list(np.where(sign * over.astype(float) <= 0, "loses", ""))
    for _, row in comparison.baseline.iterrows():
        record = {name: row.get(name) for name in shown}
        record |= {"tokenizer": row["name"], "species_set": row["species_set"]}
        table.loc[len(table)] = [record.get(name) for name in shown]
        marks.append("reference")
    return _table(table, marks=marks, numeric=numeric)


def verdicts(table: pd.DataFrame) -> dict[str, Any]:
    """Return the columns of the tests over rows and seeds, for :meth:`pandas.DataFrame.assign`."""
    return {
        f"{metric}_{name}": values
        for metric in ("mcc", "auroc")
        for name, values in (
            ("difference", table[f"{metric}_difference"]),
            ("interval", intervals(table[f"{metric}_low"], table[f"{metric}_high"])),
            ("p_adjusted", table[f"{metric}_p_adjusted"]),
        )
    }


def intervals(low: pd.Series, high: pd.Series) -> list[str]:
    """Return intervals as text, a dash where there is none."""
    return [
        "–" if pd.isna(one) else f"{one:+.3f} to {other:+.3f}".replace("-", "−")
        for one, other in zip(low, high, strict=True)
    ]


def _pairwise(comparison: Comparison) -> dict[str, Any] | None:
    table = comparison.pairwise
    if table.empty:
        return None
    shown = table[["a", "b", "num_rows", "num_seeds"]].assign(**verdicts(table))
    significant = table[f"{comparison.judged}_p_adjusted"] < ALPHA
    return _table(shown, marks=list(np.where(significant, "chosen", "")))


def ensembles(table: pd.DataFrame, first: Sequence[str] = ("a", "b")) -> pd.DataFrame:
    """Return the tests of ensembles, as they are shown."""
    return table[list(first)].assign(
        ensemble_mcc_difference=table["ensemble_mcc_difference"],
        ensemble_mcc_interval=intervals(table["ensemble_mcc_low"], table["ensemble_mcc_high"]),
        ensemble_mcc_p_adjusted=table["ensemble_mcc_p_adjusted"],
        ensemble_auroc_difference=table["ensemble_auroc_difference"],
        ensemble_delong_p_adjusted=table["ensemble_delong_p_adjusted"],
    )


def _by_species(comparison: Comparison) -> dict[str, Any] | None:
    table = comparison.by_species
    if table.empty:
        return None
    order = comparison.selected["cell"].to_list()
    wide = table.pivot(index="cell", columns="test_species", values=f"test_{comparison.metric}")
    return _table(wide.reindex(order).reset_index().rename_axis(columns=None))


def _table(table: pd.DataFrame | None, **how: Any) -> dict[str, Any] | None:
    return sortable(table, title=column_title, text=column_text, **how)


def column_title(name: str) -> str:
    """Return the heading of a column, from its name."""
    if name in _LABELS:
        return _LABELS[name]
    for split in ("validation", "test"):
        if name.startswith(f"{split}_"):
            rest = name.removeprefix(f"{split}_")
            if rest.endswith("_sd"):
                return "± sd"
            return f"{split} {metric_name(rest)}"
    return name.replace("_", " ")


def column_text(name: str, value: object) -> str:
    """Return what stands in a cell, from the name of its column and the value."""
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return "–"
    if name == "peak_memory_bytes":
        return f"{float(value) / 2**30:.2f} GiB" if value else "–"  # type: ignore[arg-type]
    if name in ("learning_rate", "median"):
        return f"{value:g}"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating):
        number = float(value)
        if name.endswith("_p_adjusted"):
            return "< 0.001" if number < 0.001 else f"{number:.3f}"
        if name == "device_seconds":
            return f"{number:,.1f}"
        if 0 < abs(number) < 0.001 and "difference" not in name:
            return f"{number:.1g}"
        sign = "+" if "difference" in name or name == "over_baseline" else "-"
        text = f"{number:{sign}.3f}" if abs(number) < 1000 else f"{number:,.0f}"
        return text.replace("-", "−")
    if isinstance(value, int | np.integer):
        return f"{int(value):,}"
    return str(value)
