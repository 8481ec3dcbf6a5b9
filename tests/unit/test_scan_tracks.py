"""Windows to tracks and peaks, held to their definitions written out base by base."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from dnasweep.errors import InputError
from dnasweep.genomics.bigwig import Piece, Tile, make_track
from dnasweep.genomics.peak_evaluation import Scanned
from dnasweep.genomics.peaks import PeakCaller
from dnasweep.genomics.scan_plan import PeakConfig, ScanConfig, TrackConfig, plan_scan

LENGTH = 997
SHAPES = [(30, 10), (30, 7), (30, 30), (10, 25), (5, 1), (31, 30)]


def scored(config, length=LENGTH, seed=0, unread=0.1):
    """Return log odds of all windows of one record on both strands, some not read."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(0, 2, (2, config.num_windows(length))).astype(np.float32)
    odds[:, rng.random(odds.shape[1]) < unread] = np.nan
    return odds


def tiles(odds, cuts, name="a"):
    edges = [0, *cuts, odds.shape[1]]
    return [Tile(name, low, odds[0, low:high], odds[1, low:high]) for low, high in pairwise(edges)]


def spans(*rows):
    return pd.DataFrame(rows or [("a", 0, LENGTH)], columns=["chrom", "start", "end"])


def by_base(pieces, length=LENGTH):
    found = np.full(length, np.nan)
    for piece in pieces:
        for start, end, value in zip(piece.starts, piece.ends, piece.values, strict=True):
            assert np.isnan(found[start:end]).all(), "two values for a base"
            found[start:end] = value
    return found


def probability(odds, combine):
    both = odds.astype(float)
    joined = both.mean(0) if combine == "mean" else both.max(0)
    return 1 / (1 + np.exp(-joined))


@pytest.mark.parametrize(("window", "stride"), SHAPES)
@pytest.mark.parametrize("combine", ["mean", "max"])
def test_a_base_has_the_mean_of_the_windows_that_cover_it(window, stride, combine):
    config = ScanConfig(window=window, stride=stride)
    odds = scored(config)
    p = probability(odds, combine)
    expected = np.full(LENGTH, np.nan)
    for base in range(LENGTH):
        covering = [
            p[i]
            for i in range(len(p))
            if i * stride <= base < i * stride + window and not np.isnan(p[i])
        ]
        if covering:
            expected[base] = np.mean(covering)
    track = make_track(tiles(odds, [13, 14, 20]), config, TrackConfig(combine=combine), spans())
    np.testing.assert_allclose(by_base(track), expected, atol=6e-7)


@pytest.mark.parametrize(("window", "stride"), SHAPES)
def test_a_window_has_the_bases_at_its_centre(window, stride):
    config = ScanConfig(window=window, stride=stride)
    odds = scored(config)
    p = probability(odds, "mean")
    expected = np.full(LENGTH, np.nan)
    size = min(window, stride)
    for i, value in enumerate(p):
        start = i * stride + (window - size) // 2
        expected[start : start + size] = value
    found = by_base(make_track(tiles(odds, [9]), config, TrackConfig(per="window"), spans()))
    np.testing.assert_allclose(found, expected, atol=6e-7)


@pytest.mark.parametrize(("window", "stride"), SHAPES)
@pytest.mark.parametrize("per", ["base", "window"])
def test_where_the_genome_is_cut_changes_no_number(window, stride, per):
    config = ScanConfig(window=window, stride=stride)
    odds = scored(config)
    track = TrackConfig(per=per)
    whole = by_base(make_track(tiles(odds, []), config, track, spans()))
    for cuts in ([1, 2, 3], [7], list(range(1, odds.shape[1]))):
        np.testing.assert_array_equal(
            by_base(make_track(tiles(odds, cuts), config, track, spans())), whole
        )


@pytest.mark.parametrize(("window", "stride"), SHAPES)
@pytest.mark.parametrize("per", ["base", "window"])
def test_a_region_has_the_values_of_a_scan_of_everything(window, stride, per):
    config, track = ScanConfig(window=window, stride=stride), TrackConfig(per=per)
    odds = scored(config)
    whole = by_base(make_track(tiles(odds, []), config, track, spans()))
    regions = spans(("a", 0, 3), ("a", 101, 140), ("a", 145, 250), ("a", 990, LENGTH))
    plan = plan_scan({"a": LENGTH}, config, regions)
    picked = [
        Tile("a", t["first"], *(one[t["first"] : t["first"] + t["number"]] for one in odds))
        for t in plan.tiles.to_pylist()
    ]
    found = by_base(make_track(picked, config, track, plan.spans))
    inside = np.zeros(LENGTH, bool)
    for _, start, end in regions.itertuples(index=False):
        inside[start:end] = True
    np.testing.assert_array_equal(found[inside], whole[inside])
    assert np.isnan(found[~inside]).all()


def test_records_do_not_run_into_each_other():
    config = ScanConfig(window=30, stride=10)
    one, two = scored(config, 100, 1, 0), scored(config, 90, 2, 0)
    both = [*tiles(one, [3]), *tiles(two, [], "b")]
    places = spans(("a", 0, 100), ("b", 0, 90))
    found = {"a": [], "b": []}
    for piece in make_track(both, config, TrackConfig(), places):
        found[piece.chrom].append(piece)
    alone = by_base(make_track(tiles(two, []), config, TrackConfig(), spans(("a", 0, 90))), 90)
    np.testing.assert_array_equal(by_base(found["b"], 90), alone)
    assert not np.isnan(by_base(found["a"], 100)).any()


@pytest.mark.parametrize(("window", "stride"), SHAPES)
def test_the_plan_covers_every_window_once(window, stride):
    config = ScanConfig(window=window, stride=stride)
    lengths = {"b": 50_000, "tiny": window - 1, "a": window}
    plan = plan_scan(lengths, config)
    seen = [
        (t["chrom"], i)
        for t in plan.tiles.to_pylist()
        for i in range(t["first"], t["first"] + t["number"])
    ]
    assert seen == [(name, i) for name, n in lengths.items() for i in range(config.num_windows(n))]
    assert plan.num_windows == len(seen)
    starts, number = config.num_windows(50_000) - 1, config.num_windows(50_000)
    assert starts * stride + window <= 50_000 < number * stride + window


def test_regions_are_planned_by_the_windows_that_share_a_base_with_them():
    config = ScanConfig(window=30, stride=7)
    regions = spans(("a", 100, 101), ("a", 103, 140), ("a", 120, 150))
    tiles = plan_scan({"a": LENGTH}, config, regions).tiles.to_pylist()
    found = [i for t in tiles for i in range(t["first"], t["first"] + t["number"])]
    expected = [
        i
        for i in range(config.num_windows(LENGTH))
        if any(
            i * 7 < end and i * 7 + 30 > start for _, start, end in regions.itertuples(index=False)
        )
    ]
    assert found == expected
    assert plan_scan({"a": LENGTH}, config).tiles.schema == pa.schema(
        [("chrom", pa.string()), ("first", pa.int64()), ("number", pa.int32())]
    )


@pytest.mark.parametrize(
    "bad",
    [
        {"window": 0, "stride": 1},
        {"window": 9, "stride": 0},
        {"window": 9, "stride": 9, "max_unknown": 1.5},
    ],
)
def test_settings_that_cannot_be_are_refused(bad):
    with pytest.raises(InputError):
        ScanConfig(**bad)


def piece(values, starts=None, strand_bias=None, size=10, name="a"):
    values = np.array(values, float)
    starts = np.arange(len(values)) * size if starts is None else np.array(starts)
    strand_bias = np.zeros(len(values)) if strand_bias is None else np.array(strand_bias, float)
    return Piece(name, starts, starts + size, values, strand_bias)


@pytest.mark.parametrize("cuts", [[], [13, 14, 20], range(1, 38)])
@pytest.mark.parametrize(("window", "stride"), [(30, 10), (30, 30), (10, 25)])
def test_what_was_scanned_is_every_base_with_a_value(window, stride, cuts):
    config = ScanConfig(window=window, stride=stride)
    scanned, expected = Scanned(), []
    for name in ("a", "b"):
        odds = scored(config, seed=ord(name), unread=0.5)
        rows = spans((name, 0, LENGTH))
        pieces = list(make_track(tiles(odds, cuts, name), config, TrackConfig(), rows))
        there = np.concatenate([[0], ~np.isnan(by_base(pieces)), [0]]).astype(int)
        edges = np.flatnonzero(np.diff(there)).reshape(-1, 2).tolist()
        expected += [(name, *edge) for edge in edges]
        for piece in pieces:
            scanned.feed(piece)
    assert len(expected) > 2
    assert list(scanned.frame().itertuples(index=False, name=None)) == expected


def test_nothing_scanned_is_an_empty_table():
    assert list(Scanned().frame().columns) == ["chrom", "start", "end"]


def peaks(pieces, **config):
    caller = PeakCaller(PeakConfig(**{"threshold": 0.5, **config}))
    return [p for one in pieces for p in caller.feed(one)] + list(caller.end())


def test_peaks_are_runs_above_the_threshold_with_summit_and_strand():
    found = peaks([piece([0.1, 0.5, 0.9, 0.9, 0.6, 0.2, 0.7], strand_bias=[0, 1, -2, 1, 1, 1, 0])])
    assert found == [("a", 10, 50, 29, 0.9, "-"), ("a", 60, 70, 64, 0.7, ".")]
    assert found[0].bed(3) == ("a", 10, 50, "peak_3", 900, "-")
    assert found[0].narrow(3)[6:] == ("0.9", -1, -1, 19)


def test_gaps_are_merged_and_short_peaks_left_out():
    one = piece([0.8, 0.1, 0.6, 0.1, 0.1, 0.7])
    assert [p[1:3] for p in peaks([one], merge_gap=10)] == [(0, 30), (50, 60)]
    assert [p[1:3] for p in peaks([one], merge_gap=20)] == [(0, 60)]
    assert [p[1:3] for p in peaks([one], merge_gap=10, min_length=11)] == [(0, 30)]
    assert [p[1:3] for p in peaks([one], merge_gap=9)] == [(0, 10), (20, 30), (50, 60)]


def test_a_gap_in_the_track_ends_a_peak_as_a_low_value_does():
    assert [p[1:3] for p in peaks([piece([0.8, 0.8], starts=[0, 15])])] == [(0, 10), (15, 25)]


def test_peaks_do_not_depend_on_how_the_track_comes():
    rng = np.random.default_rng(0)
    whole = piece(np.round(rng.random(300), 1), strand_bias=rng.normal(size=300))
    expected = peaks([whole], merge_gap=10)
    assert len(expected) > 20
    for cuts in ([1], [100, 101], list(range(1, 300))):
        edges = [0, *cuts, 300]
        parts = [
            Piece("a", *(column[low:high] for column in whole[1:]))
            for low, high in pairwise(edges)
        ]
        assert peaks(parts, merge_gap=10) == expected


def test_peaks_end_with_their_record():
    found = peaks([piece([0.9, 0.9]), piece([0.9], name="b")], merge_gap=1000)
    assert [p[:3] for p in found] == [("a", 0, 20), ("b", 0, 10)]
