"""Comparisons with annotation, held to bedtools and to their definitions."""

import itertools
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
from dnasweep.annotate.overlap import agree, distances_to_tss, find_hits, jaccard, widened
from dnasweep.annotate.scan_curve import Curve
from dnasweep.annotate.shuffles import enrich, shuffle
from dnasweep.annotate.tracks import Piece
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


def bed(path, frame):
    columns = frame[["chrom", "start", "end"]].assign(
        name=range(len(frame)), score=0, strand=frame["strand"]
    )
    columns.to_csv(path, sep="\t", header=False, index=False)
    return str(path)


def bedtools(*arguments):
    if shutil.which("bedtools") is None:
        pytest.skip("no bedtools here")
    done = subprocess.run(["bedtools", *arguments], capture_output=True, text=True, check=True)
    return [line.split("\t") for line in done.stdout.splitlines()]


@pytest.mark.parametrize("fraction", [None, 0.5])
def test_hits_are_those_of_bedtools(tmp_path, fraction):
    peaks, elements = intervals(300, 0), intervals(200, 1)
    a, b = bed(tmp_path / "a.bed", peaks), bed(tmp_path / "b.bed", elements)
    how = [] if fraction is None else ["-f", str(fraction), "-r"]
    hits = find_hits(peaks, elements, fraction=fraction)
    for flags, one, other in ((hits.peaks, a, b), (hits.elements, b, a)):
        found = {int(row[3]) for row in bedtools("intersect", "-u", *how, "-a", one, "-b", other)}
        assert set(np.flatnonzero(flags).tolist()) == found
        assert 0 < len(found) < len(flags)


def test_jaccard_is_that_of_bedtools(tmp_path):
    peaks, elements = intervals(80, 2), intervals(60, 3)
    a, b = bed(tmp_path / "a.bed", peaks), bed(tmp_path / "b.bed", elements)
    expected = float(bedtools("jaccard", "-a", a, "-b", b)[1][2])
    assert jaccard(peaks, elements) == pytest.approx(expected, abs=1e-5)
    assert jaccard(peaks, peaks) == 1.0
    assert jaccard(peaks, elements[:0]) == 0.0


def test_distances_are_those_of_bedtools(tmp_path):
    peaks = intervals(150, 4).assign(summit=lambda f: (f["start"] + f["end"]) // 2)
    tss = intervals(40, 5)
    first = tss["start"].where(tss["strand"] == "+", tss["end"] - 1)
    points = tss.assign(start=first, end=first + 1).sort_values(["chrom", "start"])
    summits = peaks.assign(start=peaks["summit"], end=peaks["summit"] + 1)
    a = bed(tmp_path / "a.bed", summits.sort_values(["chrom", "start"]))
    rows = bedtools("closest", "-d", "-t", "first", "-a", a, "-b", bed(tmp_path / "b.bed", points))
    expected = {(row[0], int(row[1])): int(row[-1]) for row in rows}
    found = distances_to_tss(peaks, tss)
    for chrom, summit, away in zip(peaks["chrom"], peaks["summit"], found, strict=True):
        assert abs(away) == expected[chrom, summit]


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
    # The curve knows log odds to 0.01.
    expected = average_precision_score(labels[places], by_base)
    assert found.average_precision == pytest.approx(expected, abs=2e-3)
    last = curve.points().iloc[-1]
    assert (last["recall"], last["precision"]) == (1.0, pytest.approx(found.prevalence))


def test_a_curve_without_positives_is_nothing():
    curve = Curve(intervals(5, 1)[:0])
    curve.feed(Piece("a", np.array([0]), np.array([9]), np.array([0.5]), np.zeros(1)))
    assert np.isnan(curve.summary().average_precision)
