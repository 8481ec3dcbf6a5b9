"""Figures show what the tables hold, in both themes, and the same bytes for the same numbers."""

from __future__ import annotations

import base64
import dataclasses
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


def svg_of(uri: str) -> ElementTree.Element:
    head, data = uri.split(",", 1)
    assert head == "data:image/svg+xml;base64"
    return ElementTree.fromstring(base64.b64decode(data))


def test_pictures_are_whole_svgs_that_differ_by_theme(compared: Comparison) -> None:
    drawn = figures.heat_map(compared)
    assert drawn is not None
    made = drawing.picture(drawn)
    assert made.light != made.dark
    for uri in made:
        root = svg_of(uri)
        assert root.tag.endswith("svg")
        links = [v for e in root.iter() for k, v in e.attrib.items() if k.endswith("href")]
        assert all(link.startswith(("#", "data:")) for link in links)
    assert drawing.picture(drawn) == made


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
