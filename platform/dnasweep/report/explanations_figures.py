"""The figures of a comparison of explanations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dnasweep.method_comparison.agreement import MEASURES
from dnasweep.method_comparison.comparing import MethodComparison, headline
from dnasweep.method_comparison.curves import KINDS, RANDOM
from dnasweep.method_comparison.recovery import EVERY
from dnasweep.method_comparison.sanity import FLIP
from dnasweep.report.drawing import COLOURS, DASHES, MARKERS, Drawing, draw_matrix, ink
from dnasweep.tasks.wording import ALPHA, method_name, number

TITLES = {
    "importance": "importance:\nrank correlation",
    "signed": "signed values:\nrank correlation",
    "top": "top bases:\nJaccard index",
}


def matrix_of(table: pd.DataFrame, methods: Sequence[str], measure: str) -> np.ndarray:
    """Return one measure of agreement as a square matrix with 1 on the diagonal and nan for missing values.

    Parameters
    ----------
    table
        Agreement of each pair of methods, one row per pair and measure.
    methods
        Methods, in the order of rows and columns.
    measure
        Name of the measure.
    """
    found = np.full((len(methods), len(methods)), np.nan)
    np.fill_diagonal(found, 1.0)
    place = {name: i for i, name in enumerate(methods)}
    for _, row in table[table["measure"] == measure].iterrows():
        i, j = place[row["one"]], place[row["other"]]
        found[i, j] = found[j, i] = row["mean"]
    return found


def agreement_maps(comparison: MethodComparison) -> Drawing | None:
    """Heat maps of the agreement of each pair of methods, one per measure; None for a single method."""
    methods = comparison.methods
    if len(methods) < 2:
        return None
    names = [method_name(name) for name in methods]

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1, len(MEASURES))
        for i, (axes, measure) in enumerate(zip(panels, MEASURES, strict=True)):
            found = matrix_of(comparison.agreement, methods, measure)
            shown = np.where(np.eye(len(methods), dtype=bool), np.nan, found)
            if np.isnan(shown).all():
                axes.set_axis_off()
                continue
            texts = {
                (r, c): number(float(shown[r, c]), 2)
                for r, c in np.ndindex(shown.shape)
                if not np.isnan(shown[r, c])
            }
            draw_matrix(
                axes, shown, texts, rows=names if i == 0 else [""] * len(names), columns=names
            )
            axes.tick_params(axis="x", rotation=60)
            axes.set_title(TITLES[measure])

    return Drawing(draw, (3.0 + 1.5 * len(methods), 2.2 + 0.38 * len(methods)))


def curve_panels(comparison: MethodComparison) -> Drawing | None:
    """Deletion and insertion curves of every method and of random order."""
    table = comparison.curves
    if table.empty:
        return None
    methods = [*comparison.methods, RANDOM]

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, sharey=True)
        for axes, curve in ((left, KINDS[0]), (right, KINDS[1])):
            for i, method in enumerate(methods):
                part = table[(table["method"] == method) & (table["curve"] == curve)]
                last = method == RANDOM
                axes.plot(
                    part["share"],
                    part["mean"],
                    label=method_name(method),
                    color=ink(axes) if last else COLOURS[i % len(COLOURS)],
                    linestyle=DASHES[2] if last else DASHES[i // len(COLOURS)],
                    marker=None if last else MARKERS[i % len(MARKERS)],
                    markevery=4,
                    markersize=4,
                )
            verb = "left out, highest first" if curve == KINDS[0] else "added, highest first"
            axes.set_title(curve)
            axes.set_xlabel(f"share of tokens {verb}")
        what = "mean" if comparison.of_output else "mean probability of"
        left.set_ylabel(f"{what} {comparison.target}")
        figure.legend(*left.get_legend_handles_labels(), loc="outside right upper")

    return Drawing(draw, (9.4, 3.8))


def recovery_bars(comparison: MethodComparison) -> Drawing | None:
    """AUROC and hit rate of every method for all planted elements together."""
    if comparison.recovery is None:
        return None
    table = comparison.recovery[comparison.recovery["element"] == EVERY].set_index("method")

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, sharey=True)
        _points(left, table, comparison.methods, "auroc", "auroc_low", "auroc_high")
        left.axvline(0.5, linestyle="--", linewidth=1, color=COLOURS[7])
        left.set_title("AUROC over bases; dashed: chance")
        _points(right, table, comparison.methods, "hit_rate", "hit_low", "hit_high")
        right.axvline(float(table["chance"].mean()), linestyle="--", linewidth=1, color=COLOURS[7])
        right.set_title("share of the highest bases inside elements")

    return Drawing(draw, (8.2, 1.3 + 0.34 * len(comparison.methods)))


def enrichment_map(comparison: MethodComparison) -> Drawing | None:
    """Odds ratios of top attributions at elements, by method, with stars for significance."""
    if comparison.enrichment is None:
        return None
    table = headline(comparison.enrichment)
    sites = table[["element", "definition"]].drop_duplicates()
    shape = (len(comparison.methods), len(sites))
    values, texts = np.full(shape, np.nan), {}
    for i, method in enumerate(comparison.methods):
        for j, (element, definition) in enumerate(sites.itertuples(index=False, name=None)):
            row = table[
                (table["method"] == method)
                & (table["element"] == element)
                & (table["definition"] == definition)
            ].iloc[0]
            ratio = row["odds_ratio"]
            if pd.isna(ratio) or not row["num_hits"]:
                continue
            values[i, j] = np.log2(np.clip(ratio, 1 / 16, 16))
            star = "*" * int(row["p_adjusted"] < ALPHA)
            texts[i, j] = ("0\nelsewhere" if np.isinf(ratio) else f"{ratio:.1f}") + star
    if np.isnan(values).all():
        return None

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        columns = [
            f"{element}\n{definition.split(',')[0]}"
            for element, definition in sites.itertuples(index=False, name=None)
        ]
        rows = [method_name(name) for name in comparison.methods]
        draw_matrix(axes, values, texts, rows=rows, columns=columns)
        axes.set_title("odds ratio of being top (colour: its log2, cut at 1/16 and 16)")

    return Drawing(draw, (2.4 + 1.2 * len(sites), 1.5 + 0.4 * len(comparison.methods)))


def sanity_bars(comparison: MethodComparison) -> Drawing | None:
    """Results of the sanity checks, one panel per check."""
    table = comparison.sanity
    checks = list(dict.fromkeys(table["check"]))
    if not checks:
        return None

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1, len(checks), sharey=True, squeeze=False)[0]
        for axes, check in zip(panels, checks, strict=True):
            part = table[table["check"] == check].set_index("method")
            _points(axes, part, comparison.methods, "mean", "low", "high")
            right = 1.0 if check == FLIP else 0.0
            axes.axvline(right, linestyle="--", linewidth=1, color=COLOURS[2])
            axes.set_title("sign reversed for the other class" if check == FLIP else check)
            axes.set_xlim(-0.6 if check != FLIP else -0.05, 1.05)

    return Drawing(draw, (2.2 + 2.6 * len(checks), 1.3 + 0.34 * len(comparison.methods)))


def _points(
    axes: Axes, table: pd.DataFrame, methods: Sequence[str], mean: str, low: str, high: str
) -> None:
    """Draw a mean with its interval per method, the first on top."""
    for i, method in enumerate(methods):
        if method not in table.index:
            continue
        row = table.loc[method]
        axes.plot(
            [row[low], row[high]],
            [i, i],
            color=COLOURS[i % len(COLOURS)],
            linewidth=2.5,
            alpha=0.6,
        )
        axes.plot(row[mean], i, MARKERS[i % len(MARKERS)], color=COLOURS[i % len(COLOURS)])
    axes.set_yticks(range(len(methods)), [method_name(name) for name in methods])
    axes.set_ylim(len(methods) - 0.5, -0.5)
