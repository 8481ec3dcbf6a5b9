"""A genome scan from request to files, without a cluster."""

import json
import shutil

import numpy as np
import pandas as pd
import pybigtools
import pyBigWig
import pytest
from dnasweep.errors import InputError
from dnasweep.formats.bases import reverse_complement
from dnasweep.formats.reference import open_genome
from dnasweep.genomics.genome_store import StoredGenome, keep_genome
from dnasweep.genomics.scan_plan import ScanConfig, TrackConfig
from dnasweep.genomics.scan_worker import ScanWorker, WindowRun
from dnasweep.jobs.shards.store import Shards
from dnasweep.models.predict import predict_probabilities
from dnasweep.stages import models
from dnasweep.storage import Storage
from dnasweep.workflows import scan_files
from scan_toys import LENGTHS, STRIDE, WINDOW, records, scan, write_fasta
from shap_toys import write_model

FILES = ("probability.bw", "probability.bedgraph.gz", "peaks.bed", "peaks.narrowPeak", "peaks.tsv")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    return write_fasta(tmp_path_factory.mktemp("genome") / "toy.fa", records())


@pytest.fixture(scope="module")
def annotation(tmp_path_factory):
    path = tmp_path_factory.mktemp("annotation") / "known.bed"
    rows = [("chr2L", i, i + 1, f"t{i}", 0, "+-"[i % 2]) for i in range(50, 4_000, 333)]
    path.write_text("# made up\n" + "".join("\t".join(map(str, r)) + "\n" for r in rows))
    return path


def worker(storage, model, genome, names=tuple(LENGTHS), batch_rows=None, **config):
    store = Storage(storage)
    with open_genome(genome) as fasta:
        key = keep_genome(store, fasta, names)
    settings = {
        "window": WINDOW,
        "stride": STRIDE,
        "strands": "both",
        "max_unknown": 0.05,
        **config,
        "genome": key,
        "model": models.keep_model(store, model),
        "target": "promoter",
        "precision": "fp32",
    }
    return ScanWorker(
        storage=store.root, models=models.KIND, settings=settings, batch_rows=batch_rows
    )


def content(folder):
    """Return the bytes of every file that a scan writes, by name."""
    parts = [folder, *(p for p in folder.parent.iterdir() if p.name.startswith("track-"))]
    return {
        path.name: path.read_bytes()
        for part in parts
        for path in part.iterdir()
        if path.name != "manifest.json"
    }


def track_of(folder):
    (track,) = (p for p in folder.parent.iterdir() if p.name.startswith("track-"))
    return track


def test_a_stored_genome_gives_the_bases_of_the_fasta(tmp_path, genome, monkeypatch):
    monkeypatch.setattr("dnasweep.genomics.genome_store.BASES", 512)
    store = Storage(tmp_path)
    with open_genome(genome) as fasta:
        key = keep_genome(store, fasta, ["chr2R", "chr2L"])
    found = StoredGenome(store, key)
    assert found.lengths == {"chr2R": 2_500, "chr2L": 4_000}
    text = records()["chr2L"].upper()
    for start, end in [(0, 4_000), (511, 513), (512, 1_024), (3_999, 4_000), (7, 7)]:
        assert found.fetch("chr2L", start, end) == text[start:end]
    assert found.fetch("chr2R", 2_400, 2_500) == records()["chr2R"][2_400:].upper()
    with pytest.raises(ValueError, match="not on a record"):
        found.fetch("chr2L", 3_000, 4_001)


def test_windows_have_the_probabilities_of_prediction(tmp_path, model, genome):
    ((forward, reverse),) = worker(tmp_path, model, genome).score([WindowRun("chr2L", 3, 200)])
    text = records()["chr2L"]
    windows = [text[i * STRIDE : i * STRIDE + WINDOW] for i in range(3, 203)]
    unknown = np.array([w.count("N") / WINDOW > 0.05 for w in windows])
    assert unknown.sum() > 20
    assert (np.isnan(forward) == unknown).all()
    assert (np.isnan(reverse) == unknown).all()
    for odds, strand in ((forward, windows), (reverse, [*map(reverse_complement, windows)])):
        expected = predict_probabilities(model, None, strand)[:, 1]
        found = 1 / (1 + np.exp(-odds.astype(float)))
        np.testing.assert_allclose(found[~unknown], expected[~unknown], atol=2e-6)
    assert np.nanstd(forward) > 0.01


def test_both_strands_say_the_same_of_the_reverse_complement(tmp_path, model):
    text = records()["chr2L"][: WINDOW + 40 * STRIDE]
    one = write_fasta(tmp_path / "one.fa", {"a": text})
    other = write_fasta(tmp_path / "other.fa", {"a": reverse_complement(text)})
    ((forward, reverse),) = worker(tmp_path / "s", model, one, ["a"]).score(
        [WindowRun("a", 0, 41)]
    )
    ((there, back),) = worker(tmp_path / "s", model, other, ["a"]).score([WindowRun("a", 0, 41)])
    np.testing.assert_array_equal(forward, back[::-1])
    np.testing.assert_array_equal((forward + reverse) / 2, ((there + back) / 2)[::-1])
    assert np.abs(forward - reverse).max() > 0.01


@pytest.mark.parametrize("spec", ["kmer-3", "bpe-40"])
def test_a_number_depends_on_its_window_alone(tmp_path, genome, spec):
    """To the bit: not on what else is computed with it, nor on where regions or shards cut."""
    model = write_model(tmp_path / spec, spec=spec, max_tokens=70)
    one = worker(tmp_path, model, genome)
    (whole,) = one.score([WindowRun("chr2L", 0, 263)])
    alone = one.score([WindowRun("chr2L", 5, 1)])[0]
    others = one.score(
        [WindowRun("chr2R", 9, 40), WindowRun("chr2L", 3, 100), WindowRun("chr2L", 103, 7)]
    )
    assert np.isfinite(whole).sum() > 300
    np.testing.assert_array_equal(np.stack(alone), np.stack(whole)[:, 5:6])
    np.testing.assert_array_equal(np.concatenate(others[1:], 1), np.stack(whole)[:, 3:110])


def test_other_batches_change_numbers_by_rounding_alone(tmp_path, model, genome):
    found = [
        np.stack(
            worker(tmp_path, model, genome, batch_rows=n).score([WindowRun("chr2L", 0, 60)])[0]
        )
        for n in (None, 1, 7)
    ]
    for one in found[1:]:
        np.testing.assert_allclose(one, found[0], atol=5e-6)


def test_shard_size_and_a_second_run_change_no_byte(
    tmp_path, model, genome, annotation, monkeypatch
):
    monkeypatch.setattr("dnasweep.genomics.scan_plan.TILE_WINDOWS", 16)
    known = {"annotations": (str(annotation),), "widen": 20, "tss": str(annotation)}
    first = scan(monkeypatch, model, genome, tmp_path / "a", shard_size=1, **known)
    second = scan(monkeypatch, model, genome, tmp_path / "b", shard_size=7, **known)
    shards = [len(list((f.parent / "shards").iterdir())) for f in (first, second)]
    assert shards[0] > 20 > shards[1] > 1
    assert content(first) == content(second)
    assert first.name == second.name
    before = {p: p.stat().st_mtime_ns for p in first.rglob("*")}
    # A killed run: some shards and the results are gone, the others stay.
    for gone in (
        "shards/00003",
        "shards/00010",
        "manifest.json",
        first.name,
        track_of(first).name,
    ):
        path = first.parent / gone
        path.unlink() if path.is_file() else shutil.rmtree(path)
    assert scan(monkeypatch, model, genome, tmp_path / "a", **known) == first
    assert content(first) == content(second)
    left = first.parent / "shards" / "00004" / "windows.parquet"
    assert before.get(left, left.stat().st_mtime_ns) == left.stat().st_mtime_ns


def test_files_open_in_the_tools_of_others(tmp_path, model, genome, annotation, monkeypatch):
    first = scan(monkeypatch, model, genome, tmp_path)
    track = pd.read_csv(track_of(first) / "probability.bedgraph.gz", sep="\t", header=None)
    folder = scan(
        monkeypatch,
        model,
        genome,
        tmp_path,
        threshold=float(track[3].quantile(0.7)),
        annotations=(str(annotation),),
        widen=20,
        tss=str(annotation),
        out=str(tmp_path / "out"),
    )
    out = tmp_path / "out"
    assert {p.name for p in out.iterdir()} >= {
        *FILES,
        "agreement.tsv",
        "thresholds.tsv",
        "summary.json",
        "precision_recall.png",
        "region.png",
    }
    graph = pd.read_csv(out / "probability.bedgraph.gz", sep="\t", header=None)
    with pyBigWig.open(str(out / "probability.bw")) as one:
        assert one.chroms() == {"chr2L": 4_000, "chr2R": 2_500}
        rows = [(n, *row) for n in one.chroms() for row in one.intervals(n)]
    other = pybigtools.open(str(out / "probability.bw"))
    again = [(n, *row) for n in other.chroms() for row in other.records(n)]
    assert again == rows
    assert [row[:3] for row in rows] == [*graph[[0, 1, 2]].itertuples(index=False, name=None)]
    np.testing.assert_allclose([row[3] for row in rows], graph[3], rtol=1e-5)
    assert graph[3].between(0, 1).all()
    peaks = pd.read_csv(out / "peaks.narrowPeak", sep="\t", header=None)
    assert len(peaks) > 0
    assert peaks.shape[1] == 10
    assert (peaks[9] < peaks[2] - peaks[1]).all()
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["peaks"] == len(peaks)
    (row,) = summary["annotations"]
    assert row["num_elements"] > 5
    assert 0 <= row["average_precision"] <= 1
    elements = pd.read_csv(annotation, sep="\t", header=None, comment="#", usecols=range(3))
    hit = [
        any(
            chrom == other and start < last + 20 and first - 20 < end
            for other, first, last in elements[[0, 1, 2]].itertuples(index=False)
        )
        for chrom, start, end in peaks[[0, 1, 2]].itertuples(index=False)
    ]
    assert row["precision"] == pytest.approx(sum(hit) / len(peaks))


def test_a_scan_of_regions_has_the_track_of_a_scan_of_everything(
    tmp_path, model, genome, monkeypatch
):
    regions = tmp_path / "regions.bed"
    regions.write_text("chr2R\t500\t700\nchr2L\t2000\t2800\nchr2L\t2750\t3000\n")
    whole = track_of(scan(monkeypatch, model, genome, tmp_path / "a"))
    part = track_of(scan(monkeypatch, model, genome, tmp_path / "b", regions=str(regions)))
    with pyBigWig.open(str(part / "probability.bw")) as file:
        assert list(file.chroms()) == ["chr2L", "chr2R"]
        here = [file.values("chr2L", 2000, 3000), file.values("chr2R", 500, 700)]
        assert np.isnan(file.values("chr2L", 1500, 2000)).all()
    with pyBigWig.open(str(whole / "probability.bw")) as file:
        there = [file.values("chr2L", 2000, 3000), file.values("chr2R", 500, 700)]
    for one, other in zip(here, there, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_region_may_be_written_in_place_of_a_file(tmp_path, model, genome, monkeypatch):
    path = tmp_path / "part.bed"
    path.write_text("chr2L\t1400\t2000\n")
    as_file, as_text = (
        track_of(scan(monkeypatch, model, genome, tmp_path / f"{i}", regions=regions))
        for i, regions in enumerate([str(path), "chr2L:1,401-2,000"])
    )
    tracks = [(folder / "probability.bedgraph.gz").read_bytes() for folder in (as_file, as_text)]
    assert tracks[0] == tracks[1]
    for regions, reason in (
        ("chr2L:3,000-9,000", "the region chr2L:3,000-9,000 is not on chr2L"),
        ("chr2L", "there is no such file"),
    ):
        with pytest.raises(InputError, match=reason):
            scan(monkeypatch, model, genome, tmp_path / "2", regions=regions)


def test_memory_does_not_grow_with_the_genome(tmp_path, model, monkeypatch):
    """Nothing that makes files of shards holds more than a shard and a tile's reach."""
    seen = []
    real = scan_files.write_track.__globals__["make_track"]

    def watch(tiles, *rest):
        def count():
            for tile in tiles:
                seen.append(len(tile.forward))
                yield tile

        for piece in real(count(), *rest):
            seen.append(len(piece.starts))
            yield piece

    monkeypatch.setitem(scan_files.write_track.__globals__, "make_track", watch)
    monkeypatch.setattr("dnasweep.genomics.scan_plan.TILE_WINDOWS", 16)
    text = records()["chr2L"]
    long = write_fasta(tmp_path / "long.fa", {"a": text * 3})
    scan(monkeypatch, model, long, tmp_path / "s", shard_size=2)
    assert len(seen) > 100
    assert max(seen) <= 2 * 16


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"window": 75}, "has 27 tokens, but the model has 24 positions"),
        ({"window": 5_000}, "long enough for a window of 5,000 bases"),
        ({"chromosomes": ("chr9",)}, "not in the genome toy.fa, which has chr2L"),
        ({"chromosomes": ("2L",)}, "--match-chromosomes"),
        ({"picture": "chr2L"}, "CHROM:START-END"),
        ({"picture": "chr2L:,-_"}, "which has 4,000 bases"),
        ({"seed": -1}, "seed is -1"),
        ({"picture": "chr2L:10-5000"}, "which has 4,000 bases"),
        ({"picture": "chrU:1-20"}, "on chrU, which is not scanned"),
        ({"threshold": 1.5}, "threshold is 1.5"),
        ({"genome": "/no/such.fa"}, "no such file.*path of the genome"),
        ({"model": "/no/such"}, "no model is found for ./no/such.: there is no such directory"),
        ({"target": "enhancer"}, "enhancer"),
        ({"max_unknown": 2.0}, "max_unknown"),
        ({"batch_rows": 0}, "batch_rows is 0"),
    ],
)
def test_what_cannot_be_scanned_is_refused_first(
    tmp_path, model, genome, monkeypatch, change, words
):
    given = {"model": model, "genome": genome, "storage": tmp_path, **change}
    with pytest.raises(InputError, match=words):
        scan(monkeypatch, **given)
    assert not (tmp_path / "scans").exists()


@pytest.mark.parametrize(
    ("text", "row", "words"),
    [
        ("", None, "empty"),
        ("# only words\n", None, "contains no interval"),
        ("chr2L\t5\t9\nchr9\t1\t2\n", 2, "not in the genome"),
        ("2L\t5\t9\n", 1, "is called 'chr2L' in toy.fa"),
        ("chr2L\t5\t9\nchr2L\t3000\t4001\n", 2, "extend beyond the end"),
        ("chr2L\tfive\t9\n", 1, "not a whole number"),
    ],
)
@pytest.mark.parametrize("option", ["regions", "annotations", "tss"])
def test_bad_beds_are_refused_with_file_and_row(
    tmp_path, model, genome, monkeypatch, text, row, words, option
):
    path = tmp_path / "bad.bed"
    path.write_text(text)
    given = (str(path),) if option == "annotations" else str(path)
    with pytest.raises(InputError, match=words) as caught:
        scan(monkeypatch, model, genome, tmp_path / "s", **{option: given})
    assert (caught.value.file, caught.value.row) == (str(path), row)


def test_bad_rows_are_left_out_and_listed_where_that_is_asked_for(
    tmp_path, model, genome, monkeypatch
):
    path = tmp_path / "some.bed"
    path.write_text("chr2L\t5\t90\n2R\t5\t90\nchr9\t1\t2\n")
    given = {"annotations": (str(path),), "skip_bad_rows": True}
    folder = scan(monkeypatch, model, genome, tmp_path / "s", **given)
    rejects = pd.read_csv(folder / "rejects.tsv", sep="\t")
    assert rejects["row"].tolist() == [2, 3]
    agreement = pd.read_csv(folder / "agreement.tsv", sep="\t")
    assert agreement["num_elements"].tolist() == [1]
    folder = scan(monkeypatch, model, genome, tmp_path / "s", match_chromosomes=True, **given)
    assert pd.read_csv(folder / "agreement.tsv", sep="\t")["num_elements"].tolist() == [2]


def test_damaged_windows_are_told_with_their_folder_and_made_again(
    tmp_path, model, genome, monkeypatch
):
    folder = scan(monkeypatch, model, genome, tmp_path)
    peaks = (folder / "peaks.tsv").read_bytes()
    shutil.rmtree(folder)
    windows = folder.parent / "shards" / "00000" / "windows.parquet"
    data = bytearray(windows.read_bytes())
    data[len(data) // 2] ^= 255
    windows.write_bytes(data)
    with monkeypatch.context() as patched:
        # As if it had been damaged after the job had looked for damage.
        patched.setattr(Shards, "clear_damaged", lambda shards: None)
        with pytest.raises(InputError, match=r"damaged.*the same command again") as caught:
            scan(patched, model, genome, tmp_path)
    assert caught.value.file == str(windows.parent)
    assert (scan(monkeypatch, model, genome, tmp_path) / "peaks.tsv").read_bytes() == peaks


def test_a_bed_that_is_not_there_is_told(tmp_path, model, genome, monkeypatch):
    with pytest.raises(InputError, match=r"no such file.*path of the intervals"):
        scan(monkeypatch, model, genome, tmp_path, regions="/no/such.bed")


def test_settings_name_what_they_are():
    assert ScanConfig(window=10, stride=4).num_windows(17) == 2
    assert TrackConfig().per == "base"
