"""Labels in a table, and their sequences in a FASTA file."""

from __future__ import annotations

import random
from pathlib import Path

import dnasweep
import pandas as pd
import pytest
from dnasweep.data.dataset_config import DatasetConfig, dataset_key
from dnasweep.data.sources import find_sources
from dnasweep.errors import InputError
from dnasweep.storage import Storage
from dnasweep.sweeps.data_options import DataOptions
from dnasweep.sweeps.preparation import prepare_pretraining
from reading_toys import read_sequences

NUM_ROWS = 30
_RANDOM = random.Random(5)
DNA = ["".join(_RANDOM.choices("ACGT", k=40)) for _ in range(NUM_ROWS)]
LABELS = [i % 2 for i in range(NUM_ROWS)]
ORDER = _RANDOM.sample(range(NUM_ROWS), 20)


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    path = tmp_path / "all.fa"
    path.write_text("".join(f">enh{i} of flies\n{DNA[i]}\n" for i in range(NUM_ROWS)))
    return path


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def rows(separator: str = "\t", name: str = "enh{}") -> str:
    return "".join(f"{name.format(i)}{separator}{LABELS[i]}\n" for i in ORDER)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name\tactivity\n" + rows(), "by the ids in the column name"),
        ("label,seq_name\n" + "".join(f"{LABELS[i]},enh{i}\n" for i in ORDER), "seq_name"),
        ("id,label\n" + rows(",", "enh{} of flies"), "column id"),
        (rows(), "there is no header: each row is read as id, label"),
    ],
)
def test_rows_find_their_sequences_by_id(
    fasta: Path, tmp_path: Path, text: str, said: str
) -> None:
    notes: list[str] = []
    table = read_sequences(write(tmp_path / "few.txt", text), sequences=fasta, say=notes.append)
    assert table["sequence"].tolist() == [DNA[i] for i in ORDER]
    assert table["label"].tolist() == [LABELS[i] for i in ORDER]
    assert [name.split()[0] for name in table["id"]] == [f"enh{i}" for i in ORDER]
    assert said in " ".join(notes)
    assert "10 of its 30 records have no row and are not read" in " ".join(notes)


@pytest.mark.parametrize("header", ["", "label\n"])
@pytest.mark.parametrize("words", [("0", "1"), ("shuffled", "promoter")])
def test_labels_alone_are_in_the_order_of_the_sequences(
    fasta: Path, tmp_path: Path, header: str, words: tuple[str, str]
) -> None:
    labels = "".join(f"{words[label]}\n" for label in LABELS)
    notes: list[str] = []
    table = read_sequences(
        write(tmp_path / "labels.txt", header + labels), sequences=fasta, say=notes.append
    )
    assert table["sequence"].tolist() == DNA
    assert table["label"].tolist() == LABELS
    assert table["id"].tolist() == [f"enh{i}" for i in range(NUM_ROWS)]
    assert "in the same order, since no column contains their ids" in " ".join(notes)


def test_the_folder_of_deepstarr(tmp_path: Path) -> None:
    names = ["Dev_log2_enrichment", "Hk_log2_enrichment", "Dev_log2_enrichment_scaled"]
    for split, begin in (("Train", 0), ("Val", 10), ("Test", 20)):
        numbers = range(begin, begin + 10)
        titles = [f">chr2L_{i}_{i + 39}_+_peaks_{split}" for i in numbers]
        write(
            tmp_path / f"Sequences_{split}.fa",
            "".join(f"{t}\n{DNA[i]}\n" for t, i in zip(titles, numbers, strict=True)),
        )
        cells = "".join(f"{i / 8}\t{-i / 8}\t0.5\n" for i in numbers)
        write(tmp_path / f"Sequences_activity_{split}.txt", "\t".join(names) + "\n" + cells)
    table = dnasweep.read_data(tmp_path, progress=False)
    assert table["split"].tolist() == ["train"] * 10 + ["validation"] * 10 + ["test"] * 10
    assert table["sequence"].tolist() == DNA
    assert table["output:Dev_log2_enrichment"].tolist() == [i / 8 for i in range(NUM_ROWS)]
    assert table["output:Hk_log2_enrichment"].tolist() == [-i / 8 for i in range(NUM_ROWS)]
    assert "output:Dev_log2_enrichment_scaled" not in table


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("id,label\n" + rows(",") + "enhX,1\n", "has no sequence named 'enhX'"),
        ("label\n" + "1\n" * 7, "has 7 rows, but all.fa has 30 sequences"),
        ("id,label\n" + rows(",", "fly{}"), "are not those of all.fa"),
        (f"sequence,label\n{DNA[0]},1\n", "has sequences of its own, in the column sequence"),
        (f"{DNA[0]},1\n", "has sequences of its own"),
        ("chrom,start,end,label\n" + "enh1,1,9,0\n" * 3, "Give all.fa as --genome"),
        (">enh1\nACGT\n", "is FASTA, not a table"),
    ],
)
def test_tables_that_do_not_fit_are_refused(
    fasta: Path, tmp_path: Path, text: str, reason: str
) -> None:
    with pytest.raises(InputError, match=reason):
        read_sequences(write(tmp_path / "labels.csv", text), sequences=fasta)


def test_files_that_do_not_fit_are_refused(fasta: Path, tmp_path: Path) -> None:
    table = write(tmp_path / "few.tsv", "id\tlabel\n" + rows())
    with pytest.raises(InputError, match="is not FASTA"):
        read_sequences(table, sequences=table)
    with pytest.raises(InputError, match="one file for all of --data, or one for each"):
        read_sequences(table, sequences=[fasta, fasta])
    with pytest.raises(InputError, match="without --positives"):
        read_sequences(positives=table, sequences=fasta)
    with pytest.raises(InputError, match="this file with --sequences"):
        read_sequences(fasta)
    with pytest.raises(InputError, match="or give their FASTA file with --sequences"):
        read_sequences(table)
    twice = write(tmp_path / "twice.fa", fasta.read_text() + f">enh{ORDER[0]}\nACGTACGT\n")
    with pytest.raises(InputError, match=f"2 different sequences are named 'enh{ORDER[0]}'"):
        read_sequences(table, sequences=twice)


def test_labels_are_not_taken_for_ids_of_numbered_sequences(tmp_path: Path) -> None:
    fasta = write(tmp_path / "numbered.fa", "".join(f">{i}\n{dna}\n" for i, dna in enumerate(DNA)))
    for text, order in (
        ("label\n" + "".join(f"{label}\n" for label in LABELS), range(NUM_ROWS)),
        ("label,number\n" + "".join(f"{LABELS[i]},{i}\n" for i in ORDER), ORDER),
    ):
        table = read_sequences(write(tmp_path / "labels.csv", text), sequences=fasta)
        assert table["sequence"].tolist() == [DNA[i] for i in order]
        assert table["label"].tolist() == [LABELS[i] for i in order]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        # As many rows as sequences, but the rows may be in another order.
        (
            "probe,label\n" + "".join(f"p{i},{LABELS[i]}\n" for i in range(NUM_ROWS)),
            "such as 'p0'",
        ),
        (
            ",label\n" + "".join(f"{NUM_ROWS - i},{LABELS[i]}\n" for i in range(NUM_ROWS)),
            "not in their first order, as the column 1 shows",
        ),
        # A header and a row too few: the header is no label.
        (
            "label\n" + "".join(f"{label}\n" for label in LABELS[1:]),
            "has 29 rows, but all.fa has 30",
        ),
    ],
)
def test_rows_are_not_paired_by_order_where_they_may_be_out_of_order(
    fasta: Path, tmp_path: Path, text: str, reason: str
) -> None:
    with pytest.raises(InputError, match=reason):
        read_sequences(write(tmp_path / "labels.csv", text), sequences=fasta)


def test_numbers_of_rows_in_order_are_no_labels(fasta: Path, tmp_path: Path) -> None:
    text = ",label\n" + "".join(f"{i},{LABELS[i]}\n" for i in range(NUM_ROWS))
    table = read_sequences(write(tmp_path / "labels.csv", text), sequences=fasta)
    assert table["sequence"].tolist() == DNA
    assert table["label"].tolist() == LABELS


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_labels_in_other_formats(fasta: Path, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"labels.{ending}"
    labels = pd.DataFrame({"label": LABELS})
    if ending == "jsonl":
        labels.to_json(path, orient="records", lines=True)
    else:
        labels.to_parquet(path)
    table = read_sequences(path, sequences=fasta)
    assert table["sequence"].tolist() == DNA
    assert table["label"].tolist() == LABELS


def test_other_files_and_folders_beside_a_pair(tmp_path: Path) -> None:
    write(tmp_path / "all.fa", "".join(f">e{i}\n{dna}\n" for i, dna in enumerate(DNA)))
    write(tmp_path / "labels.txt", "".join(f"{label}\n" for label in LABELS))
    write(tmp_path / "README.txt", "Measured in 2020.\n")
    assert find_sources([tmp_path]).files[0].sequences == tmp_path / "all.fa"
    # Folders of splits are read as they were.
    for split in ("train", "test"):
        for name in ("positive", "negative"):
            folder = tmp_path / split
            folder.mkdir(exist_ok=True)
            write(folder / f"{name}.txt", "ACGTACGT\n")
    found = find_sources([tmp_path]).files
    assert {source.path.parent.name for source in found} == {"train", "test"}
    assert all(source.sequences is None for source in found)


def test_a_readme_is_not_a_table(fasta: Path, tmp_path: Path) -> None:
    write(tmp_path / "README.txt", "Measured in 2020.\n")
    with pytest.raises(InputError, match="has no train, dev or test file"):
        find_sources([tmp_path])


def test_pretraining_files_have_sequences_of_their_own(fasta: Path, tmp_path: Path) -> None:
    table = write(tmp_path / "few.tsv", "id\tlabel\n" + rows())
    options = DataOptions(data=(str(table),), sequences=(str(fasta),))
    made = prepare_pretraining(Storage(tmp_path / "runs"), options, (str(fasta),))
    assert made is not None
    assert made.table["sequence"].tolist() == DNA


def test_a_place_in_the_titles_is_kept(tmp_path: Path) -> None:
    places = [f"chr1:{100 * i}-{100 * i + 40}" for i in range(NUM_ROWS)]
    fasta = write(
        tmp_path / "cut.fa",
        "".join(f">{place}\n{dna}\n" for place, dna in zip(places, DNA, strict=True)),
    )
    table = pd.DataFrame({"region_name": places, "label": LABELS})
    table.to_csv(tmp_path / "labels.csv", index=False)
    found = read_sequences(tmp_path / "labels.csv", sequences=fasta)
    assert found["chrom"].unique().tolist() == ["chr1"]
    assert found["start"].tolist() == [100 * i for i in range(NUM_ROWS)]


def test_the_key_covers_the_sequences(fasta: Path, tmp_path: Path) -> None:
    table = write(tmp_path / "few.tsv", "id\tlabel\n" + rows())
    config = DatasetConfig(data=(str(table),), sequences=(str(fasta),))
    before = dataset_key(config)
    fasta.write_text(fasta.read_text().replace(DNA[0], DNA[1]))
    assert dataset_key(config) != before
