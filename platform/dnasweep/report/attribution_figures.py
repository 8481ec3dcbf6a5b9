"""The figures of a report of attributions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from dnasweep.attribution.summaries import ALL, rank_tokens
from dnasweep.motifs.promoter_elements import STRICT
from dnasweep.report.attribution_summary import Summary
from dnasweep.report.drawing import COLOURS, Drawing, band, common_legend, ink, style
from dnasweep.sweeps.row_tests import half_width


def label_name(summary: Summary, label: int) -> str:
    """Return the name of a label; the label of the explained class has the name of the class."""
    if label < 0:
        return "label unknown"
    if label == summary.config.positive_label:
        return f"{summary.target} (label {label})"
    name = summary.classes[label] if label < len(summary.classes) else ""
    return f"{name} (label {label})" if name else f"label {label}"


def position_profile(summary: Summary) -> Drawing:
    """Mean attribution by position over all species, by label, and below its spread."""
    table = summary.profile[summary.profile["species"] == ALL]

    def draw(figure: Figure) -> None:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        for rank, (label, part) in enumerate(table.groupby("label", sort=False)):
            look, x = style(rank), part["position"]
            upper.plot(x, part["mean"], label=label_name(summary, int(str(label))), **look)
            _mean_band(upper, part, look)
            lower.plot(x, part["median"], **look)
            band(lower, x, part["low"], part["high"], color=look["color"], alpha=0.16)
        for axes in (upper, lower):
            _landmarks(axes, summary)
        upper.set_ylabel(f"mean attribution\nper base, {summary.unit}")
        lower.set_ylabel("median, and 10 %\nto 90 % of sequences")
        lower.set_xlabel(_positions(summary))
        common_legend(figure)

    return Drawing(draw, (8.2, 5.2))


def species_profiles(summary: Summary) -> Drawing | None:
    """Mean attribution by position, one panel per species; None for one species."""
    table = summary.profile[summary.profile["species"] != ALL]
    names = list(dict.fromkeys(table["species"]))
    if not names:
        return None
    columns = 2 if len(names) > 1 else 1
    rows = -(-len(names) // columns)

    def draw(figure: Figure) -> None:
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for axes, name in zip(grid.ravel(), names, strict=False):
            mine = table[table["species"] == name]
            for label, part in mine.groupby("label", sort=False):
                rank = list(dict.fromkeys(summary.profile["label"])).index(label)
                look = style(rank) | {"linewidth": 1.2}
                name_of = label_name(summary, int(str(label)))
                axes.plot(part["position"], part["mean"], label=name_of, **look)
                _mean_band(axes, part, look)
            axes.set_title(name.replace("_", " "))
            _landmarks(axes, summary)
        for axes in grid.ravel()[len(names) :]:
            axes.set_visible(False)
        for axes in grid[:, 0]:
            axes.set_ylabel("mean attribution")
        for axes in grid[-1]:
            axes.set_xlabel(_positions(summary, short=True))
        common_legend(figure)

    return Drawing(draw, (8.2, 0.7 + 2.1 * rows))


def token_bars(summary: Summary) -> Drawing | None:
    """Mean attribution of the most positive and most negative tokens, with their counts."""
    config = summary.config
    ends = rank_tokens(
        summary.tokens, by="mean_phi", num=config.num_tokens, min_count=config.min_count
    )
    longest = max(len(ends.positive), len(ends.negative))
    if not longest:
        return None

    def draw(figure: Figure) -> None:
        panels = zip(
            figure.subplots(1, 2, squeeze=False).ravel(),
            ends,
            (f"for {summary.target}", f"against {summary.target}"),
            COLOURS,
            strict=False,
        )
        for axes, end, title, colour in panels:
            places = np.arange(len(end))
            axes.barh(
                places,
                end["mean_phi"],
                xerr=end["standard_error"].fillna(0),
                color=colour,
                error_kw={"ecolor": ink(axes), "elinewidth": 1},
            )
            axes.set_yticks(
                places,
                [f"{_short(t)}  ×{n:,}" for t, n in zip(end["token"], end["count"], strict=True)],
                family="monospace",
                fontsize=9,
            )
            axes.set_ylim(longest - 0.4, -0.6)
            axes.grid(False, axis="y")
            axes.set_title(title)
            axes.set_xlabel(f"mean attribution, {summary.unit}")

    return Drawing(draw, (8.2, 1.2 + 0.25 * longest))


def tata_panel(summary: Summary) -> Drawing | None:
    """Attribution at and around TATA boxes, compared with the same positions and the same k-mers."""
    profile = summary.metaprofile
    if profile is None:
        return None
    width = summary.site.motif.width
    groups = [
        (label, samples) for label, samples in summary.samples.items() if len(samples.hits) >= 5
    ]

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, width_ratios=(5, 4))
        left.axvspan(-0.5, width - 0.5, color=COLOURS[4], alpha=0.2, linewidth=0)
        left.axhline(0, color=ink(left), linewidth=0.8)
        x, mean = profile["offset"], profile["mean"]
        left.plot(x, mean, label="TATA box", **style(0))
        half = half_width(profile["standard_error"].to_numpy(), profile["num_hits"].to_numpy())
        band(left, x, mean - half, mean + half, color=COLOURS[0], alpha=0.2)
        left.plot(x, profile["place_mean"], label="same positions, no box", **style(1))
        left.set_xlabel("bases from the first base of the box")
        left.set_ylabel(f"mean attribution per base, {summary.unit}")
        left.set_title(label_name(summary, summary.label))
        low, high = left.get_ylim()
        left.set_ylim(low, high + 0.28 * (high - low))
        left.legend(loc="upper right")
        _boxes(right, summary, groups)

    return Drawing(draw, (8.2, 3.7))


def _boxes(axes: Axes, summary: Summary, groups: list[Any]) -> None:
    """Draw one box plot per group: box of quartiles, whiskers from 5 % to 95 %."""
    names = ("TATA box", "same positions, no box", "same k-mers elsewhere")
    dark = ink(axes)
    places, texts = [], []
    for number, (label, samples) in enumerate(groups):
        first = number * 4.4
        title = label_name(summary, label)
        axes.text(1, first - 0.6, title, transform=axes.get_yaxis_transform(), ha="right")
        for rank, (name, values) in enumerate(zip(names, samples, strict=True)):
            places.append(first + rank)
            texts.append(f"{name}\n{len(values):,}")
            if not len(values):
                continue
            drawn = axes.boxplot(
                values,
                positions=[first + rank],
                orientation="horizontal",
                widths=0.62,
                whis=(5, 95),
                showfliers=False,
                patch_artist=True,
                manage_ticks=False,
                medianprops={"color": dark, "linewidth": 1.6},
                whiskerprops={"color": dark},
                capprops={"color": dark},
                boxprops={"edgecolor": dark},
            )
            drawn["boxes"][0].set(facecolor=(COLOURS[0], COLOURS[1], COLOURS[7])[rank], alpha=0.75)
    axes.axvline(0, color=dark, linewidth=0.8)
    axes.set_yticks(places, texts, fontsize=8)
    axes.set_ylim(4.4 * len(groups) - 1.6, -1.3)
    axes.grid(False, axis="y")
    axes.set_xlabel(f"sum over the box ({summary.unit})")


def completeness(summary: Summary) -> Drawing:
    """The completeness error of the attributions, and their uncertainty."""
    missed = summary.sequences["gap"].to_numpy(float)
    error = summary.sequences["mean_standard_error"].to_numpy(float)
    error = error[np.isfinite(error)]

    def draw(figure: Figure) -> None:
        panels = [(missed, "completeness error of a sequence", 1e-12)]
        if len(error):
            panels.append((error, "mean standard error of its tokens", 1e-9))
        for axes, (values, name, floor) in zip(
            figure.subplots(1, len(panels), squeeze=False).ravel(), panels, strict=True
        ):
            shown = np.clip(values, floor, None)
            low = math.floor(np.log10(shown.min()))
            high = max(low + 1, math.ceil(np.log10(shown.max())))
            axes.hist(shown, bins=np.logspace(low, high, 41), color=COLOURS[0])
            axes.set_xscale("log")
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.set_xlabel(f"{name} ({summary.unit})")
            axes.set_ylabel("sequences")

    return Drawing(draw, (8.2, 2.9))


def _mean_band(axes: Axes, part: pd.DataFrame, look: dict[str, Any]) -> None:
    half = half_width(part["standard_error"].to_numpy(), part["num"].to_numpy())
    mean = part["mean"]
    band(axes, part["position"], mean - half, mean + half, color=look["color"], alpha=0.25)


def _landmarks(axes: Axes, summary: Summary) -> None:
    """Mark zero, the transcription start, and where a TATA box may start."""
    axes.axhline(0, color=ink(axes), linewidth=0.8)
    axes.margins(x=0.01)
    if summary.bases.tss.known:
        axes.axvline(0, color=ink(axes), linewidth=0.8, linestyle=":")
        axes.axvspan(*STRICT, color=COLOURS[4], alpha=0.25, linewidth=0)


def _positions(summary: Summary, *, short: bool = False) -> str:
    if not summary.bases.tss.known:
        return "position (first base: 0)"
    if short:
        return "bases from the transcription start"
    return "bases from the transcription start (0 is base +1; shaded: where a TATA box starts)"


def _short(token: str) -> str:
    return token if len(token) <= 16 else f"{token[:7]}…{token[-7:]}"
