"""The figures of a compared sweep."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from dnasweep.report.drawing import (
    COLOURS,
    DASHES,
    MARKERS,
    Drawing,
    band,
    draw_matrix,
    ink,
    on_axes,
    two_legends,
)
from dnasweep.sweeps.cell_results import CellResult, bare
from dnasweep.sweeps.comparison import Comparison
from dnasweep.tasks.metrics import direction
from dnasweep.tasks.wording import mean_of, metric_name, number

MAX_CELLS = 20
"""Maximum number of cells in the first figure."""


def scores(comparison: Comparison) -> Drawing | None:
    """Draw the metric of each selected cell with its interval, best on validation first, and the baseline
    as a line; the winner is filled."""
    selected, metric = comparison.selected.head(MAX_CELLS), comparison.metric
    if selected.empty:
        return None
    split = tested_split(comparison)
    column = f"{split}_{metric}"
    values = selected[column].to_numpy(float)
    ends = np.array([values, values])
    if split == "test":
        ends = selected[["test_low", "test_high"]].to_numpy(float).T
        ends = np.where(np.isnan(ends), values, ends)
    levels = [
        (str(row["name"]), float(row[column]))
        for _, row in comparison.baseline.iterrows()
        if column in comparison.baseline and not pd.isna(row[column])
    ]

    def draw(axes: Axes) -> None:
        places = np.arange(len(values))
        for place, value, low, high in zip(places, values, *ends, strict=True):
            colour = COLOURS[0] if place == 0 else COLOURS[7]
            axes.plot([low, high], [place, place], color=colour, linewidth=3, alpha=0.5)
            axes.plot(value, place, "o", color=colour, markersize=9 if place == 0 else 7)
        for rank, (name, level) in enumerate(levels):
            look = {"color": COLOURS[1], "linestyle": DASHES[1 + rank % 2], "linewidth": 1.5}
            axes.axvline(level, label=f"{name} {number(level)}", **look)
        axes.set_yticks(places, selected["cell"])
        axes.set_ylim(len(values) - 0.4, -0.6)
        # The intervals from two seeds are wider than the range of interest.
        known = np.concatenate([values, [level for _, level in levels]])
        least, most = float(known.min()), float(known.max())
        # Metrics for which higher is better have a maximum of 1.
        highest = 1.0 if direction(f"{split}/{metric}") == "max" else math.inf
        room = max(0.08, most - least)
        axes.set_xlim(
            min(least, max(float(ends.min()), least - room)) - 0.02,
            min(max(most, min(float(ends.max()), most + room)), highest) + 0.02,
        )
        axes.grid(False, axis="y")
        axes.set_xlabel(f"{split} {metric_name(metric)}")
        if levels:
            axes.legend(loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2)

    return on_axes(draw, (6.4, 1.4 + 0.3 * len(selected)))


def tested_split(comparison: Comparison) -> str:
    """Return the split whose metric is shown: validation if nothing was tested."""
    return "test" if f"test_{comparison.metric}" in comparison.selected else "validation"


def heat_map(comparison: Comparison, cells: Sequence[CellResult] = ()) -> Drawing | None:
    """Draw tokenizer (with masking and tuning) x species set for the selected cells: the test metric with
    its spread, or the validation metric if nothing was tested. The winner is outlined.

    Parameters
    ----------
    comparison
        Comparison of the sweep.
    cells
        All trials; species sets follow their order.
    """
    selected, metric = comparison.selected, comparison.metric
    if selected.empty:
        return None
    split = tested_split(comparison)
    column = f"{split}_{metric}"
    names = sorted(set(selected["arm"]), key=_by_number)
    there = set(selected["species_set"])
    sets = [name for name in _scale(cells)[1] if name in there] or sorted(there)
    top = selected.iloc[0]
    winner = names.index(top["arm"]), sets.index(top["species_set"])
    values = np.full((len(names), len(sets)), np.nan)
    texts = {}
    for _, row in selected.iterrows():
        at = names.index(row["arm"]), sets.index(row["species_set"])
        values[at] = row[column]
        texts[at] = mean_of(row, column).replace(" ±", "\n±")
        over = row.get("over_baseline")
        if over is not None and not pd.isna(over) and (over > 0) != comparison.higher_is_better:
            texts[at] += "\nnot above baseline"
    title = f"{split} {metric_name(metric)}"
    if split == "test" and column in comparison.baseline:
        levels = [
            f"{row['name']} {number(row[column])}" for _, row in comparison.baseline.iterrows()
        ]
        title += f"\nbaseline: {', '.join(levels)}"

    def draw(axes: Axes) -> None:
        draw_matrix(axes, values, texts, rows=names, columns=sets)
        corner = winner[1] - 0.5, winner[0] - 0.5
        outline: dict[str, Any] = {"facecolor": "none", "edgecolor": COLOURS[1], "linewidth": 3}
        axes.add_patch(Rectangle(corner, 1, 1, clip_on=False, **outline))
        axes.set_xlabel(
            "pretrained on" if comparison.start == "species_set" else comparison.start_name
        )
        axes.set_title(title)

    return on_axes(draw, (max(4.8, 2.6 + 1.45 * len(sets)), 1.4 + 0.72 * len(names)))


def learning_curves(comparison: Comparison, cells: Sequence[CellResult]) -> Drawing | None:
    """Plot the validation metric of the selected cells against bases seen: mean over seeds, with their range."""
    curves = _curves(comparison, cells)
    if not curves:
        return None
    names, sets = _scale(cells)

    def draw(axes: Axes) -> None:
        for (name, species_set), seeds in curves.items():
            table = pd.concat(seeds, axis=1, join="inner")
            bases = table.index.to_numpy(dtype=float) / 1e6
            colour = COLOURS[names.index(name) % len(COLOURS)]
            dash = DASHES[sets.index(species_set) % len(DASHES)]
            label = f"{name} / {species_set}"
            axes.plot(bases, table.mean(axis=1), color=colour, linestyle=dash, label=label)
            if len(seeds) > 1:
                low, high = table.min(axis=1), table.max(axis=1)
                band(axes, bases, low, high, color=colour, alpha=0.13, of=label)
        axes.set_xlabel("bases seen in fine-tuning (million)")
        axes.set_ylabel(f"validation {metric_name(comparison.metric)}")
        two_legends(axes, names, sets, lines=True)

    return on_axes(draw, (8.2, 4.4))


def bits_per_base(cells: Sequence[CellResult]) -> Drawing | None:
    """Draw the bits per base of each pretrained encoder, its token unigrams and a Markov chain."""
    best: dict[str, tuple[float, float, float, str]] = {}
    for cell in cells:
        known = cell.pretraining or {}
        bits = known.get("bits_per_base")
        if bits is None or not np.isfinite(bits):
            continue
        if cell.encoder not in best or bits < best[cell.encoder][0]:
            unigram, markov = (
                float(known.get(f"{name}_bits_per_base") or np.nan)
                for name in ("unigram", "markov")
            )
            best[cell.encoder] = (float(bits), unigram, markov, cell.tokenizer)
    if not best:
        return None
    order = sorted(best, key=lambda name: -best[name][0])
    names = _ordered(cell.tokenizer for cell in cells)

    def draw(axes: Axes) -> None:
        for place, name in enumerate(order):
            bits, unigram, markov, tokenizer = best[name]
            colour = COLOURS[names.index(tokenizer) % len(COLOURS)]
            if np.isfinite(unigram):
                axes.plot([bits, unigram], [place, place], color=colour, alpha=0.35, linewidth=2)
            axes.plot(bits, place, "o", color=colour, markersize=8)
            if np.isfinite(unigram):
                axes.plot(unigram, place, "|", color=ink(axes), markersize=15)
            if np.isfinite(markov):
                axes.plot(markov, place, "x", color=ink(axes), markersize=6)
        axes.set_yticks(range(len(order)), order)
        axes.set_ylim(-0.6, len(order) - 0.4)
        axes.set_xlabel("bits per base on masked bases (lower is better)")
        axes.grid(False, axis="y")
        marks: dict[str, Any] = {"linestyle": "", "color": ink(axes)}
        handles = [
            Line2D([], [], marker="o", linestyle="", color=COLOURS[0], label="encoder"),
            Line2D([], [], marker="|", markersize=13, label="tokens by frequency", **marks),
            Line2D([], [], marker="x", markersize=6, label="Markov chain of bases", **marks),
        ]
        axes.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)

    return on_axes(draw, (8.2, 1.5 + 0.34 * len(order)))


def cost(comparison: Comparison, cells: Sequence[CellResult]) -> Drawing | None:
    """Plot the validation metric of each ranked combination against the device seconds of a trial."""
    rows = comparison.rows
    if rows.empty:
        return None
    rows = rows[rows["rank"].notna() & rows["device_seconds"].gt(0)]
    if rows.empty:
        return None
    names, sets = _scale(cells)

    def draw(axes: Axes) -> None:
        for _, row in rows.iterrows():
            colour = COLOURS[names.index(row["arm"]) % len(COLOURS)]
            axes.plot(
                row["device_seconds"],
                row[f"validation_{comparison.metric}"],
                MARKERS[sets.index(row["species_set"]) % len(MARKERS)],
                color=colour if row["selected"] else "none",
                markeredgecolor=colour,
                markersize=8,
                label=f"{row['arm']} / {row['species_set']}",
            )
        if rows["device_seconds"].max() > 10 * rows["device_seconds"].min():
            axes.set_xscale("log")
        axes.set_xlabel("device seconds per trial (filled: selected)")
        axes.set_ylabel(f"validation {metric_name(comparison.metric)}")
        two_legends(axes, names, sets, lines=False)

    return on_axes(draw, (8.2, 4.4))


def importance(values: Mapping[str, float] | None) -> Drawing | None:
    """Draw the importance of each axis for the metric, as estimated from the search."""
    if not values:
        return None
    order = sorted(values, key=lambda name: values[name])

    def draw(axes: Axes) -> None:
        lengths = [values[name] for name in order]
        axes.barh([name.replace("_", " ") for name in order], lengths, color=COLOURS[0])
        for place, length in enumerate(lengths):
            axes.text(length, place, f" {length:.2f}", va="center")
        axes.set_xlim(0, 1.15 * max([*lengths, 1e-9]))
        axes.set_xlabel("importance (fraction of the variance explained)")
        axes.grid(False, axis="y")

    return on_axes(draw, (8.2, 1.1 + 0.38 * len(order)))


def _curves(
    comparison: Comparison, cells: Sequence[CellResult]
) -> dict[tuple[str, str], list[pd.Series]]:
    """Return the validation metric by bases seen for each seed of the selected cells."""
    if comparison.selected.empty:
        return {}
    metric = comparison.metric
    chosen = {key for keys in comparison.selected["trial_keys"] for key in keys.split()}
    curves: dict[tuple[str, str], list[pd.Series]] = {}
    for cell in cells:
        if cell.trial_key not in chosen or not cell.healthy(metric):
            continue
        points = {
            known["bases_seen"]: known[metric]
            for known in map(bare, cell.history)
            if {"bases_seen", metric} <= known.keys()
        }
        if points:
            curve = pd.Series(points).sort_index()
            curves.setdefault((cell.setup, cell.species_set), []).append(curve)
    return curves


def _scale(cells: Sequence[CellResult]) -> tuple[list[str], list[str]]:
    """Return setups and species sets in the order that determines their colours in all figures."""
    return _ordered(c.setup for c in cells), _ordered(c.species_set for c in cells)


def _by_number(name: str) -> list[tuple[int, str]]:
    """Return a key that sorts `kmer-6` before `kmer-10`."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdigit() else (0, part) for part in parts]


def _ordered(values: Iterable[object]) -> list[str]:
    return list(dict.fromkeys(map(str, values)))
