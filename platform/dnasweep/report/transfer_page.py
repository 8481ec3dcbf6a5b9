"""The page of a species transfer, and the same in the terminal."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from rich.console import RenderableType

from dnasweep.report.drawing import (
    COLOURS,
    MARKERS,
    Drawing,
    draw_matrix,
    ink,
    label_ticks,
    on_axes,
)
from dnasweep.report.page import Answer, Facts, Page, PageFigure, PageTable, Section
from dnasweep.report.pair_columns import ensembles, marked, verdict_columns
from dnasweep.report.provenance import SweepFrame
from dnasweep.report.terminal import summary, terminal_table
from dnasweep.sweeps.comparison import Transfer
from dnasweep.sweeps.transfer_strategies import DESCRIPTIONS
from dnasweep.sweeps.transfer_tests import EVERY
from dnasweep.tasks.wording import ALPHA, mean_of, metric_name, number

BASELINE = "k-mer baseline"


def transfer_page(transfer: Transfer, frame: SweepFrame, *, num_trials: int) -> Page:
    """Return the page of a species transfer.

    Parameters
    ----------
    transfer
        The comparison.
    frame
        Parts common to the pages of all sweeps.
    num_trials
        Number of trained trials.
    """
    tests, say = transfer.tests, transfer.texts
    overall, single = tests[tests["target"] == EVERY], tests[tests["target"] != EVERY]
    trained = ensembles(single, ("tokenizer", "target", "a", "b"))
    drawn, first = _figures(transfer), transfer.findings[:1]
    sections = [
        Section("figures", "Figures", drawn[1:]),
        Section(
            "strategies",
            "Strategies",
            [
                Facts({name: DESCRIPTIONS[name] for name in transfer.strategies}),
                PageTable("means", transfer.means, say("means")),
            ],
        ),
        Section(
            "matrix",
            "Matrix",
            [
                _matrix(transfer),
                PageTable("baseline", transfer.baseline, say("kmers")),
                PageTable("unhealthy", transfer.unhealthy, say("not_healthy")),
            ],
        ),
        Section(
            "tests",
            "Tests",
            [
                _tests("overall", transfer, overall),
                _tests("single", transfer, single),
                PageTable("ensembles", trained, say("ensembles")),
            ],
        ),
        Section("ranked", "All combinations", [_ranked(transfer)]),
    ]
    answer = Answer(first[0], "", drawn[0] if drawn else None) if first else None
    return frame.page(transfer, say("lead", num_trials=num_trials), sections, answer=answer)


def _figures(transfer: Transfer) -> list[PageFigure]:
    say, names = transfer.texts, list(dict.fromkeys(transfer.matrix.get("tokenizer", ())))
    drawn = []
    for name in names:
        which = f", {name}" if len(names) > 1 else ""
        title = f"Gain against phylogenetic distance{which}"
        means, gains = matrix_map(transfer, name), gain_by_distance(transfer, name)
        drawn += [
            PageFigure(f"Targets by strategies{which}", say("matrix_map"), means),
            PageFigure(title, say("gain_by_distance"), gains),
        ]
    return drawn


def _matrix(transfer: Transfer) -> PageTable:
    matrix, metric = transfer.matrix, transfer.metric
    shown = ["tokenizer", "target", "strategy", "species_set", "learning_rate"]
    shown += [f"test_{metric}", f"test_{metric}_sd", "gain", "over_baseline"]
    shown += [f"test_{m}" for m in (*transfer.task.tested, "accuracy") if m != metric]
    shown += ["num_seeds", "num_test_rows", "nearest_relative", "million_years"]
    shown += ["pretrain_bases", "finetune_bases"]
    table = matrix[[name for name in shown if name in matrix]]
    over = matrix.get("over_baseline", pd.Series(dtype=float)).astype(float)
    marks = list(np.where(transfer.sign * over <= 0, "loses", ""))
    return PageTable("matrix", table, transfer.texts("matrix"), marks)


def _tests(name: str, transfer: Transfer, table: pd.DataFrame) -> PageTable:
    if table.empty:
        return PageTable(name, None)
    decisive = transfer.decisive
    shown = table[["tokenizer", "target", "a", "b", "num_rows", "num_seeds"]]
    shown = shown.assign(**verdict_columns(table))
    if (table["target"] == EVERY).all():
        shown = shown.drop(columns="target").assign(
            num_better=table[f"{decisive}_num_better"].astype(int),
            num_targets=table["num_targets"].astype(int),
            targets_p_adjusted=table[f"{decisive}_targets_p_adjusted"],
        )
    return PageTable(
        name, shown, transfer.texts(name), marked(table[f"{decisive}_p_adjusted"] < ALPHA)
    )


def _ranked(transfer: Transfer) -> PageTable:
    rows, column = transfer.rows, f"validation_{transfer.metric}"
    shown = ["rank", "tokenizer", "target", "species_set", "trained_on", "learning_rate", column]
    shown += [f"{column}_sd", "num_seeds", "device_seconds", "outcome"]
    marks = marked(rows["selected"]) if len(rows) else []
    return PageTable(
        "ranked", rows[[n for n in shown if n in rows]], transfer.texts("ranked"), marks
    )


def _levels(transfer: Transfer) -> dict[str, float]:
    """Return the test metric of the baseline by target."""
    table, column = transfer.baseline, f"test_{transfer.metric}"
    return dict(zip(table["target"], table[column], strict=True)) if column in table else {}


def transfer_tables(transfer: Transfer) -> RenderableType:
    """Return the matrix of each tokenizer and the findings."""
    names = dict.fromkeys(transfer.matrix.get("tokenizer", ()))
    return summary([_matrix_in_short(transfer, name) for name in names], transfer.findings)


def _matrix_in_short(transfer: Transfer, tokenizer: str) -> RenderableType:
    column, strategies = f"test_{transfer.metric}", transfer.strategies
    mine = transfer.matrix[transfer.matrix["tokenizer"] == tokenizer]
    cells = {(r["target"], r["strategy"]): mean_of(r, column) for _, r in mine.iterrows()}
    levels = _levels(transfer)
    records = [
        [target, *(cells.get((target, s)) for s in strategies), number(levels.get(target))]
        for target in transfer.targets
    ]
    means = transfer.means
    num_targets = int(means["num_targets"].iloc[0]) if len(means) else 0
    if num_targets > 1:
        own = means[means["tokenizer"] == tokenizer].set_index("strategy")[column]
        whole = len(levels) == num_targets
        level = sum(levels.values()) / len(levels) if whole else None
        records.append(["mean", *(number(own.get(s)) for s in strategies), number(level)])
    return terminal_table(
        f"Test {metric_name(transfer.metric)} by target and strategy, {tokenizer}",
        pd.DataFrame(records, columns=["target", *strategies, BASELINE]),
        marks=[""] * len(transfer.targets) + ["total"] * (num_targets > 1),
        titles={name: name for name in (*strategies, BASELINE)},
    )


def matrix_map(transfer: Transfer, tokenizer: str) -> Drawing | None:
    """Draw target x strategy: the test metric with its spread over seeds, and the k-mer baseline."""
    column, matrix = f"test_{transfer.metric}", transfer.matrix
    if column not in matrix:
        return None
    targets, levels = transfer.targets, _levels(transfer)
    columns = [*transfer.strategies, *([BASELINE] if levels else [])]
    values = np.full((len(targets), len(columns)), np.nan)
    texts = {}
    for _, row in matrix[matrix["tokenizer"] == tokenizer].iterrows():
        at = targets.index(row["target"]), columns.index(row["strategy"])
        values[at] = row[column]
        texts[at] = mean_of(row, column).replace(" ±", "\n±")
    for target in [name for name in targets if name in levels]:
        at = targets.index(target), len(columns) - 1
        values[at], texts[at] = levels[target], number(levels[target])
    if not np.isfinite(values).any():
        return None

    def draw(axes: Axes) -> None:
        draw_matrix(axes, values, texts, rows=targets, columns=columns)
        axes.set_title(f"test {metric_name(transfer.metric)}")
        axes.set_ylabel("target")

    return on_axes(draw, (2.4 + 1.3 * len(columns), 1.0 + 0.62 * len(targets)))


def gain_by_distance(transfer: Transfer, tokenizer: str) -> Drawing | None:
    """Plot the gain over random initialisation against the time since divergence from the nearest relative."""
    part = transfer.matrix
    part = part[(part["tokenizer"] == tokenizer) & (part["strategy"] != "random")]
    part = part[part["gain"].notna() & part["million_years"].notna()]
    if part.empty:
        return None
    strategies = [name for name in transfer.strategies if name in set(part["strategy"])]

    def draw(axes: Axes) -> None:
        # Offset points at the same distance, so that they do not overlap.
        shift = 1.06 ** (np.arange(len(strategies)) - (len(strategies) - 1) / 2)
        handles = []
        for place, strategy in enumerate(strategies):
            mine = part[part["strategy"] == strategy]
            look: dict[str, Any] = {
                "linestyle": "",
                "marker": MARKERS[place % len(MARKERS)],
                "color": COLOURS[place % len(COLOURS)],
            }
            axes.plot(mine["million_years"] * shift[place], mine["gain"], markersize=7, **look)
            handles.append(Line2D([], [], label=strategy, **look))
        top = part.sort_values("gain").drop_duplicates("target", keep="last")
        for years, names in top.groupby("million_years"):
            axes.annotate(
                "\n".join(names["target"]),
                (years, float(names["gain"].max())),  # type: ignore[arg-type]
                xytext=(0, 8),
                textcoords="offset points",
                ha="center",
                color=ink(axes),
                fontsize=8.5,
            )
        axes.axhline(0.0, color=ink(axes), linewidth=1)
        axes.margins(x=0.12, y=0.2)
        label_ticks(axes, sorted(part["million_years"].unique()), "g")
        axes.set_xlabel("million years to the nearest relative in training (logarithmic)")
        axes.set_ylabel(f"gain in test {metric_name(transfer.metric)}\nover random initialisation")
        axes.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4)

    return on_axes(draw, (8.2, 4.4))
