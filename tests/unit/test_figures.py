"""Figures show what the tables hold, and the same bytes for the same numbers."""

from __future__ import annotations

import dataclasses
import json
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from dnasweep.report import drawing
from dnasweep.report import sweep_figures as figures
from dnasweep.sweeps.comparison import Comparison
from dnasweep.sweeps.selection import compare
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sweep_toys import UNIGRAM, baseline, cell, sweep


@pytest.fixture(scope="module")
def compared() -> Comparison:
    return compare(sweep(num_seeds=2), baselines=[baseline()], num_resamples=20)


def axes_of(drawn: drawing.Drawing | None) -> Axes:
    """Return the axes of a figure, drawn."""
    assert drawn is not None
    figure = Figure(figsize=drawn.size)
    drawn.draw(figure)
    return figure.axes[0]


def test_a_picture_is_one_svg_that_takes_the_colours_of_its_page(compared: Comparison) -> None:
    drawn = figures.heat_map(compared)
    assert drawn is not None
    made = drawing.picture(drawn, number=3, alt="<a map>")
    root = ElementTree.fromstring(made)
    assert root.tag == "svg"
    assert root.attrib["aria-label"] == "<a map>"
    assert "var(--ink, " in made
    assert drawing.INK not in made
    links = [v for e in root.iter() for k, v in e.attrib.items() if k.endswith("href")]
    assert all(link.startswith(("#f3-", "data:")) for link in links)
    ids = {e.attrib["id"] for e in root.iter() if "id" in e.attrib}
    assert {link[1:] for link in links if link.startswith("#")} <= ids
    assert set(re.findall(r"url\(#([\w-]+)\)", made)) <= ids
    assert drawing.picture(drawn, number=3, alt="<a map>") == made


def test_a_picture_tells_its_values_and_names_its_curves(compared: Comparison) -> None:
    drawn = figures.learning_curves(compared, sweep(num_seeds=2))
    assert drawn is not None
    root = ElementTree.fromstring(drawing.picture(drawn))
    points = json.loads(root.attrib["data-points"])
    assert len(points) == 9 * 6
    name, left, top, right, bottom, text = points[-1]
    assert name == text.split("\n")[0]
    assert "validation MCC: 0." in text
    assert (left, top) == (right, bottom)
    width, height = map(float, root.attrib["viewBox"].split()[2:])
    assert all(0 <= p[1] <= width and 0 <= p[2] <= height for p in points)
    series = [e.attrib["data-series"] for e in root.iter() if "data-series" in e.attrib]
    assert len(series) == 2 * 9, "a curve and a band each"
    assert set(series) == {p[0] for p in points}
    keys = {e.attrib["data-key"] for e in root.iter() if "data-key" in e.attrib}
    assert keys == {"bpe-1024", "kmer-6", "wordpiece-1024", "none", "human", "mammals"}


def test_bars_tell_their_values() -> None:
    drawn = figures.importance({"a": 0.1, "learning_rate": 0.9})
    assert drawn is not None
    points = json.loads(ElementTree.fromstring(drawing.picture(drawn)).attrib["data-points"])
    assert ["0.9" in p[5] for p in points] == [False, True]
    assert points[1][3] - points[1][1] > 8 * (points[0][3] - points[0][1])


def test_the_first_figure_shows_every_selected_cell_and_the_baseline(
    compared: Comparison,
) -> None:
    axes = axes_of(figures.scores(compared))
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == compared.selected["cell"].to_list()
    points = [line for line in axes.lines if line.get_marker() == "o"]
    assert [line.get_xdata()[0] for line in points] == compared.selected["test_mcc"].to_list()
    level = compared.baseline.iloc[0]["test_mcc"]
    assert list(axes.lines[-1].get_xdata()) == [level, level]
    low, high = axes.get_xlim()
    assert low < level < high


@pytest.mark.parametrize("level", [-0.9, 0.99])
def test_a_baseline_far_from_every_cell_is_in_the_first_figure(
    compared: Comparison, level: float
) -> None:
    far = dataclasses.replace(compared, baseline=compared.baseline.assign(test_mcc=level))
    low, high = axes_of(figures.scores(far)).get_xlim()
    assert low < level < high
    assert low < compared.selected["test_mcc"].min()
    assert compared.selected["test_mcc"].max() < high


def test_the_heat_map_outlines_the_winner_and_orders_by_name(compared: Comparison) -> None:
    cells = sweep(num_seeds=2)
    axes = axes_of(figures.heat_map(compared, cells))
    rows = [label.get_text() for label in axes.get_yticklabels()]
    columns = [label.get_text() for label in axes.get_xticklabels()]
    assert rows == sorted(rows)
    assert columns == ["none", "human", "mammals"], "as they were given"
    top = compared.selected.iloc[0]
    (outline,) = axes.patches
    assert outline.get_xy() == (
        columns.index(top["species_set"]) - 0.5,
        rows.index(top["arm"]) - 0.5,
    )


def test_heat_map_says_mean_spread_and_who_loses(compared: Comparison) -> None:
    axes = axes_of(figures.heat_map(compared))
    values = np.asarray(axes.images[0].get_array())
    assert values.shape == (3, 3)
    assert sorted(values.ravel()) == pytest.approx(sorted(compared.selected["test_mcc"]))
    texts = [text.get_text() for text in axes.texts]
    top = compared.selected.iloc[0]
    assert f"{top['test_mcc']:.3f}\n± {top['test_mcc_sd']:.3f}" in texts
    losers = (compared.selected["over_baseline"] <= 0).sum()
    assert losers == 1
    assert sum("not above baseline" in text for text in texts) == losers
    assert "k-mer logistic regression" in axes.get_title(loc="left") + axes.get_title()


def test_heat_map_falls_back_to_validation_and_shows_holes() -> None:
    cells = [
        dataclasses.replace(c, test=None, test_scores=None, per_species_test=None)
        for c in (cell("kmer-6", "human", 1e-3, 0), cell("bpe-1024", "none", 1e-3, 0))
    ]
    axes = axes_of(figures.heat_map(compare(cells)))
    assert "validation MCC" in axes.get_title()
    assert np.isnan(np.asarray(axes.images[0].get_array(), dtype=float)).sum() == 2


def test_learning_curves_are_means_over_seeds(compared: Comparison) -> None:
    cells = sweep(num_seeds=2)
    axes = axes_of(figures.learning_curves(compared, cells))
    assert len(axes.lines) == 9
    seeds = [c for c in cells if c.trial_key.startswith("kmer-6-none-0.001")]
    ends = np.mean([c.history[-1]["validation/mcc"] for c in seeds])
    assert axes.lines[0].get_ydata()[-1] == pytest.approx(ends)
    assert axes.lines[0].get_xdata()[-1] == pytest.approx(0.6)


def test_bits_per_base_are_sorted_with_their_baselines() -> None:
    axes = axes_of(figures.bits_per_base(sweep()))
    assert "bits per base" in axes.get_xlabel()
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels[-1] == "bpe-1024 / mammals"
    assert len(labels) == 6
    drawn = {float(line.get_xdata()[0]) for line in axes.lines if line.get_marker() == "|"}
    assert drawn == set(UNIGRAM.values())


def test_cost_shows_ranked_combinations_only(compared: Comparison) -> None:
    axes = axes_of(figures.cost(compared, sweep()))
    assert len(axes.lines) == 26
    assert "seconds" in axes.get_xlabel()


def test_a_tokenizer_has_one_colour_in_every_figure(compared: Comparison) -> None:
    cells = sweep()
    drawn = [
        axes_of(figures.learning_curves(compared, cells)),
        axes_of(figures.cost(compared, cells)),
        axes_of(figures.bits_per_base(cells)),
    ]
    colours = [{line.get_markeredgecolor() for line in axes.lines} for axes in drawn]
    assert all(set(drawing.COLOURS[:3]) <= used for used in colours)
    first = drawn[2].lines[1].get_color()
    assert first == drawing.COLOURS[0]


def test_importance_is_sorted() -> None:
    axes = axes_of(figures.importance({"a": 0.1, "learning_rate": 0.9}))
    assert [bar.get_width() for bar in axes.patches] == [0.1, 0.9]


def test_nothing_to_show_is_no_figure() -> None:
    empty = compare([cell("kmer-6", "none", 1e-3, 0, outcome="failed", validation={})])
    assert figures.heat_map(empty) is None
    assert figures.learning_curves(empty, []) is None
    assert figures.bits_per_base([]) is None
    assert figures.cost(empty, []) is None
    assert figures.importance({}) is None
    assert figures.importance(None) is None


def test_one_cell_and_equal_values_draw() -> None:
    one = compare([cell("kmer-6", "human", 1e-3, 0)])
    cells = [cell("kmer-6", "human", 1e-3, 0, device_seconds=None, history=[])]
    assert figures.heat_map(one) is not None
    assert figures.learning_curves(one, cells) is None


def test_a_point_of_a_cell_is_told_with_the_name_of_the_cell() -> None:
    def draw(axes: Axes) -> None:
        axes.plot(0.25, 0, "o")
        axes.plot(0.5, 1, "o")
        axes.set_yticks([0, 1], ["kmer-6 / all", "bpe / none"])

    points = json.loads(
        ElementTree.fromstring(drawing.picture(drawing.on_axes(draw, (4, 2)))).attrib[
            "data-points"
        ]
    )
    assert [p[5] for p in points] == ["0.25\nkmer-6 / all", "0.5\nbpe / none"]
