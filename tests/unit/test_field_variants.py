"""Files as people have them: titles with labels, places counted from 1, archives, folders of classes."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from dnasweep.data.reading import read_rows
from dnasweep.errors import InputError

RNG = np.random.default_rng(7)
DNA = ["".join(RNG.choice(list("ACGT"), 40)) for _ in range(24)]
TABLE = "sequence,label\n" + "".join(f"{s},{i % 2}\n" for i, s in enumerate(DNA))


def fasta(path: Path, title: str, number: int = 24) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    titles = [
        title.format(i=i, label=i % 2, word=("enhancer", "other")[i % 2], strand="+-"[i % 2])
        for i in range(number)
    ]
    records = zip(titles, DNA, strict=False)
    path.write_text("".join(f">{one}\n{sequence}\n" for one, sequence in records))
    return path


@pytest.mark.parametrize(
    "title",
    ["seq{i}|{label}", "seq{i} label={label}", "seq{i} chr1 class: {label}", "label={label}|s{i}"],
)
def test_labels_in_titles_are_read_and_said(tmp_path: Path, title: str) -> None:
    found = read_rows(fasta(tmp_path / "x.fa", title))
    assert found.table["label"].tolist() == [0, 1] * 12
    assert any("titles" in note for note in found.notes)


def test_words_and_splits_in_titles(tmp_path: Path) -> None:
    words = read_rows(fasta(tmp_path / "x.fa", "seq{i} label={word}"))
    assert words.labels.names == ("other", "enhancer")
    path = tmp_path / "y.fa"
    parts = ["training"] * 16 + ["testing"] * 8
    path.write_text("".join(f">s{i}|{i % 2}|{parts[i]}\n{s}\n" for i, s in enumerate(DNA)))
    found = read_rows(path).table
    assert found["label"].tolist() == [0, 1] * 12
    assert found["split"].tolist() == ["train"] * 16 + ["test"] * 8


def test_positive_and_negative_in_titles_of_vista(tmp_path: Path) -> None:
    path = tmp_path / "vista.fa"
    verdicts = ("negative", "positive | limb[5/5]")
    path.write_text(
        "".join(
            f">Human|chr16:{100 * i + 1}-{100 * i + 40} | element {i} | {verdicts[i % 2]}\n{s}\n"
            for i, s in enumerate(DNA)
        )
    )
    found = read_rows(path).table
    assert found["label"].tolist() == [0, 1] * 12
    assert found["chrom"].unique().tolist() == ["chr16"]
    assert found["start"].tolist() == [100 * i for i in range(24)]


def test_decimals_in_titles_are_measurements(tmp_path: Path) -> None:
    path = tmp_path / "x.fa"
    path.write_text("".join(f">AT1G{i:05d}|{i - 3.25}\n{s}\n" for i, s in enumerate(DNA)))
    found = read_rows(path)
    assert found.labels.task == "regression"
    assert found.table[found.labels.columns[0]].tolist() == [i - 3.25 for i in range(24)]


@pytest.mark.parametrize(("label", "other"), [(1, 0), (0, 1)])
def test_titles_of_positives_and_negatives_give_splits_and_contradictions(
    tmp_path: Path, label: int, other: int
) -> None:
    splits = ["training"] * 16 + ["testing"] * 8
    paths = {"positives": tmp_path / "p.fa", "negatives": tmp_path / "n.fa"}
    for name, path in paths.items():
        cell = label if name == "positives" else other
        rows = zip(DNA, splits, strict=True)
        path.write_text(
            "".join(f">{path.stem}{i}|{cell}|{w}\n{s}\n" for i, (s, w) in enumerate(rows))
        )
    found = read_rows(**paths)
    assert found.table["label"].tolist() == [label] * 24 + [other] * 24
    assert found.table["split"].tolist() == (["train"] * 16 + ["test"] * 8) * 2
    contradictions = [note for note in found.notes if "have another label" in note]
    assert len(contradictions) == (0 if label else 2)


def test_words_in_titles_of_positives_are_not_their_labels(tmp_path: Path) -> None:
    for title in ("s{i} target=GATA{i}", "s{i}|{label}", "s{i} class={word}"):
        found = read_rows(positives=fasta(tmp_path / "x.fa", title)).table
        assert found["label"].tolist() == [1] * 24
    found = read_rows(positives=fasta(tmp_path / "x.fa", "s{i} label={label}"))
    assert found.table["label"].tolist() == [0, 1] * 12
    assert any("12 rows have another label" in note for note in found.notes)


@pytest.mark.parametrize(
    "title", ["ENSG{i}|1", "g{i}|chr{label}", "s{i} {label}", "ENSG{i}|{i}7|-1", "g{i}|{strand}"]
)
def test_other_things_in_titles_are_no_labels(tmp_path: Path, title: str) -> None:
    path = fasta(tmp_path / "x.fa", title)
    with pytest.raises(InputError, match="which label its sequences have") as refused:
        read_rows(path)
    assert ">id|1" in str(refused.value)
    assert set(read_rows(positives=path).table["label"]) == {1}, "what the user says counts"


def test_a_start_that_counts_from_one_is_moved_and_said(tmp_path: Path) -> None:
    def write(first: int) -> Path:
        rows = [f"chr1,{100 * i + first},{100 * i + 40},{s},{i % 2}" for i, s in enumerate(DNA)]
        path = tmp_path / "x.csv"
        path.write_text("\n".join(["chr,start,end,sequence,label", *rows]) + "\n")
        return path

    one = read_rows(write(1))
    assert any("start counts from 1" in note for note in one.notes)
    zero = read_rows(write(0))
    assert not any("counts from" in note for note in zero.notes)
    assert (
        one.table["start"].tolist() == zero.table["start"].tolist() == [100 * i for i in range(24)]
    )


def test_positions_that_lost_their_digits_are_bad_rows(tmp_path: Path) -> None:
    genome = tmp_path / "genome.fa"
    genome.write_text(">chr1\n" + "".join(DNA) + "\n")
    path = tmp_path / "x.csv"
    path.write_text("chr,start,end,label\nchr1,10,50,1\nchr1,1E+02,1.4E+02,0\n")
    with pytest.raises(
        InputError, match=r"row 3: the start 1E\+02 is written with a power of ten"
    ):
        read_rows(path, genome=genome)
    path.write_text(f"chr,start,end,sequence,label\nchr1,1.2E+08,120000040,{DNA[0]},1\n")
    with pytest.raises(InputError, match="power of ten"):
        read_rows(path)


def test_a_region_without_positions_is_no_chromosome(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    rows = [f"{('exon', 'intron')[i % 2]},{s},{i % 2}" for i, s in enumerate(DNA)]
    path.write_text("\n".join(["region,sequence,label", *rows]) + "\n")
    found = read_rows(path)
    assert set(found.table["chrom"]) == {""}
    assert found.notes == ("x.csv: columns not read: region",)


def archive(files: dict[str, str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as made:
        for name, text in files.items():
            made.writestr(name, text)
    return packed.getvalue()


def test_an_archive_of_one_file_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "train.csv.zip"
    path.write_bytes(archive({"__MACOSX/._d.csv": "x", "d.csv": TABLE}))
    assert read_rows(path).table["label"].tolist() == [0, 1] * 12
    (tmp_path / "test.csv").write_text(TABLE.replace("A", "C"))
    assert set(read_rows(tmp_path).table["split"]) == {"train", "test"}


def test_other_archives_say_what_to_do(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as made:
        info = tarfile.TarInfo("d.csv")
        info.size = len(TABLE)
        made.addfile(info, io.BytesIO(TABLE.encode()))
    for content, message in (
        (archive({"a.csv": TABLE, "b.csv": TABLE}), r"ZIP archive of 2 files \(a.csv, b.csv\)"),
        (archive({"xl/workbook.xml": "x", "a": "b"}), "is a spreadsheet. Save its sheet as CSV"),
        (archive({"a.csv": TABLE})[:-30], "the ZIP data is corrupt"),
        (packed.getvalue(), "is a tar archive. Unpack it"),
    ):
        path = tmp_path / "x.data"
        path.write_bytes(content)
        with pytest.raises(InputError, match=message):
            read_rows(path)


def test_lists_of_labels_are_read_from_columns_and_json(tmp_path: Path) -> None:
    labels = [[0, 1, 1], [1, 0, 0], [0, 0, 0]] * 8
    frame = pd.DataFrame({"sequence": [s.encode() for s in DNA], "label": labels})
    frame.to_parquet(tmp_path / "x.parquet")
    rows = [{"sequence": s, "label": one} for s, one in zip(DNA, labels, strict=True)]
    (tmp_path / "x.json").write_text(json.dumps(rows))
    for name in ("x.parquet", "x.json"):
        found = read_rows(tmp_path / name)
        assert found.labels.task == "multilabel"
        assert found.table[found.labels.columns].to_numpy().tolist() == labels


def test_rows_between_the_data_say_what_they_are(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(TABLE + TABLE)
    with pytest.raises(InputError, match="row 26: the row repeats the header"):
        read_rows(path)
    path.write_text(TABLE + "# second part\n" + TABLE.split("\n", 1)[1])
    with pytest.raises(InputError, match="row 26: the line is a comment"):
        read_rows(path)
    path.write_text(TABLE + "\n# FIMO: version 5.4.1\n# fimo --oc x\n")
    found = read_rows(path)
    assert len(found.table) == 24
    assert any("comments below the table are not read" in note for note in found.notes)
    path = tmp_path / "x.txt"
    path.write_text("".join(f"{s} {i % 2}\n" for i, s in enumerate(DNA)))
    with pytest.raises(InputError, match="there is no header: row 1 already contains a sequence"):
        read_rows(path)


def test_folders_of_classes_may_stand_alone(tmp_path: Path) -> None:
    fasta(tmp_path / "a" / "promoter" / "x.fa", "s{i}", 10)
    fasta(tmp_path / "a" / "enhancer" / "y.fa", "t{i}", 12)
    found = read_rows(tmp_path / "a")
    assert found.labels.names == ("enhancer", "promoter")
    assert found.table["label"].value_counts().to_dict() == {0: 12, 1: 10}
    assert "y: the class is enhancer, by its name" in " ".join(found.notes)
    fasta(tmp_path / "b" / "pos" / "x.fa", "s{i}", 10)
    fasta(tmp_path / "b" / "neg" / "y.fa", "t{i}", 12)
    assert read_rows(tmp_path / "b").table["label"].value_counts().to_dict() == {0: 12, 1: 10}


def test_a_folder_of_data_sets_names_one_of_them(tmp_path: Path) -> None:
    for name in ("prom/core", "tf/zero"):
        for split in ("train", "test"):
            path = tmp_path / name / f"{split}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(TABLE)
    with pytest.raises(
        InputError, match=r"2 folder\(s\) in it have. Give one of them, such as prom/core"
    ):
        read_rows(tmp_path)


@pytest.mark.parametrize("column", [0, 1, 2])
@pytest.mark.parametrize("sign", "\t,")
def test_a_stray_quotation_mark_swallows_no_rows(tmp_path: Path, column: int, sign: str) -> None:
    path = tmp_path / "x.csv"
    header = ["id", "about", "note", "sequence", "label"]
    rows = [[f"g{i}", "protein", "x", s, str(i % 2)] for i, s in enumerate(DNA)]
    for one in (5, 9):
        rows[one][column] = '"' + rows[one][column]
    path.write_text("".join(sign.join(row) + "\n" for row in [header, *rows]))
    with pytest.raises(
        InputError, match=r"row 7: a quotation mark .* 4 of the rows below"
    ) as caught:
        read_rows(path)
    assert "Remove the quotation mark" in (caught.value.remedy or "")


def test_quoted_text_of_several_lines_is_one_cell(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    text = '"active, in two, or three, cells\nand, not\nelsewhere"'
    path.write_text("about,sequence,label\n" + "".join(f"{text},{s},1\n" for s in DNA))
    assert len(read_rows(path).table) == 24


def test_letters_of_windows_keep_classes_apart(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    words = ("f\u00f6n", "f\u00e4n")
    rows = "".join(f"{s},{words[i % 2]}\n" for i, s in enumerate(DNA))
    path.write_bytes(f"sequence,label\n{rows}".encode("cp1252"))
    assert read_rows(path).labels.names == ("f\u00e4n", "f\u00f6n")
    # A UTF-8 file with a single byte of another encoding keeps its other letters.
    path.write_bytes(f"sequence,label,\u00fcber\n{rows}".encode().replace(b"n\n", b"n,\x92\n", 1))
    assert read_rows(path).labels.names == ("f\u00e4n", "f\u00f6n")


def test_arrays_and_pages_are_named(tmp_path: Path) -> None:
    arrays = np.zeros((4, 4, 10))
    np.save(tmp_path / "x.npy", arrays)
    np.savez(tmp_path / "x.npz", x=arrays, y=arrays)
    (tmp_path / "x.fa").write_text("<!DOCTYPE html>\n<html></html>\n")
    (tmp_path / "x.txt").write_text("{\\rtf1\\ansi ACGT,1}\n")
    said = {"x.npy": "a NumPy array", "x.npz": "arrays of numbers, not text", "x.fa": "a web page"}
    for name, reason in {**said, "x.txt": "a document"}.items():
        with pytest.raises(InputError, match=reason) as caught:
            read_rows(tmp_path / name)
        assert caught.value.remedy
