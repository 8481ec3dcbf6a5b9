"""What a variant job writes: opened by bcftools, nothing lost, the same whoever computed it."""

from __future__ import annotations

import gzip
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pysam.bcftools
import pytest
import torch
from dnasweep.attribution.explained_model import class_value
from dnasweep.errors import InputError
from dnasweep.formats.reference import open_genome
from dnasweep.genomics.allele_windows import pairs
from dnasweep.genomics.variant_worker import VariantWorker, alleles_of
from dnasweep.jobs.shards.store import Shards
from dnasweep.jobs.variant_options import VariantOptions
from dnasweep.jobs.variant_request import KIND, VariantRequest, prepare_variants
from dnasweep.workflows.variant_files import digest_of_inputs, write_results
from shap_toys import write_model
from variant_toys import chromosome, write_genome, write_vcf

BASES = chromosome()


def other(base: str, step: int = 1) -> str:
    return "ACGT"[("ACGT".index(base) + step) % 4]


def lines() -> list[str]:
    """Substitutions, one of two alleles, indels, one of them not left-aligned, and bad ones."""
    at = [9, 50, 150, 200, 250, 399]
    found = [f"chr1 {i + 1} s{i} {BASES[i]} {other(BASES[i])} . . AF=0.5" for i in at]
    found[2] = f"chr1 151 two {BASES[150]} {other(BASES[150])},<DEL>,{other(BASES[150], 2)} . . ."
    found.insert(2, f"chr1 110 moved {BASES[109:111]} A . PASS AF=0.25;DNASWEEP_z=3")
    found.insert(5, f"chr1 211 wrong {other(BASES[210])} {BASES[210]} . . .")
    return [*found, "chr2 5 nowhere A C . . .", "chr2 x short A C . . ."]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    write_model(folder / "model")
    write_genome(folder / "g.fa", chr1=BASES)
    write_vcf(folder / "x.vcf", lines())
    return folder


def request(inputs: Path, storage: Path, **options: Any) -> VariantRequest:
    given = {"data": (str(inputs / "x.vcf"),), "skip_bad_rows": True, **options}
    return prepare_variants(
        VariantOptions(
            model=str(inputs / "model"),
            genome=str(inputs / "g.fa"),
            storage=str(storage),
            window=61,
            backgrounds=3,
            **given,
        )
    )


def run(asked: VariantRequest, *, order: Sequence[int] | None = None) -> Path:
    """Run a job in this process, as the pool does, and return the folder of its files."""
    shards = Shards.begin(
        asked.storage,
        kind=KIND,
        inputs=asked.settings,
        rows=asked.rows,
        shard_size=asked.shard_size,
    )
    worker = VariantWorker(**asked.arguments)
    worker.smoke_test(shards.rows(0).slice(0, 1))
    for shard in order or shards.missing():
        tables, facts = worker.compute(shards.rows(shard), lambda done: None)
        shards.publish(shard, tables, facts)
    name = f"results-{digest_of_inputs(asked)}"
    return asked.storage.obtain(
        f"{KIND}/{shards.key}",
        name,
        lambda folder: write_results(folder, asked, shards),
        inputs={},
    )


@pytest.fixture(scope="module")
def folder(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(request(inputs, tmp_path_factory.mktemp("runs")))


def query(path: Path, form: str) -> list[list[str]]:
    lines = pysam.bcftools.query("-f", form, str(path)).splitlines()
    messages = "".join(pysam.bcftools.query.get_messages())
    assert "[E::" not in messages, messages
    return [line.split("\t") for line in lines]


def test_scored_and_rejected_are_what_was_given(inputs: Path, tmp_path: Path) -> None:
    asked = request(inputs, tmp_path)
    alleles = sum(line.split()[4].count(",") + 1 for line in lines())
    assert len(asked.rows) + len(asked.rejects) == alleles == 12
    assert [fault.row for fault in asked.rejects] == [8, 10, 13, 14]


def test_bcftools_reads_the_scores_of_the_table(folder: Path) -> None:
    path = folder / "x.scored.vcf.gz"
    table = pq.read_table(folder / "variants.parquet").to_pandas().set_index(["row", "allele"])
    fields = ("delta_log2_odds", "dnabert_log_or", "z", "call")
    form = "%ID\t%AF\t" + "\t".join(f"%DNASWEEP_{name}" for name in fields) + "\n"
    found = {cells[0]: cells[1:] for cells in query(path, form)}
    assert set(found) == {line.split()[2] for line in lines()} - {"short"}
    assert found["s9"][0] == "0.5"
    assert found["wrong"] == found["nowhere"] == [".", *"...."]
    first, middle, last = found["two"][1].split(",")
    assert middle == "."
    row = next(i for i, line in enumerate(lines()) if " two " in line) + 5
    assert float(first) == pytest.approx(table.loc[(row, 1), "delta_log2_odds"], rel=1e-5)
    assert float(last) == pytest.approx(table.loc[(row, 3), "delta_log2_odds"], rel=1e-5)
    assert float(found["s50"][2]) == -float(found["s50"][1])
    assert float(found["moved"][3]) != 3, "a score of an earlier run is replaced"
    assert (Path(f"{path}.tbi")).is_file()
    assert len(pysam.bcftools.view("-H", str(path), "chr1:100-200").splitlines()) == 2


def test_the_table_has_normal_forms_and_signs(folder: Path) -> None:
    table = pq.read_table(folder / "variants.parquet").to_pandas()
    moved = table[table["id"] == "moved"].iloc[0]
    assert (moved["pos"], moved["given_pos"]) == (BASES.index("A" * 12), 110)
    assert (moved["ref"][1:], len(moved["alt"])) == ("A", 1)
    change = table["log2_odds_alt"] - table["log2_odds_ref"]
    assert (table["delta_log2_odds"] == change).all()
    assert (table["dnabert_log_or"] == -change).all()
    higher = table[["probability_ref", "probability_alt"]].max(axis=1)
    assert (table["dnabert_diff"] == table["delta_probability"] * higher).all()
    assert table["llr"].isna().all()


def test_shard_size_and_order_change_no_byte(inputs: Path, folder: Path, tmp_path: Path) -> None:
    again = run(request(inputs, tmp_path, shard_size=3), order=[2, 0, 1])
    ours, theirs = (pq.read_table(one / "variants.parquet") for one in (folder, again))
    assert ours.equals(theirs)
    name = "x.scored.vcf.gz"
    assert (folder / name).read_bytes() == (again / name).read_bytes()


def test_other_batches_change_the_last_digits_alone(
    inputs: Path, folder: Path, tmp_path: Path
) -> None:
    again = run(request(inputs, tmp_path, batch_rows=2))
    ours, theirs = (pq.read_table(one / "variants.parquet").to_pandas() for one in (folder, again))
    for column in ("delta_log2_odds", "delta_probability"):
        assert (ours[column] - theirs[column]).abs().max() < 1e-6
    assert ours["call"].equals(theirs["call"])


def test_a_table_has_its_scores_beside_its_ids(inputs: Path, tmp_path: Path) -> None:
    rows = [f"chr1,{i},=v{i},{BASES[i - 1]},{other(BASES[i - 1])}" for i in (30, 60, 90)]
    (tmp_path / "mine.csv").write_text("\n".join(["chrom,pos,id,ref,alt", *rows]) + "\n")
    (tmp_path / "x.tsv").write_text(
        f"chrom\tpos\tref\talt\nchr1\t5\t{BASES[4]}\t{other(BASES[4])}\n"
    )
    given = tuple(str(tmp_path / name) for name in ("mine.csv", "x.tsv"))
    folder = run(request(inputs, tmp_path / "runs", data=given, shard_size=2))
    found = pd.read_csv(folder / "mine.scored.tsv", sep="\t")
    assert found["row"].tolist() == [2, 3, 4]
    assert found["id"].tolist() == ["'=v30", "'=v60", "'=v90"]
    assert not {"file", "llr", "sites_gained"} & set(found)
    whole = pq.read_table(folder / "variants.parquet").to_pandas()
    np.testing.assert_allclose(found["z"], whole["z"][:3])
    assert pd.read_csv(folder / "x.scored.tsv", sep="\t")["pos"].tolist() == [5]


def test_a_genome_that_is_named_otherwise_needs_the_word(inputs: Path, tmp_path: Path) -> None:
    plain = write_vcf(
        tmp_path / "y.vcf", [f"1 10 . {BASES[9]} {other(BASES[9])} . . ."], contigs=["1"]
    )
    with pytest.raises(InputError, match=r"is called 'chr1'.*--match-chromosomes") as caught:
        request(inputs, tmp_path, data=(str(plain),), skip_bad_rows=False)
    assert (caught.value.row, caught.value.file) == (5, str(plain))
    asked = request(inputs, tmp_path, data=(str(plain),), match_chromosomes=True)
    path = run(asked) / "y.scored.vcf.gz"
    assert query(path, "%CHROM\t%POS\n") == [["1", "10"]]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"data": ()}, "nothing to score"),
        ({"window": 200}, "has 70 tokens, but the model has 24"),
        ({"shifts": (40,)}, "less than half the window"),
        ({"target": "enhancer"}, "no class 'enhancer'"),
        ({"backgrounds": 2}, "at least 3"),
        ({"seed": -1}, "seed is -1"),
        ({"window": 10**12}, "window is 1000000000000"),
        ({"data": (), "saturate": ("chr1:,-,",)}, "chr1:,-, is not on chr1"),
        ({"data": (), "saturate": ("chr1:1-" + "9" * 5000,)}, "is not on chr1"),
        ({"data": (), "saturate": ("chr1:5-9", "chr1:5-0,9")}, "has the same region twice"),
        ({"skip_bad_rows": False}, "symbolic.*4 bad rows.*--skip-bad-rows"),
        ({"language_model": "model"}, "must be a language model"),
    ],
)
def test_what_cannot_be_scored_is_told_beforehand(
    inputs: Path, tmp_path: Path, options: dict[str, Any], says: str
) -> None:
    given = {"window": 61, "data": (str(inputs / "x.vcf"),), "skip_bad_rows": True, **options}
    if "language_model" in given:
        given["language_model"] = str(inputs / given["language_model"])
    with pytest.raises(InputError, match=says):
        prepare_variants(
            VariantOptions(
                model=str(inputs / "model"),
                genome=str(inputs / "g.fa"),
                storage=str(tmp_path),
                **given,
            )
        )


def test_a_saturated_region_has_its_picture(inputs: Path, tmp_path: Path) -> None:
    asked = request(inputs, tmp_path, data=(), saturate=("chr1:201-230",))
    found = run(asked)
    assert (found / "saturation-1.png").read_bytes()[:4] == b"\x89PNG"
    table = pq.read_table(found / "variants.parquet")
    assert table.num_rows == 90
    # One window for all: what is said of REF does not depend on the base replaced.
    assert len(set(table["log2_odds_ref"].to_pylist())) == 1
    with open_genome(inputs / "g.fa") as fasta:
        assert "".join(table["ref"].to_pylist()[::3]) == str(fasta["chr1"][200:230])


def test_a_variant_whose_odds_are_no_number_is_named(
    inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = request(inputs, tmp_path)
    worker = VariantWorker(**asked.arguments)
    assert worker.classifier is not None
    shards = Shards.begin(
        asked.storage, kind=KIND, inputs=asked.settings, rows=asked.rows, shard_size=100
    )
    rows = shards.rows(0)
    texts = [pairs(one, window=61)[0].alt for one in alleles_of(rows)]
    odds = {text: worker.classifier.log_odds([text])[0] for text in texts}
    place = int(np.argmax([odds[text] for text in texts]))

    def broken(*arguments: object) -> torch.Tensor:
        found = class_value(*arguments)
        return torch.where((found - odds[texts[place]]).abs() < 1e-7, torch.nan, found)

    monkeypatch.setattr("dnasweep.genomics.sequence_values.class_value", broken)
    row = rows.slice(place, 1).to_pylist()[0]
    name = f"{row['chrom']}:{row['pos']} {row['ref']}>{row['alt']} (x.vcf, row {row['row']})"
    with pytest.raises(InputError, match=re.escape(f"log odds of {name} are nan")):
        worker.compute(rows, lambda done: None)


def test_bytes_that_are_not_utf8_stand_in_the_scored_vcf_as_they_were(
    inputs: Path, tmp_path: Path
) -> None:
    text = (inputs / "x.vcf").read_text().replace("AF=0.5", "AF=0.5;CLN=Sj\xf6gren")
    (tmp_path / "y.vcf").write_bytes(text.encode("latin-1"))
    folder = run(request(inputs, tmp_path, data=(str(tmp_path / "y.vcf"),)))
    with gzip.open(folder / "y.scored.vcf.gz") as file:
        assert b"CLN=Sj\xf6gren;DNASWEEP_" in file.read()


def test_variants_of_another_assembly_are_refused_even_where_bad_rows_are_skipped(
    inputs: Path, tmp_path: Path
) -> None:
    """One in four references agrees by chance."""
    rows = [f"chr1 {i + 1} s{i} {other(BASES[i])} {BASES[i]} . . ." for i in range(40, 46)]
    agreeing = [f"chr1 {i + 1} s{i} {BASES[i]} {other(BASES[i])} . . ." for i in (60, 70)]
    write_vcf(tmp_path / "x.vcf", rows + agreeing)
    given = {"data": (str(tmp_path / "x.vcf"),), "skip_bad_rows": True}
    with pytest.raises(InputError, match="REF differs from the genome in 6 of 8 variants"):
        request(inputs, tmp_path, **given)
    write_vcf(tmp_path / "x.vcf", rows[:3] + agreeing)
    assert len(request(inputs, tmp_path, **given).rejects) == 3
