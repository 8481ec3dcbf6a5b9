"""Figures of motifs: logos, and where hits stand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from dnasweep.motifs.patterns import Pattern, information
from dnasweep.motifs.validation import Validation
from dnasweep.report.attribution_logos import LETTERS
from dnasweep.report.drawing import COLOURS

Draw = Callable[[Figure], None]
BINS = 30


def logo(matrix: np.ndarray) -> Draw:
    """Letters as high as their share of the information of each column, in bits."""
    # A column of pseudocounts alone may tell a hair less than nothing.
    heights = matrix * np.clip(information(np.clip(matrix, 1e-9, 1)), 0, None)[:, None]
    frame = pd.DataFrame(heights, columns=list(LETTERS))

    def draw(figure: Figure) -> None:
        # Brings pyplot with it, which nothing else here needs.
        import logomaker

        axes = figure.subplots()
        logomaker.Logo(
            frame, ax=axes, color_scheme=LETTERS, font_name="DejaVu Sans", show_spines=False
        )
        axes.set_ylim(0, 2)
        axes.set_yticks([0, 1, 2])
        axes.set_xticks([])
        axes.set_ylabel("bits")
        axes.grid(False)

    return draw


def positions(test: Validation, *, low: int, high: int, known: bool) -> Draw:
    """Best hits of the confirmation part by position, either class; the place is shaded."""
    bins = np.linspace(low, high, BINS + 1).tolist()

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.axvspan(
            test.interval[0], test.interval[1] + 1, color=COLOURS[4], alpha=0.25, linewidth=0
        )
        axes.hist(test.centres, bins=bins, color=COLOURS[0], alpha=0.85, label="of the class")
        axes.hist(
            test.negative_centres,
            bins=bins,
            histtype="step",
            color=COLOURS[1],
            linestyle="--",
            linewidth=1.5,
            label="others",
        )
        if known:
            axes.axvline(0, color=axes.xaxis.label.get_color(), linewidth=0.8, linestyle=":")
        axes.set_xlim(low, high)
        axes.set_xlabel(
            "centre of the hit, bases from the transcription start"
            if known
            else "centre of the hit, bases from the first one"
        )
        axes.set_ylabel("sequences")
        axes.legend(fontsize=8, loc="upper left")

    return draw


def shown_matrix(pattern: Pattern) -> np.ndarray:
    """Return the columns of a motif's core, with two on either side."""
    core = pattern.core
    return pattern.matrix[max(0, core.start - 2) : core.stop + 2]
