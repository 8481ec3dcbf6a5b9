"""Comparisons with annotation, held to their definitions over all pairs and all bases."""

import itertools

import numpy as np
import pandas as pd
import pytest
from dnasweep.genomics.bigwig import Piece
from dnasweep.genomics.peak_overlap import (
    agree,
    distances_to_tss,
    enrich,
    find_hits,
    jaccard,
    shuffle,
    widened,
)
from dnasweep.genomics.precision_recall import Curve
from sklearn.metrics import average_precision_score

CHROMS = ("chr1", "chr2")


def intervals(number, seed, longest=300, top=20_000):
    rng = np.random.default_rng(seed)
    start = rng.integers(0, top, number)
    frame = pd.DataFrame(
        {
            "chrom": rng.choice(CHROMS, number),
            "start": start,
            "end": start + rng.integers(1, longest, number),
            "strand": rng.choice(["+", "-"], number),
        }
    )
    return frame.sort_values(["chrom", "start", "end"]).reset_index(drop=True)


def shared_bases(a, b):
    """Return the bases that each interval of `a` shares with each of `b`, (a, b)."""
    start = np.maximum.outer(a["start"].to_numpy(), b["start"].to_numpy())
    end = np.minimum.outer(a["end"].to_numpy(), b["end"].to_numpy())
    same = np.equal.outer(a["chrom"].to_numpy(object), b["chrom"].to_numpy(object))
    return np.where(same, np.maximum(end - start, 0), 0)


def covered(frame):
    """Return every base of the intervals, as (chromosome, position)."""
    return {
        (chrom, base)
        for chrom, start, end in frame[["chrom", "start", "end"]].itertuples(index=False)
        for base in range(start, end)
    }


@pytest.mark.parametrize("fraction", [None, 0.5])
def test_hits_are_those_of_all_pairs(fraction):
    peaks, elements = intervals(300, 0), intervals(200, 1)
    hits = find_hits(peaks, elements, fraction=fraction)
    shared = shared_bases(peaks, elements)
    needed = 1
    if fraction is not None:
        # Of either interval, as `bedtools intersect -f 0.5 -r` asks.
        sizes = [(f["end"] - f["start"]).to_numpy() for f in (peaks, elements)]
        needed = fraction * np.maximum.outer(*sizes)
    pairs = shared >= needed
    for flags, expected in ((hits.peaks, pairs.any(axis=1)), (hits.elements, pairs.any(axis=0))):
        np.testing.assert_array_equal(flags, expected)
        assert 0 < expected.sum() < len(flags)


def test_jaccard_is_that_of_all_bases():
    peaks, elements = intervals(80, 2), intervals(60, 3)
    a, b = covered(peaks), covered(elements)
    assert jaccard(peaks, elements) == pytest.approx(len(a & b) / len(a | b))
    assert jaccard(peaks, peaks) == 1.0
    assert jaccard(peaks, elements[:0]) == 0.0


def test_distances_are_the_shortest_of_all_pairs():
    peaks = intervals(150, 4).assign(summit=lambda f: (f["start"] + f["end"]) // 2)
    tss = intervals(40, 5)
    first = tss["start"].where(tss["strand"] == "+", tss["end"] - 1)
    found = distances_to_tss(peaks, tss)
    for chrom, summit, away in zip(peaks["chrom"], peaks["summit"], found, strict=True):
        assert abs(away) == (first[tss["chrom"] == chrom] - summit).abs().min()


def test_upstream_of_a_start_is_negative():
    peaks = pd.DataFrame({"chrom": ["a", "a", "b"], "summit": [90, 1_040, 5]})
    tss = pd.DataFrame(
        {"chrom": "a", "start": [100, 950], "end": [101, 1_000], "strand": ["+", "-"]}
    )
    found = distances_to_tss(peaks, tss)
    np.testing.assert_array_equal(found, [-10, -41, np.nan])


def test_agreement_of_a_few_intervals():
    peaks = pd.DataFrame({"chrom": "a", "start": [0, 100, 500], "end": [50, 200, 510]})
    elements = pd.DataFrame(
        {"chrom": "a", "start": [49, 120, 700, 800], "end": [60, 200, 710, 801]}
    )
    found = agree(peaks, elements)
    assert found[:6] == (3, 4, 2 / 3, 2 / 4, 1 / 3, 1 / 4)
    assert found.jaccard == pytest.approx(81 / (160 + 102 - 81))
    assert np.isnan(agree(peaks[:0], elements).precision)
    assert widened(elements[:1], 50)[["start", "end"]].to_numpy().tolist() == [[0, 110]]


def test_shuffles_keep_chromosome_length_and_space():
    peaks = intervals(400, 6, longest=80)
    space = pd.DataFrame(
        {"chrom": ["chr1", "chr1", "chr2"], "start": [0, 5_000, 100], "end": [90, 9_000, 3_000]}
    )
    rng = np.random.default_rng(0)
    drawn = pd.concat([shuffle(peaks, space, rng) for _ in range(20)])
    assert (drawn["chrom"].to_numpy() == np.tile(peaks["chrom"], 20)).all()
    lengths = (peaks["end"] - peaks["start"]).to_numpy()
    assert ((drawn["end"] - drawn["start"]).to_numpy() == np.tile(lengths, 20)).all()
    for name, start, end in drawn[["chrom", "start", "end"]].itertuples(index=False):
        inside = space[
            (space["chrom"] == name) & (space["start"] <= start) & (space["end"] >= end)
        ]
        assert len(inside) == 1
    one = pd.DataFrame({"chrom": ["chr1"] * 20_000, "start": 0, "end": 80})
    starts = shuffle(one, space, rng)["start"]
    # 11 places in the first stretch and 3,921 in the second, all alike.
    assert (starts < 90).mean() == pytest.approx(11 / 3_932, abs=0.0015)
    assert starts[starts >= 5_000].mean() == pytest.approx(5_000 + 3_920 / 2, rel=0.01)


def test_enrichment_finds_what_was_put_there_and_nothing_else():
    space = pd.DataFrame({"chrom": ["chr1"], "start": [0], "end": [100_000]})
    elements = pd.DataFrame({"chrom": "chr1", "start": np.arange(0, 100_000, 2_000)})
    elements["end"] = elements["start"] + 100
    on = pd.DataFrame(
        {"chrom": "chr1", "start": elements["start"][:30], "end": elements["end"][:30]}
    )
    found = enrich(on, elements, space, num_shuffles=99, seed=1)
    # Two intervals of 100 overlap at 199 of about 2,000 places.
    assert found.observed == 30
    assert found.expected == pytest.approx(30 * 199 / 2_000, abs=0.35)
    assert found.fold == pytest.approx(30 / found.expected)
    assert found.p == 0.01
    assert found.expected_reciprocal == pytest.approx(30 * 101 / 2_000, abs=0.3)
    chance = shuffle(on, space, np.random.default_rng(7))
    assert enrich(chance, elements, space, num_shuffles=99, seed=1).p > 0.05
    nothing = enrich(chance, elements, space, num_shuffles=0, seed=1)
    assert np.isnan([nothing.p, nothing.p_reciprocal, nothing.fold]).all()
    again = enrich(on, elements, space, num_shuffles=99, seed=1)
    assert again == found


def test_the_curve_is_that_of_scikit_learn_base_by_base():
    rng = np.random.default_rng(0)
    sizes = rng.integers(1, 9, 400)
    gaps = rng.integers(0, 3, 400)
    starts = np.cumsum(sizes + gaps) - sizes
    values = np.round(1 / (1 + np.exp(-rng.normal(0, 2, 400))), 6)
    values[:3] = (0.0, 1.0, 1e-6)
    track = Piece("chr1", starts, starts + sizes, values, np.zeros(400))
    elements = intervals(40, 8, longest=60, top=2_000)
    labels = np.zeros(4_000, bool)
    for chrom, start, end in elements[["chrom", "start", "end"]].itertuples(index=False):
        if chrom == "chr1":
            labels[start:end] = True
    by_base = np.repeat(values, sizes)
    places = np.concatenate([np.arange(a, b) for a, b in zip(starts, starts + sizes, strict=True)])
    curve = Curve(elements)
    for low, high in itertools.pairwise([0, 7, 200, 400]):
        curve.feed(Piece("chr1", *(column[low:high] for column in track[1:])))
    found = curve.summary()
    assert found.bases == len(places)
    assert found.positive == labels[places].sum()
    expected = average_precision_score(labels[places], by_base)
    assert found.average_precision == pytest.approx(expected, rel=1e-12)
    last = curve.points().iloc[-1]
    assert (last["recall"], last["precision"]) == (1.0, pytest.approx(found.prevalence))


def test_average_precision_is_exact_where_probabilities_lie_close():
    rng = np.random.default_rng(4)
    number = 60_000
    # Most of them within a few hundredths of log odds.
    values = np.round(1 / (1 + np.exp(-rng.normal(0, 0.01, number))), 6)
    labels = rng.random(number) < np.clip(20 * (values - 0.49), 0.001, 1)
    starts = np.arange(number)
    at = np.flatnonzero(labels)
    curve = Curve(pd.DataFrame({"chrom": "a", "start": at, "end": at + 1}))
    curve.feed(Piece("a", starts, starts + 1, values, np.zeros(number)))
    expected = average_precision_score(labels, values)
    assert curve.summary().average_precision == pytest.approx(expected, rel=1e-12)
    points = curve.points()
    assert len(points) < 20
    for threshold, precision, recall in points.itertuples(index=False):
        called = values >= threshold - 1e-9
        assert precision == pytest.approx(labels[called].mean(), rel=1e-12)
        assert recall == pytest.approx(labels[called].sum() / labels.sum(), rel=1e-12)


def test_a_curve_without_positives_is_nothing():
    curve = Curve(intervals(5, 1)[:0])
    curve.feed(Piece("a", np.array([0]), np.array([9]), np.array([0.5]), np.zeros(1)))
    assert np.isnan(curve.summary().average_precision)
