"""The page of a few-shot sweep, and the same in the terminal."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import RenderableType

from dnasweep.report.drawing import (
    COLOURS,
    MARKERS,
    Drawing,
    band,
    common_legend,
    ink,
    label_ticks,
    style,
)
from dnasweep.report.page import Answer, Page, PageFigure, PageTable, Section, Text
from dnasweep.report.pair_columns import marked, verdict_columns
from dnasweep.report.provenance import SweepFrame
from dnasweep.report.terminal import summary, terminal_table
from dnasweep.sweeps.comparison import ShotComparison
from dnasweep.sweeps.shots_findings import settings
from dnasweep.tasks.wording import ALPHA, mean_of, metric_name

APART = 0.06
"""Factor by which the curves of two initialisations are offset at the same number of shots."""


def few_shot_page(comparison: ShotComparison, frame: SweepFrame) -> Page:
    """Return the page of a few-shot sweep."""
    say, curve = comparison.texts, learning_curve(comparison)
    means = means_by_shots(comparison)
    shots = [name for name in map(str, means) if name.isdecimal()]
    others = _telling(comparison.rows)
    others = others.drop(columns=[name for name in map(str, others) if name.endswith("_sd")])
    sections = [
        Section(
            "means",
            "Means",
            [
                PageTable("means", means, say("means"), _baseline_marks(comparison, means), shots),
                PageTable("metrics", others, say("metrics")),
                PageTable("unhealthy", _telling(comparison.unhealthy), say("not_healthy")),
            ],
        ),
        Section(
            "pairs",
            "Tests",
            [
                _pairwise(comparison),
                Text([say("no_pairs")] if comparison.pairwise.empty else [], soft=True),
            ],
        ),
    ]
    more = say("training_rows")
    first = comparison.findings[:1]
    figure = PageFigure("By number of shots", say("curve"), curve)
    return frame.page(
        comparison,
        say("lead"),
        sections,
        answer=Answer(first[0], "", figure) if first else None,
        tokenizers="Tokenizers.",
        more=more,
    )


def means_by_shots(comparison: ShotComparison) -> pd.DataFrame:
    """Return the means as text, with a row per initialisation, a column per number of shots, and the
    baseline last."""
    column, rows = f"test_{comparison.metric}", comparison.rows
    shots = sorted(set(rows["shots"])) if len(rows) else []
    records: list[dict[str, Any]] = []
    for words, group in settings(rows) if shots else []:
        for name, own in group.groupby("initialisation", sort=False):
            records.append({"setting": words, "initialisation": name} | _across(own, column))
    if len(comparison.baseline) and records:
        means = _across(comparison.baseline, column)
        records.append({"setting": "", "initialisation": comparison.task.baseline_name} | means)
    table = pd.DataFrame(records, columns=["setting", "initialisation", *map(str, shots)])
    return table if (table["setting"] != "").any() else table.drop(columns="setting")


def _across(rows: pd.DataFrame, column: str) -> dict[str, str]:
    return {str(int(row["shots"])): mean_of(row, column) for _, row in rows.iterrows()}


def _baseline_marks(comparison: ShotComparison, table: pd.DataFrame) -> list[str]:
    baseline = comparison.task.baseline_name
    return ["reference" if name == baseline else "" for name in table["initialisation"]]


def _pairwise(comparison: ShotComparison) -> PageTable:
    table = _telling(comparison.pairwise)
    shown = table[[n for n in ("tokenizer", "learning_rate", "shots", "a", "b") if n in table]]
    pairs = zip(table["pairs_for_a"], table["pairs"], strict=True)
    shown = shown.assign(ahead=[f"{won} of {num}" for won, num in pairs], **verdict_columns(table))
    sure = table[f"{comparison.decisive}_p_adjusted"] < ALPHA
    return PageTable("pairs", shown, comparison.texts("pairs"), marked(sure))


def _telling(table: pd.DataFrame) -> pd.DataFrame:
    """Leave out columns that are the same in all rows."""
    dull = [n for n in ("tokenizer", "learning_rate") if n in table and table[n].nunique() < 2]
    return table.drop(columns=dull)


def shot_tables(comparison: ShotComparison) -> RenderableType:
    """Return the findings, and the means by number of shots, including the baseline."""
    means = means_by_shots(comparison)
    table = terminal_table(
        f"Test {metric_name(comparison.metric)} by shots{_of_each(comparison)}",
        means,
        marks=_baseline_marks(comparison, means),
        left=["setting", "initialisation"],
        titles={name: f"{int(name):,}" for name in map(str, means) if name.isdecimal()},
    )
    return summary([table], comparison.findings)


def _of_each(comparison: ShotComparison) -> str:
    return " of each class" if comparison.task.has_classes else ""


def learning_curve(comparison: ShotComparison) -> Drawing | None:
    """Test metric against shots: mean and standard deviation of each initialisation, every run a
    point, the baseline dotted; one panel for each tokenizer and learning rate."""
    if comparison.rows.empty:
        return None
    groups = settings(comparison.rows)
    names = list(dict.fromkeys(comparison.rows["initialisation"]))

    def draw(figure: Figure) -> None:
        panels = figure.subplots(len(groups), 1, squeeze=False, sharex=True, sharey=True)[:, 0]
        for axes, (words, group) in zip(panels, groups, strict=True):
            for place, name in enumerate(names):
                own = group[group["initialisation"] == name].sort_values("shots")
                if len(own):
                    # Slightly offset, so that error bars do not hide each other.
                    beside = (1 + APART) ** (place - (len(names) - 1) / 2)
                    _draw_means(axes, comparison, own, place, beside)
            _draw_baseline(axes, comparison)
            label_ticks(axes, sorted(set(comparison.rows["shots"])), ",")
            axes.set_ylabel(f"test {metric_name(comparison.metric)}")
            axes.set_title(words)
        panels[-1].set_xlabel(f"shots: training rows{_of_each(comparison)}")
        common_legend(figure, [*names, comparison.task.baseline_name])

    return Drawing(draw, (8.2, 0.5 + 4.0 * len(groups)))


def _draw_means(
    axes: Axes, comparison: ShotComparison, means: pd.DataFrame, place: int, beside: float
) -> None:
    column, runs, first = f"test_{comparison.metric}", comparison.runs, means.iloc[0]
    same = ["tokenizer", "initialisation"]
    if not pd.isna(first["learning_rate"]):
        same.append("learning_rate")
    runs = runs[runs[same].eq(first[same]).all(axis=1)]
    colour = COLOURS[place % len(COLOURS)]
    if column in runs:
        x = runs["shots"] * beside * (1 + APART / 2)
        axes.plot(x, runs[column], ".", color=colour, alpha=0.45, markersize=4.5)
    axes.errorbar(
        means["shots"] * beside,
        means[column],
        yerr=np.nan_to_num(means[f"{column}_sd"].to_numpy(dtype=float)),
        marker=MARKERS[place % len(MARKERS)],
        markersize=6,
        capsize=3,
        label=str(first["initialisation"]),
        **style(place),
    )


def _draw_baseline(axes: Axes, comparison: ShotComparison) -> None:
    column = f"test_{comparison.metric}"
    if column not in comparison.baseline:
        return
    table = comparison.baseline.sort_values("shots")
    mean, sd = table[column].astype(float), table[f"{column}_sd"].astype(float).fillna(0)
    axes.plot(
        table["shots"],
        mean,
        color=ink(axes),
        linestyle=(0, (1, 1.5)),
        label=comparison.task.baseline_name,
    )
    band(axes, table["shots"], mean - sd, mean + sd, color=ink(axes), alpha=0.1)
