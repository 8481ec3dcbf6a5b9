"""Values of the bases of one sequence, or of the mean of several, as bars."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from dnasweep.report.drawing import COLOURS, Drawing, ink, on_axes


def position_label(*, aligned: bool) -> str:
    """Return the label of an axis of positions; `aligned` if they count from the transcription start."""
    if aligned:
        return "bases from the transcription start (0 is base +1)"
    return "position (first base: 0)"


def bars_by_base(
    values: NDArray[np.float64], *, first: int, title: str, unit: str, aligned: bool = False
) -> Drawing:
    """Draw one bar per base, with different colours above and below zero.

    Parameters
    ----------
    values
        Value of each base, shape (bases,); nan is left empty.
    first
        Position of the first base.
    title
        Title of the figure.
    unit
        Unit of the values.
    aligned
        Whether positions count from the transcription start.
    """
    positions = np.arange(first, first + len(values))

    def draw(axes: Axes) -> None:
        heights = np.nan_to_num(values)
        colours = np.where(heights >= 0, COLOURS[0], COLOURS[1])
        axes.bar(positions, heights, width=1.0, color=colours)
        axes.axhline(0, color=ink(axes), linewidth=0.6)
        axes.set(
            xlabel=position_label(aligned=aligned), ylabel=f"attribution ({unit})", title=title
        )
        axes.set_xlim(positions[0] - 0.5, positions[-1] + 0.5)

    return on_axes(draw, (9.0, 2.8))
