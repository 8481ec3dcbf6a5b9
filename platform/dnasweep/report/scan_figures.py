"""Figures of a genome scan: precision against recall, and a region as in a genome browser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, StrMethodFormatter

from dnasweep.genomics.bigwig import TrackRegion
from dnasweep.genomics.peak_evaluation import TrackEvaluation
from dnasweep.report.drawing import COLOURS, DASHES, MARKERS, Drawing

_MAX_ROWS = 6


class RegionTrack(NamedTuple):
    """The contents of a figure of a region."""

    chrom: str
    """The record."""
    start: int
    """First base."""
    end: int
    """One past the last base."""
    track: TrackRegion
    """Probabilities."""
    peaks: pd.DataFrame
    """Peaks, with start, end and strand."""
    annotations: Mapping[str, pd.DataFrame]
    """Annotations by name, with start, end and strand."""
    threshold: float
    """Threshold of the peaks."""


def precision_recall(found: TrackEvaluation) -> Drawing | None:
    """Plot precision against recall: by base on the left, by peaks and elements on the right."""
    curves, agreement, thresholds = found.curves, found.agreement, found.thresholds
    if agreement.empty:
        return None

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, sharex=True, sharey=True)
        row: Any
        one: Any
        for i, row in enumerate(agreement.itertuples()):
            colour, dash = COLOURS[i % len(COLOURS)], DASHES[i % len(DASHES)]
            points = curves[row.annotation]
            left.step(
                points["recall"],
                points["precision"],
                where="pre",
                color=colour,
                linestyle=dash,
                label=f"{row.annotation}: AP {row.average_precision:.3f}",
            )
            left.axhline(row.prevalence, color=colour, linestyle=dash, linewidth=0.7)
            those = thresholds[thresholds["annotation"] == row.annotation]
            right.plot(
                those["recall"],
                those["precision"],
                color=colour,
                linestyle=dash,
                marker=MARKERS[i % len(MARKERS)],
                label=row.annotation,
            )
            for one in those.itertuples():
                if not np.isnan(one.precision):
                    right.annotate(
                        f"{one.threshold:.2g}",
                        (one.recall, one.precision),
                        textcoords="offset points",
                        xytext=(4, 4),
                        fontsize=7,
                    )
        left.set(title="bases; thin: chance", xlabel="recall", ylabel="precision")
        right.set(title="peaks and elements, by threshold", xlabel="recall")
        left.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        left.legend(fontsize=8)

    return Drawing(draw, (9.5, 4.3))


def region_picture(region: RegionTrack) -> Drawing:
    """Draw a region: the track, its peaks, and annotations below."""
    bands = {"peaks": region.peaks, **dict(list(region.annotations.items())[:_MAX_ROWS])}

    def draw(figure: Figure) -> None:
        heights = [3.0, *([0.45] * len(bands))]
        axes = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
        _draw_track(axes[0], region)
        for i, (name, frame) in enumerate(bands.items()):
            _draw_band(axes[i + 1], name, frame, COLOURS[(i + 1) % len(COLOURS)], region)
        axes[-1].set_xlabel(f"{region.chrom}, bases")
        axes[-1].spines["bottom"].set_visible(True)
        axes[-1].xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        for one in axes[:-1]:
            one.tick_params(bottom=False)
        axes[0].set_title(
            f"{region.chrom}:{region.start + 1:,}-{region.end:,}"
            f" ({EngFormatter('b', places=1)(region.end - region.start)})"
        )

    return Drawing(draw, (10.5, 2.6 + 0.42 * len(bands)))


def _draw_track(axes: Axes, region: RegionTrack) -> None:
    starts, ends, values = region.track
    # Gaps of the track stay empty: drop to nothing between intervals that do not touch.
    cuts = np.flatnonzero(starts[1:] != ends[:-1]) + 1
    for part in np.split(np.arange(len(starts)), cuts):
        if len(part):
            axes.stairs(
                values[part],
                np.append(starts[part], ends[part[-1]]),
                fill=True,
                color=COLOURS[0],
                alpha=0.75,
            )
    axes.axhline(region.threshold, linestyle="--", linewidth=0.8, color=COLOURS[1])
    axes.set(xlim=(region.start, region.end), ylim=(0, 1.02), ylabel="probability")


def _draw_band(
    axes: Axes, name: str, frame: pd.DataFrame, colour: str, region: RegionTrack
) -> None:
    seen = (region.end - region.start) / 400
    row: Any
    for row in frame.itertuples():
        axes.broken_barh([(row.start, max(row.end - row.start, seen))], (0.15, 0.7), color=colour)
        strand = getattr(row, "strand", "")
        if strand in ("+", "-"):
            axes.plot(
                [row.start if strand == "-" else row.end],
                [0.5],
                marker="<" if strand == "-" else ">",
                markersize=5,
                color=colour,
                clip_on=True,
            )
    axes.set(ylim=(0, 1), yticks=[])
    axes.set_ylabel(name[:24], rotation=0, ha="right", va="center")
    axes.grid(False)
    axes.spines[["left", "bottom"]].set_visible(False)
