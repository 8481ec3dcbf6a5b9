"""The figures of a few-shot page."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dnasweep.report.drawing import COLOURS, DASHES, MARKERS, Picture, panels
from dnasweep.sweeps.shot_comparison import ShotComparison
from dnasweep.sweeps.shots_findings import settings
from dnasweep.sweeps.shots_tests import BASELINE
from dnasweep.tasks.wording import metric_name

APART = 0.06
"""Factor between the places of two initialisations at one number of shots, of 1."""


def learning_curve(comparison: ShotComparison) -> Picture | None:
    """Test metric against shots: mean and standard deviation of each initialisation, every run a
    point, the baseline dashed; one panel for each tokenizer and learning rate."""
    rows = comparison.rows
    if rows.empty:
        return None
    groups = settings(rows)
    return panels(
        lambda figure: _draw(figure, comparison, groups),
        size=(8.2, 0.5 + 4.0 * len(groups)),
    )


def _draw(
    figure: Figure, comparison: ShotComparison, groups: list[tuple[str, pd.DataFrame]]
) -> None:
    every = figure.subplots(len(groups), 1, squeeze=False, sharex=True, sharey=True)[:, 0]
    names = list(dict.fromkeys(comparison.rows["initialisation"]))
    for axes, (words, group) in zip(every, groups, strict=True):
        for place, name in enumerate(names):
            arm = group[group["initialisation"] == name].sort_values("shots")
            if len(arm):
                # A little to the side, so that one bar does not hide another.
                beside = (1 + APART) ** (place - (len(names) - 1) / 2)
                _draw_arm(axes, comparison, arm, place, beside)
        _draw_baseline(axes, comparison)
        axes.set_xscale("log")
        ticks = sorted(set(comparison.rows["shots"]))
        axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        axes.minorticks_off()
        axes.set_ylabel(f"test {metric_name(comparison.metric)}")
        axes.set_title(words)
    every[-1].set_xlabel("shots: training rows of each class")
    known = {
        label: handle
        for axes in every
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    order = [name for name in (*names, BASELINE) if name in known]
    figure.legend([known[name] for name in order], order, loc="outside upper left", ncols=3)


def _draw_arm(
    axes: Axes, comparison: ShotComparison, arm: pd.DataFrame, place: int, beside: float
) -> None:
    column = f"test_{comparison.metric}"
    colour = COLOURS[place % len(COLOURS)]
    first = arm.iloc[0]
    same = comparison.runs[["tokenizer", "initialisation"]].eq(
        first[["tokenizer", "initialisation"]]
    )
    chosen = same.all(axis=1)
    if not pd.isna(first["learning_rate"]):
        chosen &= comparison.runs["learning_rate"] == first["learning_rate"]
    runs = comparison.runs[chosen]
    if column in runs:
        axes.plot(
            runs["shots"] * beside * (1 + APART / 2),
            runs[column],
            ".",
            color=colour,
            alpha=0.45,
            markersize=4.5,
        )
    axes.errorbar(
        arm["shots"] * beside,
        arm[column],
        yerr=np.nan_to_num(arm[f"{column}_sd"].to_numpy(dtype=float)),
        color=colour,
        linestyle=DASHES[place % len(DASHES)],
        marker=MARKERS[place % len(MARKERS)],
        markersize=6,
        capsize=3,
        label=str(first["initialisation"]),
    )


def _draw_baseline(axes: Axes, comparison: ShotComparison) -> None:
    column = f"test_{comparison.metric}"
    if column not in comparison.baseline:
        return
    table = comparison.baseline.sort_values("shots")
    ink = axes.xaxis.label.get_color()
    axes.plot(table["shots"], table[column], color=ink, linestyle=(0, (1, 1.5)), label=BASELINE)
    low, high = (
        (table[column] + sign * table[f"{column}_sd"].fillna(0)).to_numpy(dtype=float)
        for sign in (-1, 1)
    )
    axes.fill_between(table["shots"], low, high, color=ink, alpha=0.1, linewidth=0)
