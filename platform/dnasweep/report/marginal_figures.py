"""Figures of a marginalisation: effects by spacing, place and orientation."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from dnasweep.report.drawing import MARKERS, Drawing, band, ink, on_axes, style

ARROWS = {"FF": "→ →", "FR": "→ ←", "RF": "← →", "RR": "← ←", "F": "→", "R": "←"}
FEW = 60
"""Maximum number of points of a curve that is drawn with markers."""


def interaction_curve(pairs: pd.DataFrame, reads: str) -> Drawing | None:
    """Plot the interaction of both motifs by spacing, with a curve for each orientation.

    Parameters
    ----------
    pairs
        Table of pairs of :class:`~dnasweep.synthetic.marginal_effects.MarginalEffects`.
    reads
        Model output that is measured.
    """
    if pairs.empty:
        return None

    def draw(axes: Axes) -> None:
        for rank, (orientation, rows) in enumerate(pairs.groupby("orientation", sort=False)):
            label = f"{orientation} {ARROWS[str(orientation)]}"
            _curve(axes, rows, "spacing", ("interaction", "low", "high"), rank, label)
        _labels(axes, "bases between the motifs", f"beyond the sum: {reads}")

    return on_axes(draw, (8.2, 3.8))


def together_curve(pairs: pd.DataFrame, orientation: str, reads: str) -> Drawing:
    """Plot the joint effect of both motifs and the sum of their single effects by spacing, at one orientation.

    Parameters
    ----------
    pairs, reads
        As for :func:`interaction_curve`.
    orientation
        Orientation to show.
    """
    rows = pairs[pairs["orientation"] == orientation]

    def draw(axes: Axes) -> None:
        _curve(axes, rows, "spacing", ("both", "both_low", "both_high"), 0, "both")
        total = rows["motif_alone"] + rows["other_alone"]
        for rank, (values, label) in enumerate(
            (
                (total, "sum of single effects"),
                (rows["motif_alone"], "first alone"),
                (rows["other_alone"], "second alone"),
            ),
            start=1,
        ):
            axes.plot(rows["spacing"], values, label=label, **style(rank))
        _labels(axes, "bases between the motifs", f"effect on the {reads}")

    return on_axes(draw, (8.2, 3.4))


def interaction_map(pairs: pd.DataFrame, reads: str) -> Drawing:
    """Draw the interaction by orientation (rows) and spacing (columns).

    Parameters
    ----------
    pairs, reads
        As for :func:`interaction_curve`.
    """
    order = list(dict.fromkeys(pairs["orientation"]))
    table = pairs.pivot(index="orientation", columns="spacing", values="interaction").loc[order]
    sure = pairs.pivot(index="orientation", columns="spacing", values="q").loc[order] < 0.05
    most = float(table.abs().to_numpy().max()) or 1.0

    def draw(axes: Axes) -> None:
        values = table.to_numpy()
        image = axes.imshow(values, cmap="RdBu_r", vmin=-most, vmax=most, aspect="auto")
        for row, column in np.argwhere(sure.to_numpy()):
            dark = abs(values[row, column]) > 0.6 * most
            axes.plot(column, row, ".", color="white" if dark else "black", markersize=3)
        step = max(1, -(-table.shape[1] // 24))
        axes.set_xticks(
            range(0, table.shape[1], step), [str(one) for one in table.columns[::step]]
        )
        axes.set_yticks(range(len(order)), [f"{one} {ARROWS[one]}" for one in order])
        axes.tick_params(length=0)
        axes.grid(False)
        axes.spines[:].set_visible(False)
        axes.set_xlabel("bases between the motifs")
        figure = axes.get_figure()
        assert figure is not None
        bar = figure.colorbar(image, ax=axes, fraction=0.03, pad=0.02)
        bar.outline.set_visible(False)  # type: ignore[operator]
        bar.set_label(f"beyond the sum:\n{reads}")

    return on_axes(draw, (8.2, 1.2 + 0.4 * len(order)))


def place_curve(alone: pd.DataFrame, reads: str) -> Drawing | None:
    """Plot the effect of one motif by its first base, a curve for each strand; None for a single position.

    Parameters
    ----------
    alone
        Table of single motifs of :class:`~dnasweep.synthetic.marginal_effects.MarginalEffects`.
    reads
        Model output that is measured.
    """
    if alone["start"].nunique() < 2:
        return None

    def draw(axes: Axes) -> None:
        for rank, (strand, rows) in enumerate(alone.groupby("strand", sort=False)):
            label = "as given →" if strand == "F" else "reversed ←"
            _curve(axes, rows, "start", ("effect", "low", "high"), rank, label)
        _labels(axes, "first base of the motif, from 0", f"effect on the {reads}")

    return on_axes(draw, (8.2, 3.6))


def _curve(
    axes: Axes, rows: pd.DataFrame, by: str, columns: tuple[str, str, str], rank: int, label: str
) -> None:
    rows = rows.sort_values(by)
    x, (mean, low, high) = rows[by], (rows[name] for name in columns)
    marker = MARKERS[rank] if len(rows) <= FEW else ""
    axes.plot(x, mean, label=label, marker=marker, markersize=3.5, **style(rank))
    band(axes, x, low, high, color=style(rank)["color"], alpha=0.18, of=label)


def _labels(axes: Axes, x: str, y: str) -> None:
    axes.axhline(0, color=ink(axes), linewidth=0.8)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.legend(fontsize=8, loc="best")
