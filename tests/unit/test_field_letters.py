"""Sequences that are not DNA, and labels and titles that are nearly right: what is said, and what to do."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from dnasweep.data.column_names import ColumnNames
from dnasweep.data.reading import Reading, read_rows
from dnasweep.errors import InputError
from dnasweep.formats.reference import open_genome

random.seed(17)
NUM = 24
DNA = ["".join(random.choices("ACGT", k=40)) for _ in range(NUM)]
LABELS = [i % 2 for i in range(NUM)]
NUMBERS = [round(random.gauss(0, 1), 3) for _ in range(NUM)]


def read(path: Path, header: str, *columns: Sequence[object], first: str = DNA[0]) -> Reading:
    rows = zip([first, *DNA[1:]], *columns, strict=True)
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return read_rows(path)


def refused(path: Path, header: str, *columns: Sequence[object], first: str = DNA[0]) -> str:
    with pytest.raises(InputError) as caught:
        read(path, header, *columns, first=first)
    return str(caught.value)


@pytest.mark.parametrize(
    ("sequence", "remedy"),
    [
        ("MKVLAAGIVGLCAKAYLEHPKRST*", "seems to be a protein"),
        ("ACGT--ACGT", "gap of an alignment; remove gaps"),
        ("ACGT..ACGT", "gap of an alignment; remove gaps"),
        ("ACGTACGT*", "Remove it: a * is"),
        ("ACGTXACGT", "Only the IUPAC letters"),
        ("ACGTE", "Only the IUPAC letters"),
        ("1 ACGTACGTAC", "without spaces"),
    ],
)
def test_letters_that_are_not_dna_say_what_they_seem_to_be(
    tmp_path: Path, sequence: str, remedy: str
) -> None:
    said = refused(tmp_path / "x.csv", "sequence,label", LABELS, first=sequence)
    assert "x.csv, row 2" in said
    assert remedy in said


@pytest.mark.parametrize("letter", "uU")
def test_rna_is_read_as_dna_and_said(tmp_path: Path, letter: str) -> None:
    rna = DNA[0].replace("T", letter)
    found = read(tmp_path / "x.csv", "sequence,label", LABELS, first=rna)
    assert found.table["sequence"].tolist() == DNA
    assert "x.csv: 1 sequences are RNA, whose U is read as T" in found.notes
    assert not any("RNA" in note for note in read(tmp_path / "x.csv", "seq,label", LABELS).notes)


@pytest.mark.parametrize("unit", ["RPM", " RPM", " log2 TPM".replace("2", ""), " \u00b5M", "x"])
def test_numbers_with_a_unit_are_no_classes(tmp_path: Path, unit: str) -> None:
    said = refused(tmp_path / "x.csv", "sequence,activity", [f"{n}{unit}" for n in NUMBERS])
    assert f"numbers with a unit, such as {NUMBERS[0]}{unit}" in said
    assert f"Write only the numbers, as in {NUMBERS[0]}." in said


@pytest.mark.parametrize("words", [("3UTR", "5UTR"), ("1h", "4h", "24h"), ("10 uM", "20 uM")])
def test_few_amounts_and_names_with_numbers_are_classes(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    cells = [words[i % len(words)] for i in range(NUM)]
    assert set(read(tmp_path / "x.csv", "sequence,label", cells).labels.names) == set(words)


@pytest.mark.parametrize("missing", ["NA", "", "none"])
def test_a_label_that_is_missing_in_one_of_several_columns_is_named(
    tmp_path: Path, missing: str
) -> None:
    path = tmp_path / "x.csv"
    rows = [
        f"{d},{n},{missing if i == 3 else -n}"
        for i, (d, n) in enumerate(zip(DNA, NUMBERS, strict=True))
    ]
    path.write_text("sequence,HEK,K562\n" + "\n".join(rows) + "\n")
    with pytest.raises(InputError, match=r"x.csv, row 5: the label K562 is missing"):
        read_rows(path, columns=ColumnNames(label=("HEK", "K562")))


@pytest.mark.parametrize("sign", ["+", "/", " & ", " "])
def test_a_class_that_combines_others_is_said(tmp_path: Path, sign: str) -> None:
    cells = [("a", "b", f"a{sign}b")[i % 3] for i in range(NUM)]
    found = read(tmp_path / "x.csv", "sequence,label", cells)
    assert found.labels.task == "multiclass"
    assert any(f"a{sign}b is a class of its own: write ;" in note for note in found.notes)


@pytest.mark.parametrize("title", ["s{i}|{label}", "s{i} label={label}"])
def test_a_title_without_the_label_that_others_have_is_named(tmp_path: Path, title: str) -> None:
    titles = [title.format(i=i, label=label) for i, label in enumerate(LABELS)]
    titles[7] = "s7"
    path = tmp_path / "x.fa"
    path.write_text("".join(f">{t}\n{d}\n" for t, d in zip(titles, DNA, strict=True)))
    with pytest.raises(InputError, match="row 8: the title 's7' has no label") as caught:
        read_rows(path)
    assert "those of 23 of 24 records have one, such as 's0" in caught.value.reason
    assert read_rows(path, require_labels=False).table["sequence"].tolist() == DNA


FILES = {
    "x.arff": (b"@relation dna\n@attribute s string\n@data\nACGT,1\n", "is ARFF"),
    "x.fq": (b"@r1\nACGT\n+\nIIII\n", "FASTQ or SAM. Convert it to FASTA"),
    "x.aln": (b"CLUSTAL W\n\na ACGT\n", "is an alignment"),
    "x.sto": (b"# STOCKHOLM 1.0\na ACGT\n", "is an alignment"),
    "x.2bit": (b"\x43\x27\x41\x1a" + bytes(60), "is a 2bit file"),
    "x.bam": (b"BAM\1" + bytes(60), "is a BAM file"),
    "x.db": (b"SQLite format 3\0" + bytes(60), "is a database"),
    "x.7z": (b"7z\xbc\xaf\x27\x1c" + bytes(60), "is an archive"),
}


@pytest.mark.parametrize("name", FILES)
def test_other_kinds_of_files_are_named(tmp_path: Path, name: str) -> None:
    content, said = FILES[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=said):
        read_rows(tmp_path / name)


def test_a_genome_of_2bit_says_how_to_convert_it(tmp_path: Path) -> None:
    (tmp_path / "hg38.2bit").write_bytes(b"\x43\x27\x41\x1a" + bytes(60))
    with (
        pytest.raises(InputError, match="is a 2bit file"),
        open_genome(tmp_path / "hg38.2bit"),
    ):
        pass
