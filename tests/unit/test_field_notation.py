"""Ways in which labels, titles and tables of this field are written, each read as it is meant."""

from __future__ import annotations

import bz2
import gzip
import json
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dnasweep.data.column_names import ColumnNames
from dnasweep.data.reading import Reading, read_rows
from dnasweep.errors import InputError
from dnasweep.formats.variant_files import read_variants

random.seed(3)
NUM = 24
DNA = ["".join(random.choices("ACGT", k=48)) for _ in range(NUM)]
LABELS = [i % 2 for i in range(NUM)]
NUMBERS = [round(random.gauss(0, 1), 3) for _ in range(NUM)]


def table(path: Path, columns: dict[str, Sequence[object]], end: str = "") -> Reading:
    """Read a table of the sequences and some columns."""
    rows = zip(DNA, *columns.values(), strict=True)
    lines = [",".join(["sequence", *columns]), *(",".join(map(str, row)) + end for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return read_rows(path)


def titled(path: Path, titles: Sequence[str]) -> Reading:
    path.write_text("".join(f">{t}\n{d}\n" for t, d in zip(titles, DNA, strict=True)))
    return read_rows(path)


def labels(reading: Reading) -> list[int]:
    return reading.table["label"].tolist()


@pytest.mark.parametrize("sign", ["\u200b", "\ufeff", "\u2060", "\u00ad"])
def test_signs_that_are_not_seen_make_no_class_and_no_column(tmp_path: Path, sign: str) -> None:
    words = [("bg", f"en{sign * (i % 3)}h")[label] for i, label in enumerate(LABELS)]
    reading = table(tmp_path / "x.csv", {f"label{sign}": words})
    assert (reading.labels.names, labels(reading)) == (("bg", "enh"), LABELS)


def test_hyphens_that_do_not_break_are_hyphens(tmp_path: Path) -> None:
    words = [("non-promoter", "non\u2011promoter", "promoter")[i % 3] for i in range(NUM)]
    reading = table(tmp_path / "x.csv", {"label": words})
    assert labels(reading) == [int(i % 3 == 2) for i in range(NUM)]


@pytest.mark.parametrize("missing", ["#N/A", "#VALUE!", "#DIV/0!"])
def test_what_a_spreadsheet_writes_for_a_failed_formula_is_no_class(
    tmp_path: Path, missing: str
) -> None:
    words = [missing if i == 5 else ("bg", "enh")[i % 2] for i in range(NUM)]
    with pytest.raises(InputError, match="label is missing"):
        table(tmp_path / "x.csv", {"label": words})


def test_whole_numbers_with_a_power_of_ten_are_classes(tmp_path: Path) -> None:
    assert labels(table(tmp_path / "x.csv", {"label": [f"{x:.18e}" for x in LABELS]})) == LABELS


def test_a_name_that_looks_like_a_power_stays_a_name(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    rows = (f"{d},{('4E10', 'VRC01')[label]}\n" for d, label in zip(DNA, LABELS, strict=True))
    path.write_text("sequence,label\n" + "".join(rows))
    assert read_rows(path, task="binary").labels.names == ("4E10", "VRC01")


def test_numbers_with_a_power_of_ten_stay_what_they_are(tmp_path: Path) -> None:
    values = [f"{value:.6e}" for value in np.geomspace(1e-7, 12345, NUM)]
    reading = table(tmp_path / "x.csv", {"label": values})
    assert reading.table[reading.labels.columns[0]].tolist() == pytest.approx(
        [float(value) for value in values], rel=1e-12
    )


NO_NUMBERS = {
    "3/10": "decimals, as in 0.25",
    "12 345": "only the digits",
    "12'345": "only the digits",
}


@pytest.mark.parametrize("cell", NO_NUMBERS)
def test_numbers_in_another_notation_are_no_classes(tmp_path: Path, cell: str) -> None:
    with pytest.raises(InputError) as caught:
        table(tmp_path / "x.csv", {"label": [cell, cell.replace("3", "4")] * (NUM // 2)})
    assert NO_NUMBERS[cell] in (caught.value.remedy or "")


def test_genotypes_are_no_fractions(tmp_path: Path) -> None:
    reading = table(tmp_path / "x.csv", {"label": ["0/0", "0/1", "1/1"] * (NUM // 3)})
    assert reading.labels.names == ("0/0", "0/1", "1/1")


def test_none_beside_labels_joined_by_commas_is_no_label(tmp_path: Path) -> None:
    reading = table(tmp_path / "x.csv", {"label": ['"A,B"', "A", "B", "none"] * (NUM // 4)})
    assert (reading.labels.task, reading.labels.names) == ("multilabel", ("A", "B"))


@pytest.mark.parametrize("name", ["is_negative", "is_non_promoter", "is_background"])
def test_a_flag_of_the_negative_class_is_not_taken_for_the_label(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(InputError, match="no column with labels"):
        table(tmp_path / "x.csv", {name: [1 - label for label in LABELS]})


@pytest.mark.parametrize("name", ["sd_expression", "expression_se", "predicted_expression"])
def test_the_spread_and_the_prediction_of_a_measurement_are_no_labels(
    tmp_path: Path, name: str
) -> None:
    columns = {"mean_expression": NUMBERS, name: [abs(value) for value in NUMBERS]}
    reading = table(tmp_path / "x.csv", columns)
    assert reading.table[reading.labels.columns].to_numpy().ravel().tolist() == NUMBERS
    assert any(f"columns not read: {name}" in note for note in reading.notes)


@pytest.mark.parametrize("name", ["target", "class"])
def test_a_gene_beside_a_measured_effect_is_a_question(tmp_path: Path, name: str) -> None:
    columns = {name: ["MYC", "TP53"] * (NUM // 2), "K562_log2FC": NUMBERS}
    with pytest.raises(
        InputError, match=f"{name} and K562_log2FC could both be the label"
    ) as caught:
        table(tmp_path / "x.csv", columns)
    assert "--label-column" in (caught.value.remedy or "")
    reading = read_rows(tmp_path / "x.csv", columns=ColumnNames(label=("K562_log2FC",)))
    assert reading.table[reading.labels.columns[0]].tolist() == NUMBERS


@pytest.mark.parametrize("name", ["log2(RNA/DNA)", "log2_rna_dna", "log2_rna_dna_ratio"])
def test_ratios_of_reporter_assays_are_labels(tmp_path: Path, name: str) -> None:
    assert table(tmp_path / "x.csv", {name: NUMBERS}).labels.task == "regression"


TITLES = {
    "label=tissue {}": ("A", "B"),
    'label="{}"': ("0", "1"),
    "[label={}]": ("0", "1"),
    "class=II gene=x label={}": ("0", "1"),
    "label={} the gene of row {{}}": ("0", "1"),
    "label={} gene{{}}": ("bg", "enh"),
    "label={} enhancer": ("weak", "strong"),
}


@pytest.mark.parametrize("title", TITLES)
def test_labels_in_titles(tmp_path: Path, title: str) -> None:
    titles = [
        f"s{i} " + title.format(TITLES[title][label]).format(i) for i, label in enumerate(LABELS)
    ]
    assert labels(titled(tmp_path / "x.fa", titles)) == LABELS


@pytest.mark.parametrize("comment", ["# by hand", "; by hand"])
def test_comments_above_fasta(tmp_path: Path, comment: str) -> None:
    path = tmp_path / "x.fa"
    path.write_text(comment + "\n" + "".join(f">s{i}|{i % 2}\n{d}\n" for i, d in enumerate(DNA)))
    assert read_rows(path).table["sequence"].tolist() == DNA


@pytest.mark.parametrize("step", [1, 2, 3, 4, 5])
def test_kmers_that_overlap_are_never_joined_as_blocks(tmp_path: Path, step: int) -> None:
    cells = [" ".join(d[i : i + 6] for i in range(0, 43, step)) for d in DNA]
    path = tmp_path / "x.csv"
    rows = (f"{cell},{label}\n" for cell, label in zip(cells, LABELS, strict=True))
    path.write_text("sequence,label\n" + "".join(rows))
    if step == 1:
        assert read_rows(path).table["sequence"].tolist() == DNA
        return
    with pytest.raises(InputError, match="does not continue"):
        read_rows(path)


@pytest.mark.parametrize("width", [3, 6, 10])
def test_blocks_that_do_not_overlap_are_joined(tmp_path: Path, width: int) -> None:
    cells = [" ".join(d[i : i + width] for i in range(0, 48, width)) for d in DNA]
    path = tmp_path / "x.csv"
    rows = (f"{cell},{label}\n" for cell, label in zip(cells, LABELS, strict=True))
    path.write_text("sequence,label\n" + "".join(rows))
    assert read_rows(path).table["sequence"].tolist() == DNA


def test_a_file_of_sequences_and_measurements_needs_no_header(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("".join(f"{d}\t{n}\n" for d, n in zip(DNA, NUMBERS, strict=True)))
    reading = read_rows(path)
    assert reading.table[reading.labels.columns[0]].tolist() == NUMBERS
    assert any("there is no header" in note for note in reading.notes)


@pytest.mark.parametrize("end", [",", ",,,"])
def test_empty_cells_behind_the_last_column(tmp_path: Path, end: str) -> None:
    assert labels(table(tmp_path / "x.csv", {"label": LABELS}, end)) == LABELS


@pytest.mark.parametrize("coding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_text_of_two_bytes_a_letter_with_a_mark_or_without(tmp_path: Path, coding: str) -> None:
    path = tmp_path / "x.csv"
    rows = (f"{d},{label}\n" for d, label in zip(DNA, LABELS, strict=True))
    path.write_bytes(("sequence,label\n" + "".join(rows)).encode(coding))
    assert read_rows(path).table["sequence"].tolist() == DNA


RECORDS = [{"sequence": d, "label": label} for d, label in zip(DNA, LABELS, strict=True)]
JSON = {
    "split": {"columns": ["sequence", "label"], "data": [list(r.values()) for r in RECORDS]},
    "table": {"schema": {"fields": []}, "data": RECORDS},
    "described": {"version": "1.0", "data": RECORDS},
}


@pytest.mark.parametrize("shape", JSON)
def test_shapes_of_json(tmp_path: Path, shape: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps(JSON[shape]))
    reading = read_rows(path)
    assert (reading.table["sequence"].tolist(), labels(reading)) == (DNA, LABELS)


def test_the_intervals_of_one_record_are_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    row = {"sequence": DNA[0], "labels": [{"start": 4, "end": 6, "label": "donor"}]}
    path.write_text(json.dumps(row))
    with pytest.raises(InputError, match="is JSON, but not a table"):
        read_rows(path)


def test_lists_of_one_size_are_labels(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pairs = pa.array([[n, -n] for n in NUMBERS], pa.list_(pa.float64(), 2))
    pq.write_table(pa.table({"sequence": DNA, "label": pairs}), path)
    reading = read_rows(path)
    assert reading.table[reading.labels.columns[1]].tolist() == [-n for n in NUMBERS]


VARIANTS = "chrom\tpos\tref\talt\tname\trsid\nchr1\t5\tA\tG\tx\trs7\n"


@pytest.mark.parametrize("packed", [lambda d: d, bz2.compress, gzip.compress])
def test_variants_are_unpacked_by_content_and_named_by_their_rsid(
    tmp_path: Path, packed: object
) -> None:
    path = tmp_path / "variants.tsv"
    path.write_bytes(packed(VARIANTS.encode()))  # type: ignore[operator]
    row = read_variants([path]).table.iloc[0]
    assert (row["pos"], row["ref"], row["alt"], row["id"]) == (5, "A", "G", "rs7")


def test_variants_in_parquet_are_told_from_text(tmp_path: Path) -> None:
    path = tmp_path / "variants.parquet"
    pq.write_table(pa.table({"chrom": ["chr1"]}), path)
    with pytest.raises(InputError, match="is parquet, not text"):
        read_variants([path])


def test_an_empty_alternative_allele_is_no_deletion(tmp_path: Path) -> None:
    path = tmp_path / "variants.tsv"
    path.write_text("chrom\tpos\tref\talt\nchr1\t5\tA\t\nchr1\t6\tC\t-\n")
    found = read_variants([path])
    assert found.table["pos"].tolist() == [6]
    assert [(row.row, row.reason) for row in found.rejects] == [
        (2, "the alternative allele is empty")
    ]


def write_named(path: Path, names: list[str], numbers: Sequence[int]) -> None:
    """Write Parquet as `datasets` does, with the names of the classes beside their numbers."""
    features = {"sequence": {"_type": "Value"}, "label": {"_type": "ClassLabel", "names": names}}
    said = json.dumps({"info": {"features": features}})
    rows = pa.table({"sequence": DNA, "label": list(numbers)})
    pq.write_table(rows.replace_schema_metadata({"huggingface": said}), path)


def test_numbers_of_classes_have_the_names_that_datasets_gives_them(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    write_named(path, ["enhancer", "non-enhancer"], LABELS)
    reading = read_rows(path)
    assert reading.labels.names == ("non-enhancer", "enhancer")
    assert labels(reading) == [1 - label for label in LABELS]
    assert any("labels non-enhancer and enhancer" in note for note in reading.notes)


def test_a_class_that_datasets_does_not_know_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    write_named(path, ["bg", "enh"], [-1, *LABELS[1:]])
    with pytest.raises(InputError, match="label is missing"):
        read_rows(path)


def test_damaged_names_of_classes_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    write_named(path, ["a", "a"], LABELS)
    assert labels(read_rows(path)) == LABELS


def test_strands_of_0_and_1_matter_only_to_places(tmp_path: Path) -> None:
    assert labels(table(tmp_path / "x.csv", {"label": LABELS, "strand": LABELS})) == LABELS
