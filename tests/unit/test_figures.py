"""Figures show what the tables hold, in both themes, and the same bytes for the same numbers."""

from __future__ import annotations

import base64
import dataclasses
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from dnasweep.report import drawing, figures
from dnasweep.sweeps.compare import compare
from dnasweep.sweeps.comparison import Comparison
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sweep_toys import baseline, cell, sweep


@pytest.fixture(scope="module")
def compared() -> Comparison:
    return compare(sweep(num_seeds=2), baselines=[baseline()], num_resamples=20)


@pytest.fixture
def axes(monkeypatch: pytest.MonkeyPatch) -> list[Axes]:
    """The axes that figures were drawn on, light theme only, kept to look at."""
    seen: list[Axes] = []

    def keep(draw, *, size):
        figure = Figure(figsize=size)
        seen.append(figure.add_subplot())
        draw(seen[-1])
        return drawing.Picture("light", "dark")

    monkeypatch.setattr(figures, "picture", keep)
    return seen


def svg_of(uri: str) -> ElementTree.Element:
    head, data = uri.split(",", 1)
    assert head == "data:image/svg+xml;base64"
    return ElementTree.fromstring(base64.b64decode(data))


def test_pictures_are_whole_svgs_that_differ_by_theme(compared: Comparison) -> None:
    made = figures.heat_map(compared)
    assert made is not None
    assert made.light != made.dark
    for uri in made:
        root = svg_of(uri)
        assert root.tag.endswith("svg")
        links = [v for e in root.iter() for k, v in e.attrib.items() if k.endswith("href")]
        assert all(link.startswith(("#", "data:")) for link in links)
    assert figures.heat_map(compared) == made


def test_heat_map_says_mean_spread_and_who_loses(compared: Comparison, axes: list[Axes]) -> None:
    figures.heat_map(compared)
    values = np.asarray(axes[0].images[0].get_array())
    assert values.shape == (3, 3)
    assert sorted(values.ravel()) == pytest.approx(sorted(compared.selected["test_mcc"]))
    texts = [text.get_text() for text in axes[0].texts]
    top = compared.selected.iloc[0]
    assert f"{top['test_mcc']:.3f}\n± {top['test_mcc_sd']:.3f}" in texts
    losers = (compared.selected["over_baseline"] <= 0).sum()
    assert losers == 1
    assert sum("not above baseline" in text for text in texts) == losers
    assert "k-mer logistic regression" in axes[0].get_title(loc="left") + axes[0].get_title()


def test_heat_map_falls_back_to_validation_and_shows_holes(axes: list[Axes]) -> None:
    cells = [
        dataclasses.replace(c, test=None, test_scores=None, per_species_test=None)
        for c in (cell("kmer-6", "human", 1e-3, 0), cell("bpe-1024", "none", 1e-3, 0))
    ]
    figures.heat_map(compare(cells))
    assert "validation MCC" in axes[0].get_title()
    assert np.isnan(np.asarray(axes[0].images[0].get_array(), dtype=float)).sum() == 2


def test_learning_curves_are_means_over_seeds(compared: Comparison, axes: list[Axes]) -> None:
    cells = sweep(num_seeds=2)
    figures.learning_curves(compared, cells)
    assert len(axes[0].lines) == 9
    seeds = [c for c in cells if c.trial_key.startswith("kmer-6-none-0.001")]
    ends = np.mean([c.history[-1]["validation/mcc"] for c in seeds])
    assert axes[0].lines[0].get_ydata()[-1] == pytest.approx(ends)
    assert axes[0].lines[0].get_xdata()[-1] == pytest.approx(0.6)


def test_bits_per_base_are_sorted_with_their_baselines(axes: list[Axes]) -> None:
    figures.bits_per_base(sweep())
    assert "bits per base" in axes[0].get_xlabel()
    labels = [label.get_text() for label in axes[0].get_yticklabels()]
    assert labels[-1] == "bpe-1024 / mammals"
    assert len(labels) == 6
    uniform = [line for line in axes[0].lines if list(line.get_xdata()) == [2.0, 2.0]]
    assert uniform


def test_cost_shows_ranked_combinations_only(compared: Comparison, axes: list[Axes]) -> None:
    figures.cost(compared, sweep())
    assert len(axes[0].lines) == 26
    assert "seconds" in axes[0].get_xlabel()


def test_a_tokenizer_has_one_colour_in_every_figure(
    compared: Comparison, axes: list[Axes]
) -> None:
    cells = sweep()
    figures.learning_curves(compared, cells)
    figures.cost(compared, cells)
    figures.bits_per_base(cells)
    colours = [{line.get_markeredgecolor() for line in a.lines} for a in axes]
    assert all(set(drawing.COLOURS[:3]) <= used for used in colours)
    first = axes[2].lines[1].get_color()
    assert first == drawing.COLOURS[0]


def test_importance_is_sorted(axes: list[Axes]) -> None:
    figures.importance({"a": 0.1, "learning_rate": 0.9})
    assert [bar.get_width() for bar in axes[0].patches] == [0.1, 0.9]


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
