"""Inputs of the kinds that users and benchmarks have: read as meant and said, or refused with a remedy."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from dnasweep.data.column_names import ColumnNames
from dnasweep.data.dataset_config import DatasetConfig
from dnasweep.data.datasets import build_dataset
from dnasweep.data.reading import Reading, read_rows
from dnasweep.errors import InputError
from dnasweep.formats.chromosomes import Contigs
from dnasweep.formats.intervals import read_bed

random.seed(11)
DNA = ["".join(random.choices("ACGT", k=60)) for _ in range(24)]
GENOME = "".join(random.choices("ACGT", k=13_000))
ALTERNATE = [i % 2 for i in range(24)]


def table(header: str, rows: list[Any], sequences: list[str] = DNA) -> str:
    lines = [f"{s},{row}" for s, row in zip(sequences, rows, strict=True)]
    return "\n".join([header, *lines]) + "\n"


def of(*labels: object) -> list[Any]:
    return [labels[i % len(labels)] for i in range(24)]


def kmers(sequence: str, k: int, step: int) -> str:
    return " ".join(sequence[i : i + k] for i in range(0, len(sequence) - k + 1, step))


def bed(*more: str, rows: int = 20) -> str:
    lines = []
    for i in range(rows):
        cells = [one.format(i=i, odd=i % 2, value=i * 1.5) for one in more]
        lines.append("\t".join(["chr1", str(600 * i + 100), str(600 * i + 300), *cells]))
    return "\n".join(lines) + "\n"


def read(folder: Path, name: str, content: str, **options: Any) -> Reading:
    if isinstance(content, dict):
        for inside, text in content.items():
            (folder / inside).parent.mkdir(parents=True, exist_ok=True)
            (folder / inside).write_text(text)
        return read_rows(folder, **options)
    (folder / name).write_text(content)
    return read_rows(folder / name, **options)


PEAK = ("p{i}", "{i}", ".", "{value}", "{i}.25", "-1", "100")
ONE_EACH = {
    f"{split}/{label}/{i}.txt": DNA[i]
    for i in range(24)
    for split, label in [("train" if i < 12 else "test", i % 2)]
}

READ = {
    "a column of another name alone": (
        "x.csv", table("sequence,phenotype", of("mild", "severe")), ("mild", "severe"),
        "the labels are the column phenotype",
    ),
    "no name at all that is known": (
        "x.csv", table("oligo,tissue", of("brain", "heart", "liver")), ("brain", "heart", "liver"),
        "the labels are the column tissue, which is the only other one",
    ),
    "a name with a question mark": (
        "x.csv", table("sequence,is_enhancer?", ALTERNATE), ("negative", "positive"),
        "the labels are the column is_enhancer?",
    ),
    "DESeq2's name": (
        "x.csv", table("sequence,log2FoldChange", [i / 8 - 1 for i in range(24)]),
        ("log2FoldChange",), "the labels are the column log2FoldChange",
    ),
    "no header": (
        "x.csv", table("", ALTERNATE).lstrip(), ("negative", "positive"),
        "there is no header: the first column is read as sequences, the second as labels",
    ),
    "commas between labels": (
        "x.csv", table("sequence,label", of('"H3K4me3,H3K27ac"', "H3K4me3", "H3K27ac")),
        ("H3K4me3", "H3K27ac"), "a row may have several of 2 labels",
    ),
    "commas in names": (
        "x.csv", table("sequence,label", of('"T cell, CD4"', '"T cell, CD8"', "B cell")),
        ("B cell", "T cell, CD4", "T cell, CD8"), "3 classes",
    ),
    "k-mers that do not overlap": (
        "x.csv", table("sequence,label", ALTERNATE, [kmers(s, 6, 6) for s in DNA]),
        ("negative", "positive"), "24 sequences are joined from blocks of 6 letters",
    ),
    "records under one name": (
        "x.json", json.dumps({"data": [{"seq": s, "label": i % 2} for i, s in enumerate(DNA)]}),
        ("negative", "positive"), "",
    ),
    "records by split": (
        "x.json",
        json.dumps({p: [{"seq": s, "label": i % 2} for i, s in enumerate(DNA)] for p in ("train", "test")}),
        ("negative", "positive"), "",
    ),
    "a tag for each base": (
        "x.jsonl", "\n".join(json.dumps({"seq": s, "ner_tags": [0] * 30 + [1] * 30}) for s in DNA),
        ("0", "1"), "a class for each base",
    ),
    "folders called 0 and 1": ("", ONE_EACH, ("negative", "positive"), "the class is 1, by its name"),
    "a readme among the sequences": (
        "", ONE_EACH | {"train/0/README.txt": "These are no promoters.\n"}, ("negative", "positive"), "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", READ)
def test_what_is_read_as_it_is_meant(tmp_path: Path, kind: str) -> None:
    name, content, names, said = READ[kind]
    found = read(tmp_path, name, content)
    assert found.labels.names == names
    assert len(found.table) in (24, 48)
    assert set(found.table["sequence"]) == set(DNA)
    assert said in "\n".join(found.notes)


OF_PLACES = {
    "signal of narrowPeak": ("x.narrowPeak", bed(*PEAK), "signalValue", [0, 1.5, 3]),
    "as it may be typed": ("x.narrowPeak", bed(*PEAK), "signal_value", [0, 1.5, 3]),
    "narrowPeak named BED": ("x.bed", bed(*PEAK), "signalValue", [0, 1.5, 3]),
    "broadPeak": ("x.broadPeak", bed(*PEAK[:6]), "pValue", [0.25, 1.25, 2.25]),
    "score": ("x.bed", bed("p{i}", "{i}00", "+"), "score", [0, 100, 200]),
    "a column behind BED's": ("x.bed", bed("p{i}", "0", "+", "{value}"), "7", [0, 1.5, 3]),
    "bedGraph": ("x.bedGraph", bed("{value}"), "", [0, 1.5, 3]),
    "a header": ("x.bed", "#chrom\tstart\tend\tlabel\n" + bed("{value}"), "", [0, 1.5, 3]),
}


@pytest.mark.parametrize("kind", OF_PLACES)
def test_columns_of_bed_may_be_the_label(tmp_path: Path, kind: str) -> None:
    name, content, column, values = OF_PLACES[kind]
    (tmp_path / "genome.fa").write_text(f">chr1\n{GENOME}\n")
    named = ColumnNames(label=(column,)) if column else ColumnNames()
    found = read(tmp_path, name, content, genome=tmp_path / "genome.fa", columns=named)
    assert found.labels.task == "regression"
    written = {"signal_value": "signalValue"}.get(column, column)
    assert found.labels.names == (written or "value",)
    assert found.table[f"output:{written or 'value'}"].tolist()[:3] == values
    assert found.table["sequence"].iloc[1] == GENOME[700:900]
    if column:
        assert f"{name}: the labels are the column {written}" in found.notes


def test_two_columns_of_bed_are_two_outputs_and_words_are_classes(tmp_path: Path) -> None:
    (tmp_path / "genome.fa").write_text(f">chr1\n{GENOME}\n")
    given = {"genome": tmp_path / "genome.fa"}
    both = ColumnNames(label=("pValue", "signalValue"))
    found = read(tmp_path, "x.narrowPeak", bed(*PEAK), columns=both, **given)
    assert found.labels.names == ("pValue", "signalValue")
    states = bed("1_TssA").replace("1_TssA", "2_Enh", 8)
    found = read(tmp_path, "states.bed", states, columns=ColumnNames(label=("name",)), **given)
    assert found.labels.names == ("1_TssA", "2_Enh")


def test_columns_of_bed_that_are_not_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "genome.fa").write_text(f">chr1\n{GENOME}\n")
    (tmp_path / "x.narrowPeak").write_text(bed(*PEAK))
    found = read_rows(positives=tmp_path / "x.narrowPeak", genome=tmp_path / "genome.fa")
    assert found.table["id"].tolist()[:2] == ["p0", "p1"]
    assert "x.narrowPeak: columns not read: score, signalValue, pValue" in found.notes
    contigs = Contigs(genome="genome.fa", lengths={"chr1": len(GENOME)})
    places, _ = read_bed(tmp_path / "x.narrowPeak", contigs)
    assert places[["id", "start", "strand"]].iloc[0].tolist() == ["p0", 100, ""]


def test_saf_counts_from_one_and_other_tables_say_how_they_count(tmp_path: Path) -> None:
    (tmp_path / "genome.fa").write_text(f">chr1\n{GENOME}\n")
    given = {"genome": tmp_path / "genome.fa", "require_labels": False}
    rows = "\n".join(f"g{i}\tchr1\t{i * 9 + 101}\t{i * 9 + 300}\tplus" for i in range(5))
    found = read(tmp_path, "x.saf", f"GeneID\tChr\tStart\tEnd\tStrand\n{rows}\n", **given)
    assert found.table["sequence"].iloc[0] == GENOME[100:300]
    assert (found.table["strand"] == "+").all()
    assert any("start counts from 1, as in SAF" in note for note in found.notes)
    found = read(tmp_path, "x.tsv", f"gene\tchr\tstart\tend\tstrand\n{rows}\n", **given)
    assert found.table["sequence"].iloc[0] == GENOME[101:300]
    assert "x.tsv: start counts from 0, as in BED" in found.notes


REFUSED = {
    "two intervals per row": (
        "x.bedpe", bed("chr1", "{i}10", "{i}20"), "has two intervals per row", "cut -f 1-3",
    ),
    "two chromosomes per row": (
        "x.bedpe", bed("chr2", "{i}10", "{i}20"), "has two intervals per row", "cut -f 1-3",
    ),
    "BED of no label": (
        "x.bed", bed("p{i}", "{i}00", "+"), "nothing says which label", "--label-column: name, score",
    ),
    "a weight is no label": (
        "x.csv", table("sequence,weight", ALTERNATE), "no column with labels", "--label-column",
    ),
    "many values are no classes": (
        "x.csv", table("sequence,position", list(range(24))), "no column with labels", "--label-column",
    ),
    "one row of k-mers is broken": (
        "x.csv",
        table("sequence,label", ALTERNATE, [kmers(s, 6, 1 + 5 * (i == 3)) for i, s in enumerate(DNA)]),
        "row 5", "not a list of overlapping k-mers",
    ),
    "EMBL": ("x.embl", "ID   X1; SV 1;\nSQ   Sequence\n     acgt\n//\n", "is EMBL", "Convert it"),
    "an empty cell among several labels": (
        "x.csv", table("sequence,label", of("a;b", "a", "b", "")), "the label is missing", "Write none",
    ),
    "classes above splits": (
        "", {f"{c}/{p}.fa": ">a\nACGTAC\n" for c in ("pos", "neg") for p in ("train", "test")},
        "contains 2 data sets", "--positives",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused_names_file_reason_and_remedy(tmp_path: Path, kind: str) -> None:
    name, content, reason, remedy = REFUSED[kind]
    with pytest.raises(InputError) as refusal:
        read(tmp_path, name, content, genome=tmp_path / "genome.fa")
    said = str(refusal.value)
    assert (name or str(tmp_path)) in said
    assert reason in said
    assert remedy in said


def test_sequences_without_names_and_labels_against_their_file_are_said(tmp_path: Path) -> None:
    (tmp_path / "x.fa").write_text("".join(f">\n{s}\n" for s in DNA))
    found = read_rows(positives=tmp_path / "x.fa", negatives=())
    assert "x.fa: 24 sequences have no name and are numbered" in found.notes
    (tmp_path / "p.csv").write_text(table("sequence,label", ALTERNATE))
    found = read_rows(positives=tmp_path / "p.csv")
    assert (
        "p.csv: given as positives, but 12 rows have another label, which is used" in found.notes
    )


def test_splits_that_are_not_given_and_those_not_used_are_said(tmp_path: Path) -> None:
    rows = [f"{i % 2},{'train' if i < 16 else 'test'}" for i in range(24)]
    (tmp_path / "x.csv").write_text(table("sequence,label,set", rows))

    def said(split: str) -> str:
        config = DatasetConfig(data=(str(tmp_path / "x.csv"),), split=split)  # type: ignore[arg-type]
        return " ".join(one.message for one in build_dataset(config).audit.findings)

    assert "2 validation rows are taken from the training rows, because none are given" in said(
        "auto"
    )
    anew = said("random")
    assert "the column set contains splits, which are not used (test, train)" in anew
    assert "taken from" not in anew
