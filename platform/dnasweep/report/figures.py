"""The figures of the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from dnasweep.report.drawing import (
    COLOURS,
    DASHES,
    MARKERS,
    Picture,
    draw_matrix,
    picture,
    two_legends,
)
from dnasweep.sweeps.cell_results import CellResult, bare
from dnasweep.sweeps.comparison import Comparison
from dnasweep.tasks.wording import metric_name, number


def heat_map(comparison: Comparison) -> Picture | None:
    """Arm (tokenizer, masking, tuning) x species set of the selected cells: test metric, else validation, with spread."""
    selected, metric = comparison.selected, comparison.metric
    if selected.empty:
        return None
    split = "test" if f"test_{metric}" in selected else "validation"
    column = f"{split}_{metric}"
    names, sets = _ordered(selected["arm"]), _ordered(selected["species_set"])
    values = np.full((len(names), len(sets)), np.nan)
    texts = {}
    for _, row in selected.iterrows():
        at = names.index(row["arm"]), sets.index(row["species_set"])
        values[at] = row[column]
        text = number(row[column])
        if not pd.isna(row.get(f"{column}_sd")):
            text += f"\n± {number(row[f'{column}_sd'])}"
        over = row.get("over_baseline")
        if over is not None and not pd.isna(over) and (over > 0) != comparison.higher_is_better:
            text += "\nnot above baseline"
        texts[at] = text
    title = f"{split} {metric_name(metric)}"
    base = f"test_{metric}"
    if split == "test" and base in comparison.baseline:
        baselines = [
            f"{row['name']} {number(row[base])}" for _, row in comparison.baseline.iterrows()
        ]
        title += f"\nbaseline: {', '.join(baselines)}"

    def draw(axes: Axes) -> None:
        draw_matrix(axes, values, texts, rows=names, columns=sets)
        axes.set_xlabel("pretrained on")
        axes.set_title(title)

    return picture(draw, size=(max(4.8, 2.6 + 1.45 * len(sets)), 1.4 + 0.72 * len(names)))


def learning_curves(comparison: Comparison, cells: Sequence[CellResult]) -> Picture | None:
    """Validation metric against bases seen, selected cells: mean of seeds, band from least to most."""
    metric = comparison.metric
    curves = _curves(comparison, cells, metric)
    if not curves:
        return None
    names, sets = _scale(cells)

    def draw(axes: Axes) -> None:
        for (name, species_set), seeds in curves.items():
            common = seeds[0].index
            for other in seeds[1:]:
                common = common.intersection(other.index)
            table = np.array([seed.loc[common].to_numpy() for seed in seeds])
            style: dict[str, Any] = {
                "color": COLOURS[names.index(name) % len(COLOURS)],
                "linestyle": DASHES[sets.index(species_set) % len(DASHES)],
            }
            bases = common.to_numpy(dtype=float) / 1e6
            axes.plot(bases, table.mean(axis=0), **style)
            if len(table) > 1:
                axes.fill_between(
                    bases,
                    table.min(axis=0),
                    table.max(axis=0),
                    color=style["color"],
                    alpha=0.13,
                    linewidth=0,
                )
        axes.set_xlabel("bases seen in fine-tuning (million)")
        axes.set_ylabel(f"validation {metric_name(metric)}")
        two_legends(axes, names, sets, lines=True)

    return picture(draw, size=(8.2, 4.4))


def bits_per_base(cells: Sequence[CellResult]) -> Picture | None:
    """Bits per base of every pretrained encoder, against uniform guessing and a Markov chain."""
    best: dict[str, tuple[float, float, str]] = {}
    for cell in cells:
        known = cell.pretraining or {}
        bits = known.get("bits_per_base")
        if bits is None or not np.isfinite(bits):
            continue
        name = cell.encoder
        if name not in best or bits < best[name][0]:
            markov = float(known.get("markov_bits_per_base") or np.nan)
            best[name] = (float(bits), markov, cell.tokenizer)
    if not best:
        return None
    order = sorted(best, key=lambda name: -best[name][0])
    names = _ordered(cell.tokenizer for cell in cells)

    def draw(axes: Axes) -> None:
        for place, name in enumerate(order):
            bits, markov, tokenizer = best[name]
            colour = COLOURS[names.index(tokenizer) % len(COLOURS)]
            axes.plot([bits, 2.0], [place, place], color=colour, alpha=0.35, linewidth=2)
            axes.plot(bits, place, "o", color=colour, markersize=8)
            if np.isfinite(markov):
                axes.plot(markov, place, "|", color=axes.xaxis.label.get_color(), markersize=15)
        axes.axvline(2.0, color=axes.xaxis.label.get_color(), linewidth=1)
        axes.set_yticks(range(len(order)), order)
        axes.set_ylim(-0.6, len(order) - 0.4)
        axes.set_xlabel("bits per base on hidden bases (lower is better)")
        axes.grid(False, axis="y")
        handles = [
            Line2D([], [], marker="o", linestyle="", color=COLOURS[0], label="encoder"),
            Line2D([], [], marker="|", linestyle="", markersize=13, label="Markov chain"),
            Line2D([], [], linewidth=1, label="uniform guessing (2.0)"),
        ]
        for handle in handles[1:]:
            handle.set_color(axes.xaxis.label.get_color())
        axes.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)

    return picture(draw, size=(8.2, 1.5 + 0.34 * len(order)))


def cost(comparison: Comparison, cells: Sequence[CellResult]) -> Picture | None:
    """Validation metric of every ranked combination against the device seconds of one trial."""
    rows = comparison.rows
    if rows.empty or not rows["device_seconds"].notna().any():
        return None
    rows = rows[rows["rank"].notna() & rows["device_seconds"].gt(0)]
    if rows.empty:
        return None
    column = f"validation_{comparison.metric}"
    names, sets = _scale(cells)

    def draw(axes: Axes) -> None:
        for _, row in rows.iterrows():
            colour = COLOURS[names.index(row["arm"]) % len(COLOURS)]
            axes.plot(
                row["device_seconds"],
                row[column],
                MARKERS[sets.index(row["species_set"]) % len(MARKERS)],
                color=colour if row["selected"] else "none",
                markeredgecolor=colour,
                markersize=8,
            )
        if rows["device_seconds"].max() > 10 * rows["device_seconds"].min():
            axes.set_xscale("log")
        axes.set_xlabel("device seconds a trial (filled: selected)")
        axes.set_ylabel(f"validation {metric_name(comparison.metric)}")
        two_legends(axes, names, sets, lines=False)

    return picture(draw, size=(8.2, 4.4))


def importance(values: Mapping[str, float] | None) -> Picture | None:
    """Importance of each axis for the metric, as the search estimated it."""
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

    return picture(draw, size=(8.2, 1.1 + 0.38 * len(order)))


def _curves(
    comparison: Comparison, cells: Sequence[CellResult], metric: str
) -> dict[tuple[str, str], list[pd.Series]]:
    if comparison.selected.empty:
        return {}
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
            curves.setdefault((cell.arm, cell.species_set), []).append(curve)
    return curves


def _scale(cells: Sequence[CellResult]) -> tuple[list[str], list[str]]:
    """Return arms and species sets in the order that fixes their colours in every figure."""
    return _ordered(c.arm for c in cells), _ordered(c.species_set for c in cells)


def _ordered(values: object) -> list[str]:
    return list(dict.fromkeys(str(value) for value in values))  # type: ignore[attr-defined]
