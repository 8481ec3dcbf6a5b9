"""Sequence logos: letters scaled by the attributions of a sequence or the information of a motif."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dnasweep.motifs.patterns import information
from dnasweep.motifs.scanner import best_hits
from dnasweep.report.attribution_summary import Summary
from dnasweep.report.base_plots import position_label
from dnasweep.report.drawing import COLOURS, Drawing, ink
from dnasweep.report.page import Logos

LETTERS = {"A": COLOURS[2], "C": COLOURS[0], "G": COLOURS[4], "T": COLOURS[1]}
"""Colours of the bases."""

ROW = 100
"""Number of bases per line."""


def sequence_logo(summary: Summary, row: int) -> Drawing:
    """Draw one sequence of `summary.bases`, 100 bases per line, with TATA boxes at their position shaded.

    If a sequence is longer than `logo_bases`, only a part is shown: two thirds of it upstream and one third
    downstream of the transcription start, or the middle if the start is not known.
    """
    bases = summary.bases
    columns = _columns(summary, row)
    return base_logo(
        np.nan_to_num(bases.values[row, columns]),
        bases.codes[row, columns],
        bases.positions[columns],
        unit=summary.unit,
        box=_box(summary, row),
        known=bases.tss.known,
    )


def browsed(summary: Summary, rows: Sequence[tuple[int, str, str]], caption: str) -> Logos:
    """Return sequences to browse, all scaled by the largest value among them.

    Parameters
    ----------
    summary
        Summary of the attributions.
    rows
        Rows of `summary.bases`, each with the name and the description of its sequence.
    caption
        Common caption.
    """
    bases = summary.bases
    columns = [_columns(summary, row) for row, _, _ in rows]
    values = [
        np.nan_to_num(bases.values[row, c]) for (row, _, _), c in zip(rows, columns, strict=True)
    ]
    scale = max((float(np.abs(one).max()) for one in values), default=0.0) or 1.0
    letters = np.array(list(f"{''.join(LETTERS)}N"))
    sequences = [
        {
            "name": name,
            "about": about,
            "bases": "".join(letters[np.minimum(bases.codes[row, place], len(LETTERS))]),
            "values": np.rint(1000 * value / scale).astype(int).tolist(),
            "first": int(bases.positions[place[0]]),
            "box": _box(summary, row),
        }
        for (row, name, about), place, value in zip(rows, columns, values, strict=True)
    ]
    return Logos(sequences, scale, summary.unit, caption)


def _columns(summary: Summary, row: int) -> np.ndarray:
    """Return the columns of a sequence to show."""
    bases = summary.bases
    there = np.flatnonzero(~np.isnan(bases.values[row]))
    first, last = int(there[0]), int(there[-1]) + 1
    room = summary.config.logo_bases
    if last - first > room:
        wanted = -bases.first - room * 2 // 3 if bases.tss.known else (first + last - room) // 2
        first = int(np.clip(wanted, first, last - room))
        last = first + room
    return np.arange(first, last)


def base_logo(
    values: np.ndarray,
    codes: np.ndarray,
    positions: np.ndarray,
    *,
    unit: str,
    box: tuple[int, int] | None = None,
    known: bool = False,
) -> Drawing:
    """Draw letters as high as the values of their bases, 100 bases per line.

    Parameters
    ----------
    values
        Value of each base, shape (n,).
    codes
        Bases in the codes of `formats.bases`, shape (n,).
    positions
        Positions of the bases, shape (n,).
    unit
        Unit of the values.
    box
        First position of the shaded part, and one past its last.
    known
        Whether positions count from the transcription start, which is marked by a dotted line.
    """
    heights = pd.DataFrame(
        (codes[:, None] == np.arange(4)) * values[:, None], columns=list(LETTERS)
    )
    num_lines, width = -(-len(values) // ROW), min(ROW, len(values))
    low, high = min(values.min(), 0.0), max(values.max(), 0.0)
    margin = 0.06 * (high - low) or 1.0

    def draw(figure: Figure) -> None:
        grid = figure.subplots(num_lines, 1, sharey=True, squeeze=False)
        for line, axes in enumerate(grid[:, 0]):
            part = slice(line * ROW, (line + 1) * ROW)
            _line(axes, heights[part], positions[part], box, width=width, known=known)
            axes.set_ylim(low - margin, high + margin)
        grid[-1, 0].set_xlabel(position_label(aligned=known))
        figure.supylabel(f"attribution ({unit})", fontsize=10)

    return Drawing(draw, (8.2, 0.5 + 1.05 * num_lines))


def _line(
    axes: Axes,
    heights: pd.DataFrame,
    positions: np.ndarray,
    box: tuple[int, int] | None,
    *,
    width: int,
    known: bool,
) -> None:
    if heights.to_numpy().any():
        _letters(axes, heights.set_index(positions), flip_below=True, baseline_width=0)
    axes.axhline(0, color=ink(axes), linewidth=0.6)
    first = int(positions[0])
    axes.set_xlim(first - 0.5, first + width - 0.5)
    axes.grid(False)
    axes.tick_params(labelsize=8)
    step = 10
    ticks = np.arange(-(-first // step) * step, positions[-1] + 1, step)
    axes.set_xticks(ticks)
    if box and box[0] <= positions[-1] and box[1] >= first:
        axes.axvspan(box[0] - 0.5, box[1] - 0.5, color=COLOURS[4], alpha=0.25, linewidth=0)
    if known and first <= 0 <= positions[-1]:
        axes.axvline(-0.5, color=ink(axes), linewidth=0.8, linestyle=":")


def _box(summary: Summary, row: int) -> tuple[int, int] | None:
    """Return the first position of the sequence's TATA box in the expected range, and one past its last."""
    bases, site = summary.bases, summary.site
    if not bases.tss.known:
        return None
    starts = np.arange(site.first, site.last + 1) - bases.first
    starts = starts[(starts >= 0) & (starts <= bases.codes.shape[1] - site.motif.width)]
    found = int(best_hits(site.motif, bases.codes[row : row + 1], starts).start[0])
    if found < 0:
        return None
    return found + bases.first, found + bases.first + site.motif.width


def letter_heights(matrix: np.ndarray) -> np.ndarray:
    """Return the height of each letter in bits: its share of the information, from probabilities (columns, 4)."""
    # The information of a column of pseudocounts can be slightly negative.
    return matrix * np.clip(information(np.clip(matrix, 1e-9, 1)), 0, None)[:, None]


def motif_logo(matrix: np.ndarray) -> Drawing:
    """Draw the logo of a motif, in bits, from its probabilities (columns, 4)."""
    frame = pd.DataFrame(letter_heights(matrix), columns=list(LETTERS))

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        _letters(axes, frame)
        axes.set_ylim(0, 2)
        axes.set_yticks([0, 1, 2])
        axes.set_xticks([])
        axes.set_ylabel("bits")
        axes.grid(False)

    return Drawing(draw, (6.0, 1.6))


def _letters(axes: Axes, heights: pd.DataFrame, **how: Any) -> None:
    # Imported here because it imports pyplot, which nothing else here needs.
    import logomaker

    logomaker.Logo(
        heights,
        ax=axes,
        color_scheme=LETTERS,
        font_name="DejaVu Sans",
        show_spines=False,
        **how,
    )
