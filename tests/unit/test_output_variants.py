"""Variant scores of models of classes of bases, of signals and of numbers."""

from __future__ import annotations

import gzip
from pathlib import Path

import dnasweep
import numpy as np
import pandas as pd
import pytest
from base_toys import NAMES, TRACKS, numbers_model, placed_model
from dnasweep.errors import InputError
from dnasweep.formats.bases import reverse_complement
from dnasweep.models.predict import predict_probabilities
from dnasweep.models.pretrained.checkpoint import export
from scipy.spatial.distance import jensenshannon

WINDOW, BINS = 24, 4
LETTERS = np.random.default_rng(5).choice(list("ACGT"), 150)
LETTERS[69:74] = list("GCATG")
BASES = "".join(LETTERS)


@pytest.fixture(scope="module")
def genome(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("genome") / "genome.fa"
    path.write_text(f">chr1\n{BASES}\n")
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


def score(model: Path, genome: Path, *variants: tuple[int, str, str], **options) -> pd.DataFrame:
    frame = pd.DataFrame(
        [("chr1", pos, ref, alt) for pos, ref, alt in variants],
        columns=["chrom", "pos", "ref", "alt"],
    )
    given = {"window": WINDOW, "shifts": (), "progress": False, **options}
    return dnasweep.score_variants(model, frame, genome=genome, **given)


def alternative(pos: int, ref: str, alt: str) -> str:
    assert BASES[pos - 1 : pos - 1 + len(ref)] == ref
    return BASES[: pos - 1] + alt + BASES[pos - 1 + len(ref) :]


def read(model: Path, window: str, outputs: int, *, reverse: bool = False) -> np.ndarray:
    """Return what is predicted of a window, (places, outputs), in the order of the genome."""
    text = reverse_complement(window) if reverse else window
    found = predict_probabilities(model, None, [text]).reshape(-1, outputs)
    return found[::-1] if reverse else found


def changes(model: Path, pos: int, ref: str, alt: str) -> np.ndarray:
    """Return ALT - REF of each base around a variant of one base on both strands, (2, bases, classes)."""
    first, other = pos - 1, alternative(pos, ref, alt)
    found = []
    for reverse in (False, True):
        # A window of even width begins as many bases upstream of the variant on either strand.
        start = first - WINDOW // 2 + (1 if reverse else 0)
        pair = [
            read(model, text[start : start + WINDOW], 3, reverse=reverse)
            for text in (BASES, other)
        ]
        whole = np.zeros((len(BASES), 3))
        whole[start : start + WINDOW] = pair[1] - pair[0]
        found.append(whole)
    return np.stack(found)


@pytest.mark.parametrize("distance", [None, 3])
def test_gains_and_losses_are_the_largest_of_any_base_and_say_where(
    models: dict[str, Path], genome: Path, distance: int | None
) -> None:
    pos, ref, alt = 71, "C", "G"
    (row,) = score(models["token"], genome, (pos, ref, alt), distance=distance).to_dict("records")
    found = changes(models["token"], pos, ref, alt)
    if distance is not None:
        found[:, np.abs(np.arange(len(BASES)) - (pos - 1)) > distance] = 0
    largest = 0.0
    for number, name in ((1, "donor"), (2, "acceptor")):
        for change, own in (("gain", found[..., number]), ("loss", -found[..., number])):
            strand, at = np.unravel_index(own.argmax(), own.shape)
            assert row[f"{change}_{name}"] == pytest.approx(own.max(), abs=1e-5)
            assert row[f"{change}_at_{name}"] == at - (pos - 1)
            assert row[f"{change}_strand_{name}"] == "+-"[strand]
            largest = max(largest, own.max())
    assert abs(row["largest_change"]) == pytest.approx(largest, abs=1e-5)
    assert "call" not in row
    assert "z" not in row


def test_bases_beside_an_indel_are_compared_with_themselves(
    models: dict[str, Path], genome: Path
) -> None:
    """CAT becomes C: A and T have probability 0 without them, and what follows moves with its bases."""
    (row,) = score(models["token"], genome, (71, "CAT", "C"), target="donor").to_dict("records")
    other = alternative(71, "CAT", "C")

    def of(text: str, start: int, *, reverse: bool) -> np.ndarray:
        return read(models["token"], text[start : start + WINDOW], 3, reverse=reverse)[:, 1]

    # On the reverse strand the variant begins with the base behind it, whose windows are upstream of that.
    found = []
    for reverse, start, moved in ((False, 58, 0), (True, 62, 2)):
        ref, alt = of(BASES, start, reverse=reverse), of(other, start - moved, reverse=reverse)
        lacking = 71 - start
        aligned = np.concatenate([alt[moved : moved + lacking], [0, 0], alt[moved + lacking :]])
        change = np.zeros(len(BASES))
        change[start : start + WINDOW] = aligned[:WINDOW] - ref
        found.append(change)
    for change, own in (("gain", np.array(found)), ("loss", -np.array(found))):
        strand, at = np.unravel_index(own.argmax(), own.shape)
        assert row[f"{change}_donor"] == pytest.approx(own.max(), abs=1e-5)
        assert row[f"{change}_at_donor"] == at - 70
        assert row[f"{change}_strand_donor"] == "+-"[strand]


@pytest.mark.parametrize("model", ["token", "profile", "regression"])
@pytest.mark.parametrize(
    ("given", "back"), [((71, "C", "G"), (71, "G", "C")), ((71, "CAT", "C"), (71, "C", "CAT"))]
)
def test_exchanged_alleles_have_the_opposite_scores(
    models: dict[str, Path], genome: Path, tmp_path: Path, model: str, given: tuple, back: tuple
) -> None:
    other = tmp_path / "other.fa"
    other.write_text(f">chr1\n{alternative(*given)}\n")
    one = score(models[model], genome, given, shifts=(-4, 4)).iloc[0]
    two = score(models[model], other, back, shifts=(-4, 4)).iloc[0]
    main = next(c for c in one.index if c.startswith(("largest", "log2_fold", "delta")))
    assert one[main] == pytest.approx(-two[main], rel=1e-3, abs=1e-6)
    assert one[main] != 0
    if model == "token":
        for name in NAMES[1:]:
            assert one[f"gain_{name}"] == pytest.approx(two[f"loss_{name}"], abs=1e-6)


@pytest.mark.parametrize("model", ["token", "profile", "regression"])
def test_the_reverse_complement_of_a_genome_has_the_same_scores(
    models: dict[str, Path], genome: Path, tmp_path: Path, model: str
) -> None:
    other = tmp_path / "other.fa"
    other.write_text(f">chr1\n{reverse_complement(BASES)}\n")
    one = score(models[model], genome, (71, "C", "G")).iloc[0]
    two = score(models[model], other, (150 - 70, "G", "C")).iloc[0]
    for column in one.index.drop(
        ["pos", "ref", "alt", "given_pos", "given_ref", "given_alt", "file"]
    ):
        if "strand" in column:
            assert {one[column], two[column]} == {"+", "-"}
        elif "_at_" in column:
            assert one[column] == -two[column]
        elif isinstance(one[column], float):
            assert one[column] == pytest.approx(two[column], rel=1e-4, abs=1e-7), column


def test_scores_of_signals_are_those_of_their_definitions(
    models: dict[str, Path], genome: Path
) -> None:
    pos, ref, alt = 71, "C", "G"
    (row,) = score(models["profile"], genome, (pos, ref, alt)).to_dict("records")
    other = alternative(pos, ref, alt)
    strands = []
    for reverse in (False, True):
        start = pos - 1 - WINDOW // 2 + (1 if reverse else 0)
        strands.append(
            [
                read(models["profile"], t[start : start + WINDOW], 2, reverse=reverse)
                for t in (BASES, other)
            ]
        )
    found = np.array(strands)
    for number, name in enumerate(TRACKS):
        signal = found[..., number]
        mean = signal.mean(axis=(0, 2))
        assert row[f"ref_{name}"] == pytest.approx(mean[0], rel=1e-4)
        assert row[f"log2_fold_change_{name}"] == pytest.approx(
            np.log2(mean[1] / mean[0]), abs=1e-4
        )
        distance = np.mean([jensenshannon(a, b, base=2) for a, b in signal])
        assert row[f"jsd_{name}"] == pytest.approx(distance, rel=1e-3, abs=1e-4)
        delta = signal[:, 1] - signal[:, 0]
        strand, place = np.unravel_index(np.abs(delta).argmax(), delta.shape)
        assert row[f"bin_delta_{name}"] == pytest.approx(delta[strand, place], rel=1e-3)
        start = -(WINDOW // 2) + (1 if strand else 0)
        assert abs(row[f"bin_at_{name}"] - (start + place * 6 + 2.5)) <= 0.5


def test_scores_of_numbers_are_means_over_strands_and_have_a_background(
    models: dict[str, Path], genome: Path
) -> None:
    pos, ref, alt = 71, "C", "G"
    (row,) = score(models["regression"], genome, (pos, ref, alt), backgrounds=9).to_dict("records")
    other = alternative(pos, ref, alt)
    found = []
    for text in (BASES, other):
        start = pos - 1 - WINDOW // 2
        both = (
            text[start : start + WINDOW],
            reverse_complement(text[start + 1 : start + 1 + WINDOW]),
        )
        found.append(predict_probabilities(models["regression"], None, list(both)).mean())
    assert row["ref_activity"] == pytest.approx(found[0], rel=1e-4)
    assert row["delta_activity"] == pytest.approx(found[1] - found[0], abs=1e-4)
    assert 0.1 <= row["p_value"] <= 1
    assert np.isfinite(row["z"])


@pytest.mark.parametrize("name", ["probability", "log2_odds"])
def test_a_number_may_be_called_like_a_score_of_classes(
    name: str, models: dict[str, Path], genome: Path, tmp_path: Path
) -> None:
    model = export(*numbers_model(name), tmp_path / "model")
    (usual,) = score(models["regression"], genome, (71, "C", "G")).to_dict("records")
    folder = tmp_path / "runs"
    found = score(model, genome, (71, "C", "G"), storage=folder, tracking_uri="none")
    assert list(found).count(f"delta_{name}") == 1
    for column in ("delta_", "ref_", "alt_"):
        assert found[f"{column}{name}"].tolist() == [usual[f"{column}activity"]]
    (page,) = folder.rglob("variants.html")
    assert f"change of {name}" in page.read_text()


def test_files_have_the_scores(models: dict[str, Path], genome: Path, tmp_path: Path) -> None:
    vcf = tmp_path / "in.vcf"
    vcf.write_text(
        "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\nchr1\t71\t.\tC\tG,T\t.\t.\t.\n"
    )
    options = {"genome": genome, "window": WINDOW, "progress": False}
    dnasweep.score_variants(
        models["token"], vcf, storage=tmp_path / "runs", tracking_uri="none", **options
    )
    (found,) = (tmp_path / "runs").rglob("in.scored.vcf.gz")
    text = gzip.decompress(found.read_bytes()).decode()
    assert "ID=DNASWEEP_gain_at_donor,Number=A,Type=Integer" in text
    assert "DNASWEEP_gain_donor=0." in text
    assert "delta_log2_odds" not in text
    page = (found.parent / "variants.html").read_text()
    assert "How variants change what a model predicts" in page
    dnasweep.score_variants(
        models["profile"], None, saturate="chr1:61-80", storage=tmp_path / "map", tracking_uri="none",
        **options,
    )  # fmt: skip
    assert list((tmp_path / "map").rglob("saturation-1.png"))


@pytest.mark.parametrize(
    ("model", "options", "reason"),
    [
        ("token", {"backgrounds": 20}, "each base"),
        ("token", {"target": "donor@3"}, "no class 'donor@3'"),
        ("regression", {"distance": 10}, "does not predict single bases"),
        ("profile", {"window": 3}, "fewer bases than the 4 bins"),
    ],
)
def test_what_is_not_for_such_scores_is_refused(
    models: dict[str, Path], genome: Path, model: str, options: dict, reason: str
) -> None:
    with pytest.raises(InputError, match=reason) as raised:
        score(models[model], genome, (71, "C", "G"), **options)
    assert raised.value.remedy
