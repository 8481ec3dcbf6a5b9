"""Scans by models of bases, of bins and of numbers: which window a base has its value of, on which strand."""

from __future__ import annotations

from pathlib import Path

import dnasweep
import numpy as np
import pyBigWig
import pytest
from base_toys import NAMES, TRACKS, numbers_model, placed_model
from dnasweep.errors import InputError
from dnasweep.formats.bases import reverse_complement
from dnasweep.genomics.output_scan import centre_of
from dnasweep.genomics.output_tracks import tracks_of
from dnasweep.genomics.scan_plan import ScanConfig
from dnasweep.models.predict import predict_probabilities
from dnasweep.models.pretrained.checkpoint import export
from dnasweep.report.drawing import plot
from dnasweep.report.output_scan_page import RegionTracks, tracks_picture

WINDOW, STRIDE, BINS = 24, 12, 4
BASES = "".join(np.random.default_rng(5).choice(list("ACGT"), 150))
ODD = "".join(np.random.default_rng(6).choice(list("ACGT"), 61))


@pytest.fixture(scope="module")
def genome(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("genome") / "genome.fa"
    path.write_text(f">chr1\n{BASES}\n>chr2\n{ODD}\n>short\nACGT\n")
    return path


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    found = {
        "token": placed_model(NAMES, "bpe-64"),
        "profile": placed_model(TRACKS, places=BINS),
        "regression": numbers_model(),
    }
    return {name: export(*made, folder / name) for name, made in found.items()}


def scan(model: Path, genome: Path, **options):
    return dnasweep.scan(
        model, genome, **{"window": WINDOW, "stride": STRIDE, "progress": False, **options}
    )


def values(tracks: dnasweep.Tracks, name: str, chrom: str, length: int) -> np.ndarray:
    with pyBigWig.open(str(tracks.bigwigs[name])) as file:
        return np.array(file.values(chrom, 0, length))


def expected(model: Path, text: str, outputs: int, *, reverse: bool = False) -> np.ndarray:
    """Return what the window around each base says of it, (bases, outputs); nan where there is none."""
    found = np.full((len(text), outputs), np.nan)
    number = (len(text) - WINDOW) // STRIDE + 1
    for i in range(number):
        window = text[i * STRIDE : i * STRIDE + WINDOW]
        read = reverse_complement(window) if reverse else window
        own = predict_probabilities(model, None, [read]).reshape(-1, outputs)
        own = np.repeat(own, WINDOW // len(own), axis=0)
        own = own[::-1] if reverse else own
        low = 0 if i == 0 else (WINDOW - STRIDE) // 2
        high = WINDOW if i == number - 1 else (WINDOW + STRIDE) // 2
        found[i * STRIDE + low : i * STRIDE + high] = own[low:high]
    return found


def test_each_track_has_a_file_of_its_own() -> None:
    tracks = tracks_of(["a b", "a_b", "c"], "both", "apart")
    assert [track.file for track in tracks] == [
        "a_b.plus.bw", "a_b.minus.bw", "a_b.plus_.bw", "a_b.minus_.bw", "c.plus.bw", "c.minus.bw",
    ]  # fmt: skip
    assert tracks[2].name == "a_b.plus"
    long = tracks_of(["長" * 200 + end for end in "ab"], "both", "mean")
    assert len({track.file for track in long}) == 2
    assert all(len(track.file.encode()) < 255 for track in long)


def test_a_base_has_the_probability_of_the_window_around_it_on_each_strand(
    models: dict[str, Path], genome: Path
) -> None:
    tracks = scan(models["token"], genome, threshold=0.4)
    assert list(tracks.bigwigs) == [
        "donor.plus", "donor.minus", "acceptor.plus", "acceptor.minus",
    ]  # fmt: skip
    for chrom, text in (("chr1", BASES), ("chr2", ODD)):
        for strand in ("plus", "minus"):
            wanted = expected(models["token"], text, 3, reverse=strand == "minus")
            for number, name in ((1, "donor"), (2, "acceptor")):
                found = values(tracks, f"{name}.{strand}", chrom, len(text))
                np.testing.assert_allclose(found, wanted[:, number], atol=1e-5)
    peaks = tracks.peaks
    called = peaks[(peaks["track"] == "donor") & (peaks["strand"] == "-")]
    found = np.concatenate(
        [values(tracks, "donor.minus", c, n) for c, n in (("chr1", 150), ("chr2", 61))]
    )
    assert (called["end"] - called["start"]).sum() == (np.nan_to_num(found) >= 0.4).sum() > 0
    frame = tracks.to_frame("chr1:31-40")
    assert frame["start"].tolist() == list(range(30, 40))
    np.testing.assert_allclose(
        frame["donor.plus"], values(tracks, "donor.plus", "chr1", 150)[30:40], rtol=1e-6
    )


@pytest.mark.parametrize("combine", ["mean", "max"])
def test_strands_of_a_signal_are_combined_bin_by_bin(
    models: dict[str, Path], genome: Path, combine: str
) -> None:
    tracks = scan(models["profile"], genome, combine=combine)
    strands = [expected(models["profile"], BASES, 2, reverse=one) for one in (False, True)]
    wanted = getattr(np, combine)(strands, axis=0)
    for number, name in enumerate(TRACKS):
        np.testing.assert_allclose(
            values(tracks, name, "chr1", len(BASES)), wanted[:, number], rtol=1e-4
        )
    with pytest.raises(InputError, match="are called only with a threshold"):
        _ = tracks.peaks
    assert len(scan(models["profile"], genome, threshold=0.01).peaks)


def test_a_number_is_that_of_the_bases_at_the_centre_of_its_window(
    models: dict[str, Path], genome: Path
) -> None:
    tracks = scan(models["regression"], genome, strands="forward", stride=10)
    windows = [BASES[start : start + WINDOW] for start in range(0, 150 - WINDOW + 1, 10)]
    wanted = predict_probabilities(models["regression"], None, windows)[:, 0]
    found = values(tracks, "activity", "chr1", 150)
    np.testing.assert_allclose(found[7 : 7 + 10 * len(wanted)], np.repeat(wanted, 10), rtol=1e-4)
    assert np.isnan(found[:7]).all()


def test_a_scan_may_have_no_peak(models: dict[str, Path], genome: Path) -> None:
    found = scan(models["regression"], genome, threshold=1e3)
    assert len(found.peaks) == 0
    assert "activity" in found.bigwigs


def test_neither_regions_nor_shards_change_a_bit(models: dict[str, Path], genome: Path) -> None:
    whole = scan(models["token"], genome)
    part = scan(models["token"], genome, regions="chr1:41-90", shard_size=1, target="donor")
    assert list(part.bigwigs) == ["donor.plus", "donor.minus"]
    for name in part.bigwigs:
        found = values(part, name, "chr1", 150)
        np.testing.assert_array_equal(found[40:90], values(whole, name, "chr1", 150)[40:90])
        assert np.isnan(found[:40]).all()
        assert np.isnan(found[90:]).all()


def test_the_reverse_complement_of_a_genome_has_the_strands_exchanged(
    models: dict[str, Path], genome: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.fa"
    text = BASES[:144]
    other.write_text(f">chr1\n{reverse_complement(text)}\n")
    given = tmp_path / "given.fa"
    given.write_text(f">chr1\n{text}\n")
    one, two = (scan(models["token"], path) for path in (given, other))
    for a, b in (("plus", "minus"), ("minus", "plus")):
        np.testing.assert_allclose(
            values(one, f"donor.{a}", "chr1", 144),
            values(two, f"donor.{b}", "chr1", 144)[::-1],
            atol=1e-6,
        )


def test_windows_of_unknown_bases_have_no_values(models: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "n.fa"
    path.write_text(f">chr1\n{BASES[:60]}{'N' * 40}{BASES[60:]}\n")
    found = values(scan(models["token"], path), "donor.plus", "chr1", 190)
    assert np.isnan(found[60:100]).all()
    assert not np.isnan(found[:50]).any()


@pytest.mark.parametrize(
    ("model", "options", "reason"),
    [
        ("token", {"target": "donor@3"}, "covers all bases of the genome"),
        ("token", {"threshold": 2.0}, "at most 1"),
        ("token", {"tss": "x.bed"}, "peaks of a class of sequences"),
        ("token", {"stride": 25}, "--stride is 25"),
        ("profile", {"window": 26}, "into 4 bins of equal width"),
        ("profile", {"stride": 8}, "windows of 24 bases have bins of 6"),
    ],
)
def test_what_is_not_for_such_a_scan_is_refused(
    models: dict[str, Path], genome: Path, model: str, options: dict, reason: str
) -> None:
    with pytest.raises(InputError, match=reason) as raised:
        scan(models[model], genome, **options)
    assert raised.value.remedy


def test_centres_have_every_place_of_a_record_once() -> None:
    for window, stride, width in ((24, 12, 1), (24, 24, 1), (25, 7, 1), (24, 12, 6), (24, 6, 6)):
        config = ScanConfig(window=window, stride=stride)
        number = config.num_windows(150)
        bases: list[int] = []
        for index in range(number):
            own = centre_of(config, width, index, number)
            count = (own.last - own.first) * width
            assert own.start == index * stride + own.first * width
            bases += range(own.start, own.start + count)
        assert bases == list(range((number - 1) * stride + window))


def test_bases_without_a_value_stay_empty_in_the_figure() -> None:
    values = np.array([-2.0, np.nan, 4.0])
    figure = plot(tracks_picture(RegionTracks("chr1", 10, {"a": values, "b": values * np.nan})))
    first, second = figure.axes
    np.testing.assert_array_equal(first.patches[0].get_data().values, values)
    assert first.get_ylim() == (-2.0, 4.2)
    assert np.isfinite(second.get_ylim()).all()
