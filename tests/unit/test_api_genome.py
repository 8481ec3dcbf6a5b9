"""Scans, variants, motifs and comparisons of methods from Python."""

from __future__ import annotations

import shutil
from pathlib import Path

import dnasweep
import numpy as np
import pandas as pd
import pytest
from api_toys import MOTIF_AT, WINDOW, toy_genome, toy_labelled, toy_model
from dnasweep.api.tracks import Tracks
from dnasweep.plain import write_csv
from toys import MOTIF


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("api")
    toy_model(folder)
    toy_genome(folder)
    return folder


@pytest.fixture(scope="module")
def model(folder: Path) -> dnasweep.Model:
    return dnasweep.load_model(folder / "model")


def test_a_scan_finds_the_motif(folder: Path, model: dnasweep.Model, tmp_path: Path) -> None:
    how = {"window": WINDOW, "stride": 3, "strands": "forward", "progress": False, "min_length": 1}
    tracks = dnasweep.scan(model, folder / "genome.fa", threshold=0.5, **how)
    assert tracks.lengths == {"chr1": 3_000}
    whole = tracks.to_frame()
    best = whole.loc[whole["probability"].idxmax()]
    assert best["start"] < MOTIF_AT + len(MOTIF)
    assert best["end"] > MOTIF_AT - WINDOW
    part = tracks.to_frame("chr1:1,401-1,600")
    assert (part["start"].min(), part["end"].max()) == (1_400, 1_600), "cut at its ends"
    assert "1 records, 3,000 bases" in repr(tracks)
    assert tracks.plot()._repr_png_().startswith(b"\x89PNG")
    assert tracks.plot("chr1:1401-1600")._repr_png_().startswith(b"\x89PNG")
    copies = tracks.save(tmp_path / "out")
    assert {"probability.bw", "peaks.tsv", "scan.html"} <= {path.name for path in copies}
    with pytest.raises(dnasweep.InputError, match="'chr2' is not in the genome"):
        tracks.to_frame("chr2:1-100")
    with pytest.raises(dnasweep.InputError, match="no annotations to compare"):
        _ = tracks.agreement


def test_tracks_have_the_names_of_their_outputs(tmp_path: Path) -> None:
    files = [tmp_path / "tracks.tsv", tmp_path / "-log10p.bw", tmp_path / "NA.bw"]
    table = pd.DataFrame({"track": ["-log10p", "NA"], "file": ["-log10p.bw", "NA.bw"]})
    write_csv(table, files[0], sep="\t")
    assert Tracks(files, {}).bigwigs == {"-log10p": files[1], "NA": files[2]}


def test_peaks_are_compared_with_annotations(
    folder: Path, model: dnasweep.Model, tmp_path: Path
) -> None:
    known = tmp_path / "known.bed"
    known.write_text(f"chr1\t{MOTIF_AT}\t{MOTIF_AT + len(MOTIF)}\n")
    how = {"window": WINDOW, "stride": 12, "threshold": 0.5, "min_length": 1, "progress": False}
    tracks = dnasweep.scan(model, folder / "genome.fa", annotations=str(known), **how)
    assert list(tracks.agreement["annotation"]) == ["known"]
    assert list(tracks.agreement["num_elements"]) == [1]
    assert list(tracks.agreement["num_peaks"]) == [len(tracks.peaks)]


def test_regions_may_come_in_any_form(folder: Path, model: dnasweep.Model, tmp_path: Path) -> None:
    bed = tmp_path / "some.bed"
    bed.write_text("chr1\t999\t2000\n")
    table = pd.DataFrame({"chrom": ["chr1"], "start": [999], "end": [2_000]})
    found = [
        dnasweep.scan(
            model, folder / "genome.fa", window=WINDOW, stride=12, regions=regions, progress=False
        ).to_frame()
        for regions in (bed, str(bed), ["chr1:1000-2000"], "chr1:1,000-2,000", table)
    ]
    for one in found[1:]:
        pd.testing.assert_frame_equal(one, found[0])
    assert found[0]["start"].min() >= 999
    how = {"window": WINDOW, "stride": 12, "progress": False}
    whole, named = (
        dnasweep.scan(model, folder / "genome.fa", regions=regions, **how).to_frame()
        for regions in (None, "chr1")
    )
    pd.testing.assert_frame_equal(named, whole)
    with pytest.raises(dnasweep.InputError, match="chr9: there is no such file"):
        dnasweep.scan(model, folder / "genome.fa", regions="chr9", **how)
    with pytest.raises(dnasweep.InputError, match=r"some\.bed"):
        dnasweep.scan(model, folder / "genome.fa", regions=[bed], **how)
    with pytest.raises(dnasweep.InputError, match="no column end"):
        dnasweep.scan(
            model, folder / "genome.fa", window=WINDOW, regions=table[["chrom", "start"]]
        )


def test_variants_from_a_table(folder: Path, model: dnasweep.Model) -> None:
    genome = (folder / "genome.fa").read_text().split("\n")[1]
    at = MOTIF_AT + 3
    table = pd.DataFrame(
        {"chrom": "chr1", "pos": [at + 1, 11], "ref": [genome[at], genome[10]], "alt": "C"}
    )
    table.loc[table["ref"] == "C", "alt"] = "G"
    how = {"genome": folder / "genome.fa", "window": WINDOW, "backgrounds": 0, "progress": False}
    found = dnasweep.score_variants(model, table, **how)
    assert list(found["pos"]) == [at + 1, 11]
    assert {"probability_ref", "probability_alt", "delta_log2_odds", "call"} <= set(found)
    assert not {"z", "p_value", "llr"} & set(found)
    np.testing.assert_allclose(
        found["delta_log2_odds"], found["log2_odds_alt"] - found["log2_odds_ref"]
    )
    # Breaking the motif changes more than a base elsewhere.
    assert abs(found["delta_log2_odds"][0]) > abs(found["delta_log2_odds"][1])
    floats = dnasweep.score_variants(model, table.astype({"pos": float}), **how)
    pd.testing.assert_frame_equal(floats, found)
    region = dnasweep.score_variants(model, saturate=f"chr1:{at}-{at + 2}", **how)
    assert len(region) == 9
    wrong = table.assign(ref=table["alt"], alt=table["ref"])
    with pytest.raises(dnasweep.InputError, match="REF"):
        dnasweep.score_variants(model, wrong, **how)
    with pytest.raises(dnasweep.InputError, match="no column alt"):
        dnasweep.score_variants(model, table[["chrom", "pos", "ref"]], **how)
    with pytest.raises(dnasweep.InputError, match="there is nothing to score"):
        dnasweep.score_variants(model, **how)


def test_a_downloaded_model_stays_while_it_is_used(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(name: str, *, uri: str | None, destination: Path) -> Path:
        return Path(shutil.copytree(folder / "model", destination, dirs_exist_ok=True))

    monkeypatch.setattr("dnasweep.stages.model_sources.find_model_directory", fetch)
    name, genome = "models:/toy@best", folder / "genome.fa"
    region, how = "chr1:1400-1600", {"window": WINDOW, "progress": False}
    assert len(dnasweep.scan(name, genome, regions=region, **how).to_frame())
    scores = dnasweep.score_variants(
        name, genome=genome, saturate="chr1:1501-1501", backgrounds=0, **how
    )
    assert len(scores) == 3


def test_motifs_and_methods(model: dnasweep.Model, tmp_path: Path) -> None:
    sequences, names = toy_labelled(160)
    table = pd.DataFrame({"sequence": sequences, "label": [int(n == "promoter") for n in names]})
    found = dnasweep.explain(model, table, estimator="integrated_gradients", progress=False)
    known = tmp_path / "known.meme"
    known.write_text(
        "MEME version 4\n\nALPHABET= ACGT\n\nMOTIF TATA box\n"
        "letter-probability matrix: alength= 4 w= 6\n"
        + "".join(
            " ".join("0.97" if base == one else "0.01" for base in "ACGT") + "\n"
            for one in "TATAAA"
        )
    )
    motifs = dnasweep.discover_motifs(
        found,
        motifs=known,
        min_length=3,
        discovery_q=1.0,
        window=12,
        min_instances=5,
        progress=False,
    )
    assert len(motifs) >= 1
    assert motifs.table["consensus"].str.contains("AAGG|CCTT").any()
    assert "MOTIF" in motifs.meme.read_text()
    assert motifs.report.is_file()
    with pytest.raises(dnasweep.InputError, match="no label"):
        dnasweep.discover_motifs(
            dnasweep.explain(model, sequences[:4], max_evals=64, progress=False), motifs=known
        )
    with pytest.raises(dnasweep.InputError, match="there are no attributions"):
        dnasweep.discover_motifs([], progress=False)
    compared = dnasweep.compare_explanations(
        model,
        table,
        methods=["integrated_gradients", "attention_last"],
        num_sequences=8,
        sanity="none",
        permutations=19,
        progress=False,
    )
    assert set(compared.agreement["one"]) | set(compared.agreement["other"]) == {
        "integrated_gradients",
        "attention_last",
    }
    assert compared.findings
    assert compared.recovery.empty
    assert compared.report.is_file()
    assert (compared.save(tmp_path / "copy") / compared.report.name).is_file()
