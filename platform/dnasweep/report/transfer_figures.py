"""The figures of a species transfer: the matrix, and gain against phylogenetic distance."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from dnasweep.report.drawing import COLOURS, MARKERS, Picture, draw_matrix, picture
from dnasweep.sweeps.transfer_comparison import Transfer
from dnasweep.tasks.wording import metric_name, number


def matrix_map(transfer: Transfer, tokenizer: str) -> Picture | None:
    """Target x strategy: test metric with spread over seeds, the k-mer baseline beside it."""
    metric = transfer.metric
    column = f"test_{metric}"
    matrix = transfer.matrix
    if matrix.empty or column not in matrix:
        return None
    part = matrix[matrix["tokenizer"] == tokenizer]
    targets, strategies = transfer.targets, transfer.strategies
    levels: dict[str, float] = {}
    if column in transfer.baseline:
        levels = dict(zip(transfer.baseline["target"], transfer.baseline[column], strict=True))
    columns = [*strategies, *(["k-mer baseline"] if levels else [])]
    values = np.full((len(targets), len(columns)), np.nan)
    texts = {}
    for _, row in part.iterrows():
        at = targets.index(row["target"]), strategies.index(row["strategy"])
        values[at] = row[column]
        spread = row.get(f"{column}_sd")
        texts[at] = number(row[column])
        if not pd.isna(spread):
            texts[at] += f"\n± {number(spread)}"
    for target, level in levels.items():
        if target in targets:
            at = targets.index(target), len(strategies)
            values[at], texts[at] = level, number(level)
    if not np.isfinite(values).any():
        return None

    def draw(axes: Axes) -> None:
        draw_matrix(axes, values, texts, rows=targets, columns=columns)
        axes.set_title(f"test {metric_name(metric)}")
        axes.set_ylabel("target")

    return picture(draw, size=(2.4 + 1.3 * len(columns), 1.0 + 0.62 * len(targets)))


def gain_by_distance(transfer: Transfer, tokenizer: str) -> Picture | None:
    """Gain over random initialisation against millions of years to the nearest relative read."""
    matrix = transfer.matrix
    if matrix.empty:
        return None
    part = matrix[(matrix["tokenizer"] == tokenizer) & (matrix["strategy"] != "random")]
    part = part[part["gain"].notna() & part["million_years"].notna()]
    if part.empty:
        return None
    strategies = [name for name in transfer.strategies if name in set(part["strategy"])]

    def draw(axes: Axes) -> None:
        ink = axes.xaxis.label.get_color()
        # Beside each other, not on each other, at the same distance.
        shift = 1.06 ** (np.arange(len(strategies)) - (len(strategies) - 1) / 2)
        for place, strategy in enumerate(strategies):
            mine = part[part["strategy"] == strategy]
            axes.plot(
                mine["million_years"] * shift[place],
                mine["gain"],
                MARKERS[place % len(MARKERS)],
                color=COLOURS[place % len(COLOURS)],
                markersize=7,
            )
        top = part.sort_values("gain").drop_duplicates("target", keep="last")
        for years, names in top.groupby("million_years")["target"]:
            height = float(top.loc[top["million_years"] == years, "gain"].max())
            axes.annotate(
                "\n".join(names),
                (years, height),  # type: ignore[arg-type]
                xytext=(0, 8),
                textcoords="offset points",
                ha="center",
                color=ink,
                fontsize=8.5,
            )
        axes.axhline(0.0, color=ink, linewidth=1)
        axes.set_xscale("log")
        axes.margins(x=0.12, y=0.2)
        ticks = sorted(part["million_years"].unique())
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
        axes.set_xlabel("million years to the nearest relative read (logarithmic)")
        axes.set_ylabel(f"gain in test {metric_name(transfer.metric)}\nover random initialisation")
        handles = [
            Line2D([], [], linestyle="", marker=MARKERS[i], color=COLOURS[i], label=name)
            for i, name in enumerate(strategies)
        ]
        axes.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4)

    return picture(draw, size=(8.2, 4.4))
