"""The figures of a leaderboard: scores by task, and the critical-difference diagram."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dnasweep.report.drawing import COLOURS, MARKERS, Drawing, common_legend, ink, on_axes
from dnasweep.sweeps.leaderboard import Leaderboard
from dnasweep.sweeps.suite_scores import BASELINE
from dnasweep.tasks.wording import ALPHA, metric_name

GREY = "#8a8f99"
"""Colour of published scores."""
PUBLISHED = "published"
STEP = 0.14
"""Offset between the points of two models at the same task, as a fraction of the row."""
MOST_SEPARATE = 5
"""Maximum number of models with a line of their own."""


def scores_by_task(board: Leaderboard) -> Drawing | None:
    """Draw a row for each task: the score of each model with its spread, published scores in grey."""
    tasks = list(dict.fromkeys(board.scores["task"]))
    if not tasks or board.matrix.isna().all(axis=None):
        return None
    matrix = board.matrix
    spreads = board.scores.pivot(index="task", columns="model", values="score_sd").astype(float)
    metrics = dict(zip(board.scores["task"], board.scores["metric"], strict=True))
    several = len(set(metrics.values())) > 1

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        heights = np.arange(len(tasks), dtype=float)
        models = board.models
        if len(board.published):
            places = board.published["task"].map(tasks.index)
            axes.plot(
                board.published["score"], places, "D", color=GREY, alpha=0.6, markersize=4.5,
                label=PUBLISHED,
            )  # fmt: skip
        step = STEP if len(models) <= MOST_SEPARATE else STEP * MOST_SEPARATE / len(models)
        for place, model in enumerate(models):
            beside = (place - (len(models) - 1) / 2) * step
            own = matrix[model].reindex(tasks).to_numpy()
            sd = spreads[model].reindex(tasks).to_numpy()
            colour = ink(axes) if model == BASELINE else COLOURS[place % len(COLOURS)]
            axes.errorbar(
                own, heights + beside, xerr=np.nan_to_num(sd), linestyle="", markersize=5.5,
                marker=MARKERS[place % len(MARKERS)], color=colour, capsize=2, label=model,
            )  # fmt: skip
        names = [f"{t} ({metric_name(metrics[t])})" if several else t for t in tasks]
        axes.set_yticks(heights, names)
        axes.set_ylim(len(tasks) - 0.5, -0.5)
        axes.set_xlabel("test score" if several else f"test {metric_name(metrics[tasks[0]])}")
        common_legend(figure, [*models, PUBLISHED])

    return Drawing(draw, (8.2, 1.5 + 0.5 * len(tasks)))


def critical_differences(board: Leaderboard) -> Drawing | None:
    """Draw the mean ranks of the models, with bars that join models that do not differ significantly."""
    pairs, ranks = board.tests.pairs, board.tests.ranks
    if pairs is None:
        return None

    def draw(axes: Axes) -> None:
        # Imported here because it imports pyplot, which takes seconds.
        from scikit_posthocs import critical_difference_diagram

        colour = ink(axes)
        critical_difference_diagram(
            ranks,
            pairs,
            alpha=ALPHA,
            ax=axes,
            label_fmt_left="{label} ({rank:.2f})",
            label_fmt_right="({rank:.2f}) {label}",
            marker_props={"color": COLOURS[0]},
            elbow_props={"color": colour, "linewidth": 0.9},
            crossbar_props={"color": COLOURS[1], "linewidth": 3.5, "solid_capstyle": "round"},
            text_h_margin=0.05,
        )
        axes.grid(False)
        axes.set_xlabel("mean rank")
        axes.xaxis.set_label_position("top")
        axes.set_xlim(0.9, len(ranks) + 0.1)

    return on_axes(draw, (8.2, 1.4 + 0.32 * len(ranks)))
