"""The heat map of a saturated region: the effect of every substitution of every base."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dnasweep.report.drawing import Drawing, png
from dnasweep.report.variant_ranking import Ranking

BASES = "ACGT"
LINE = 100
"""Number of bases per line of the figure."""
MAX_DRAWN = 5_000
"""Length in bases of the longest region for which a figure is readable."""


def write_heat_map(
    rows: Sequence[Mapping[str, Any]], path: Path, *, title: str, ranking: Ranking
) -> None:
    """Draw the score that variants are ranked by.

    Parameters
    ----------
    rows
        Scored substitutions with `pos`, `ref`, `alt` and their scores, in order of position.
    path
        A PNG file.
    title
        Title above the figure.
    ranking
        Score to draw.
    """
    column, unit = ranking
    first = rows[0]["pos"]
    width = rows[-1]["pos"] - first + 1
    values = np.full((4, width), np.nan)
    letters = ["N"] * width
    for row in rows:
        at = row["pos"] - first
        letters[at] = row["ref"]
        if row[column] is not None:
            values[BASES.index(row["alt"]), at] = row[column]
    most = float(np.nanmax(np.abs(values))) or 1.0
    lines = -(-width // LINE)

    def draw(figure: Figure) -> None:
        grid = figure.subplots(lines, 1, squeeze=False)[:, 0]
        images = [
            _line(axes, values, letters, first, line, most) for line, axes in enumerate(grid)
        ]
        grid[0].set_title(f"{title}: every base replaced; blue decreases, red increases")
        bar = figure.colorbar(images[-1], ax=list(grid), fraction=0.015, pad=0.01)
        bar.set_label(unit)

    path.write_bytes(png(Drawing(draw, (13.0, 0.7 + 1.25 * lines))))


def _line(
    axes: Axes, values: np.ndarray, letters: list[str], first: int, line: int, most: float
) -> Any:
    start = line * LINE
    part = values[:, start : start + LINE]
    edges = (start - 0.5, start + part.shape[1] - 0.5, 3.5, -0.5)
    image = axes.imshow(part, cmap="RdBu_r", vmin=-most, vmax=most, aspect="auto", extent=edges)
    axes.set_xlim(start - 0.5, start + LINE - 0.5)
    axes.set_yticks(range(4), list(BASES))
    ticks = np.arange(start, start + part.shape[1], 10)
    axes.set_xticks(ticks, [f"{first + tick:,}" for tick in ticks], fontsize=7)
    axes.tick_params(length=2)
    axes.grid(False)
    for at in range(start, start + part.shape[1]):
        if letters[at] in BASES:
            # The reference base, in its own row.
            axes.text(
                at, BASES.index(letters[at]), letters[at], ha="center", va="center", fontsize=6
            )
    return image
