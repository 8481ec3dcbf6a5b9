"""Columns as this field names them: found, named by options, or asked about; never another silently."""

from __future__ import annotations

import random
from pathlib import Path

import dnasweep
import pytest
from dnasweep.data.column_names import ColumnNames
from dnasweep.data.dataset_config import DatasetConfig, dataset_key
from dnasweep.errors import InputError
from reading_toys import read_sequences

random.seed(3)
DNA = ["".join(random.choices("ACGT", k=30)) for _ in range(12)]


def table(path: Path, header: str, row: str = "{dna},{label}", separator: str = ",") -> Path:
    lines = [
        row.format(dna=s, label=i % 2, number=i, other=DNA[-1 - i]) for i, s in enumerate(DNA)
    ]
    path.write_text("\n".join([header, *lines]).replace(",", separator) + "\n")
    return path


def read(path: Path, **options: object) -> tuple[list[str], list[int], list[str]]:
    said: list[str] = []
    found = read_sequences(path, say=said.append, **options)
    return found["sequence"].tolist(), found["label"].tolist(), said


@pytest.mark.parametrize(
    "name", ["text", "dna", "Promoter Sequence", "enhancer_seq", "x1", "Nucleotides", "DNA seq"]
)
def test_the_only_column_of_dna_is_the_sequence_and_said_to_be(tmp_path: Path, name: str) -> None:
    sequences, labels, said = read(table(tmp_path / "x.csv", f"{name},label"))
    assert sequences == DNA
    assert labels == [0, 1] * 6
    assert said == [f"x.csv: the sequences are the column {name}"]


def test_columns_with_plain_names_are_taken_without_a_word(tmp_path: Path) -> None:
    for header in ("sequence,label", "Seq,True_Label", "sequences,class", "dna_sequence,target"):
        assert read(table(tmp_path / "x.csv", header)) == (DNA, [0, 1] * 6, [])


@pytest.mark.parametrize("name", ["y", "is_promoter", "activity", "targets", "promoter_label"])
def test_a_column_that_may_be_the_label_is_taken_and_said(tmp_path: Path, name: str) -> None:
    _, labels, said = read(table(tmp_path / "x.csv", f"sequence,{name}"))
    assert labels == [0, 1] * 6
    assert said == [f"x.csv: the labels are the column {name}"]


def test_two_columns_of_dna_are_a_question(tmp_path: Path) -> None:
    path = table(tmp_path / "x.csv", "enhancer,promoter,label", "{dna},{other},{label}")
    with pytest.raises(InputError, match="enhancer and promoter both contain") as asked:
        read(path)
    assert "--sequence-column" in str(asked.value)
    assert read(path, columns=ColumnNames(sequence="PROMOTER"))[0] == DNA[::-1]


def test_a_plain_name_wins_and_the_other_is_named(tmp_path: Path) -> None:
    path = table(tmp_path / "x.csv", "sequence,primer_seq,label,y", "{dna},{other},{label},1")
    sequences, labels, said = read(path)
    assert (sequences, labels) == (DNA, [0, 1] * 6)
    assert said == ["x.csv: columns not read: primer_seq, y"]


def test_two_columns_that_may_be_the_label_are_a_question(tmp_path: Path) -> None:
    path = table(tmp_path / "x.csv", "seq,y,is_promoter", "{dna},1,{label}")
    with pytest.raises(InputError, match="y and is_promoter could both be the label") as asked:
        read(path)
    assert "--label-column" in str(asked.value)
    assert read(path, columns=ColumnNames(label=("Is Promoter",)))[1] == [0, 1] * 6
    assert read(path, require_labels=False)[1] == [-1] * 12, "nobody asks where none is needed"


def test_a_name_of_a_column_is_refused_with_those_that_are_there(tmp_path: Path) -> None:
    path = table(tmp_path / "x.csv", "seq,label")
    with pytest.raises(InputError, match="no column foo: found seq, label") as absent:
        read(path, columns=ColumnNames(id="foo"))
    assert "--id-column" in str(absent.value)
    with pytest.raises(InputError, match="column seq is named for both sequence and id"):
        read(path, columns=ColumnNames(sequence="seq", id="seq"))
    twice = table(tmp_path / "y.csv", "seq,y,y", "{dna},{label},{label}")
    with pytest.raises(InputError, match="2 columns are named y"):
        read(twice, columns=ColumnNames(label=("y",)))
    with pytest.raises(InputError, match="more than one column for the sequence"):
        read(table(tmp_path / "z.csv", "sequence,sequence,label", "{dna},{dna},{label}"))


def test_every_role_can_be_named(tmp_path: Path) -> None:
    path = table(
        tmp_path / "x.csv",
        "a,b,c,d,e,id,label,split",
        "{dna},{label},test,g{number},mouse,wrong,7,train",
    )
    said: list[str] = []
    found = dnasweep.read_data(
        path,
        sequence_column="A",
        label_column="b",
        split_column="C",
        id_column="d",
        species_column="e",
        progress=False,
    )
    assert found["sequence"].tolist() == DNA
    assert found["label"].tolist() == [0, 1] * 6
    assert set(found["split"]) == {"test"}
    assert found["id"].tolist() == [f"g{i}" for i in range(12)]
    assert set(found["species"]) == {"mouse"}
    names = ColumnNames("A", ("b",), "C", "d", "e")
    read_sequences(path, columns=names, say=said.append)
    assert said == ["x.csv: columns not read: label, split, id"]


def test_names_of_columns_are_part_of_the_key_only_where_they_are_given(tmp_path: Path) -> None:
    path = str(table(tmp_path / "x.csv", "seq,label"))
    keys = {
        dataset_key(DatasetConfig(data=(path,), **given))  # type: ignore[arg-type]
        for given in ({}, {"sequence_column": "seq"}, {"label_column": ("label",)})
    }
    assert len(keys) == 3
    assert dataset_key(DatasetConfig(data=(path,), label_column=(), id_column=None)) in keys


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("sep.csv", "sep=;\nsequence;label\n{rows;}"),
        ("sep.tsv", '"sep=\\t"\nsequence\tlabel\n{rows\t}'),
        ("comment.csv", "# exported\n#\n# from the lab book, 2021\nsequence,label\n{rows,}"),
        ("hashed.tsv", "#sequence\tlabel\n{rows\t}"),
        ("pipe.csv", "sequence|label\n{rows|}"),
        ("blanks.txt", "sequence   label\n{rows  }"),
        ("blanks.txt", "sequence label\n{rows }"),
        ("marked.csv", "\ufeffsequence,label\r\n{rows,}"),
        ("trailing.csv", "sequence,label\n{rows,},"),
    ],
)
def test_what_programs_write_around_a_table(tmp_path: Path, name: str, content: str) -> None:
    head, _, tail = content.partition("{rows")
    sign, _, end = tail.partition("}")
    rows = "".join(f"{s}{sign}{i % 2}{end}\n" for i, s in enumerate(DNA))
    text = (head + rows).replace("\r\n", "\n")
    path = tmp_path / name
    path.write_bytes(text.replace("\n", "\r\n").encode())
    assert read(path) == (DNA, [0, 1] * 6, [])


@pytest.mark.parametrize("sign", [" ", "\t", ","])
def test_a_table_of_r_has_one_name_fewer_than_columns(tmp_path: Path, sign: str) -> None:
    rows = "".join(f'"{i + 1}"{sign}"{s}"{sign}{i % 2}\n' for i, s in enumerate(DNA))
    path = tmp_path / "r.txt"
    path.write_text(f'"sequence"{sign}"label"\n{rows}')
    sequences, labels, said = read(path)
    assert (sequences, labels) == (DNA, [0, 1] * 6)
    assert said == ["r.txt: the first column has no name, as R writes the names of rows"]


def test_a_title_above_the_header_is_passed_over_and_said(tmp_path: Path) -> None:
    path = table(tmp_path / "x.csv", "Supplementary Table 1,\n,\nsequence,label")
    found = read_sequences(path)
    assert found["id"].iloc[0] == "x:4", "rows are counted as in the file"
    sequences, labels, said = read(path)
    assert (sequences, labels) == (DNA, [0, 1] * 6)
    assert said == ["x.csv: row 3 is the header; the text above it is not read"]


def test_rows_of_data_above_a_header_are_no_title(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f"r0,{DNA[0]},1\nid,sequence,label\nr1,{DNA[1]},0\n")
    with pytest.raises(InputError, match="no header: row 1 already contains a sequence"):
        read(path)


def test_without_a_header_of_known_names_nothing_is_guessed(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("".join(f"id{i},{s},{i % 2}\n" for i, s in enumerate(DNA)))
    with pytest.raises(InputError, match="no header: row 1 already contains a sequence"):
        read(path)
    path.write_text("a,b\n1,2\n3,4\n")
    with pytest.raises(InputError, match=r"found a, b\. .*--sequence-column"):
        read(path)


def test_wrapped_and_blocked_cells_are_one_sequence(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(
        "id,sequence,label\n"
        + "".join(f'a{i},"{s[:20]}\n{s[20:]}",{i % 2}\n' for i, s in enumerate(DNA))
    )
    assert read(path) == (DNA, [0, 1] * 6, ["x.csv: 12 sequences are joined from lines"])
    longer = [s + s[:5] for s in DNA]
    longer[0] = "A" * 35
    blocks = [" ".join(s[i : i + 10] for i in range(0, 35, 10)) for s in longer]
    path.write_text("sequence,label\n" + "".join(f"{s},{i % 2}\n" for i, s in enumerate(blocks)))
    sequences, _, said = read(path)
    assert sequences == longer, "blocks of A alone are blocks as well"
    assert said == ["x.csv: 12 sequences are joined from blocks of 10 letters"]


def test_overlapping_kmers_of_ten_letters_stay_kmers(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    rows = [" ".join(s[i : i + 10] for i in range(len(s) - 9)) for s in DNA]
    path.write_text("sequence,label\n" + "".join(f"{s},{i % 2}\n" for i, s in enumerate(rows)))
    assert read(path) == (DNA, [0, 1] * 6, [])
    path.write_text("sequence,label\nACGTAC CGTACG TACGTT,1\n")
    with pytest.raises(InputError, match="does not continue"):
        read(path)


@pytest.mark.parametrize("name", ["weight", "fold", "sample_weight", "cv_fold", "score"])
def test_a_telling_column_that_is_not_read_is_named(tmp_path: Path, name: str) -> None:
    path = table(tmp_path / "x.csv", f"seq,label,{name}", "{dna},{label},{number}")
    assert any(f"not read: {name}" in line for line in read(path)[2])


def test_column_options_are_refused_where_no_file_has_columns(tmp_path: Path) -> None:
    path = tmp_path / "x.fa"
    path.write_text(">a\nACGTACGT\n")
    with pytest.raises(InputError, match="no file has columns"):
        read_sequences(positives=path, columns=ColumnNames(label=("y",)))


def test_rows_of_several_tasks_are_a_question(tmp_path: Path) -> None:
    path = table(tmp_path / "x.csv", "sequence,label,task", "{dna},{label},t{label}")
    with pytest.raises(InputError, match=r"column task names several tasks.*: t0, t1") as caught:
        read(path)
    assert "Keep the rows of one task" in (caught.value.remedy or "")
    path = table(tmp_path / "x.csv", "sequence,label,task", "{dna},{label},enhancers")
    assert read(path)[1] == [0, 1] * 6


def test_variants_are_not_read_as_places(tmp_path: Path) -> None:
    path = tmp_path / "x.bed"
    path.write_text("chromosome\tstart\tend\tref\talt\tlabel\nchr1\t9\t10\tA\tC\t1\n")
    genome = tmp_path / "genome.fa"
    genome.write_text(f">chr1\n{DNA[0]}\n")
    with pytest.raises(InputError, match="lists variants, as its columns ref and alt show"):
        read_sequences(path, genome=genome, window=(-2, 2))


def test_an_end_before_the_start_says_how_to_write_it(tmp_path: Path) -> None:
    path = table(tmp_path / "x.csv", "sequence,label,chrom,start,end", "{dna},{label},chr1,9,9")
    with pytest.raises(InputError, match="base 100 alone is 99 to 100"):
        read(path)
