"""Which format a file is taken for, that it is said, and that the person decides."""

from __future__ import annotations

from pathlib import Path

import pytest
from dnasweep.data.dataset_config import DatasetConfig, dataset_key
from dnasweep.errors import InputError
from reading_toys import read_sequences

BASES = "ACGTTGCATTAGCCATAACGGATTACAGGCTTAACCGATTACA" * 40
INTERVALS = "chr1\t100\t120\t+\t5\nchr1\t300\t320\t-\t7\n"


@pytest.fixture
def genome(tmp_path: Path) -> Path:
    path = tmp_path / "genome.fa"
    path.write_text(f">chr1\n{BASES}\n")
    return path


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_file_named_bed_is_bed_with_its_strands(tmp_path: Path, genome: Path) -> None:
    table = read_sequences(positives=write(tmp_path / "x.bed", INTERVALS), genome=genome)
    assert table[["start", "end", "strand"]].to_numpy().tolist() == [
        [100, 120, "+"],
        [300, 320, "-"],
    ]
    assert table["sequence"].iloc[0] == BASES[100:120]


def test_rows_that_may_be_bed_or_sga_are_asked_about(tmp_path: Path, genome: Path) -> None:
    path = write(tmp_path / "x.txt", INTERVALS)
    with pytest.raises(InputError, match=r"could be BED .* or SGA") as caught:
        read_sequences(positives=path, genome=genome)
    assert "--format bed or --format sga" in str(caught.value)
    bed = read_sequences(positives=path, genome=genome, format="bed")
    assert bed["end"].tolist() == [120, 320]
    sga = read_sequences(positives=path, genome=genome, format="sga", window=(-10, 10))
    assert sga["start"].tolist() == [120 - 1 - 10, 320 - 1 - 10]


def test_all_of_the_first_rows_decide(tmp_path: Path, genome: Path) -> None:
    """The feature of SGA is a word; where one row has none, the others tell."""
    text = "chr1\tTSS\t500\t+\t1\tp1\n" + "chr1\t7\t600\t+\t1\tp2\n"
    said: list[str] = []
    table = read_sequences(
        write(tmp_path / "x.txt", text), genome=genome, window=(-5, 5), say=said.append
    )
    assert table["start"].tolist() == [494, 594]
    assert said == [
        "x.txt: read as SGA; 2 of 2 rows are one base, taken as a transcription start and widened "
        "to 11 bases; label 1, as a list of promoters"
    ]


def test_one_base_rows_of_bed_are_said_to_be_widened(tmp_path: Path, genome: Path) -> None:
    said: list[str] = []
    path = write(tmp_path / "x.bed", "chr1\t500\t501\ta\t0\t+\nchr1\t600\t650\tb\t0\t+\n")
    read_sequences(positives=path, genome=genome, window=(-5, 5), say=said.append)
    assert said == [
        "x.bed: 1 of 2 rows are one base, taken as a transcription start and widened to 11 bases"
    ]


@pytest.mark.parametrize("name", ["x.csv", "x.tsv"])
def test_a_format_that_is_given_decides(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, "ACGTACGT\nTTTTGGGG\n")
    assert read_sequences(positives=path, format="text")["sequence"].tolist() == [
        "ACGTACGT",
        "TTTTGGGG",
    ]
    with pytest.raises(InputError, match="no header: row 1 already contains a sequence"):
        read_sequences(positives=path, format="tsv")
    with pytest.raises(InputError, match="format is 'xls'"):
        read_sequences(positives=path, format="xls")  # type: ignore[arg-type]


def test_a_format_is_part_of_the_key(tmp_path: Path) -> None:
    path = str(write(tmp_path / "x.txt", INTERVALS))
    keys = {
        dataset_key(DatasetConfig(positives=(path,), format=f)) for f in ("bed", "sga", "auto")
    }
    assert len(keys) == 3


@pytest.mark.parametrize(
    "name", ["dr.csv", "Hs.csv", "mm.fa.csv", "9606.csv", "gg.tsv", "ce.txt", "test_dm.csv"]
)
def test_two_letters_or_a_number_are_no_species(tmp_path: Path, name: str) -> None:
    said: list[str] = []
    text = "sequence\tlabel\nACGT\t1\nACGA\t0\n"
    table = read_sequences(write(tmp_path / name, text), say=said.append)
    assert set(table["species"]) == {""}
    assert not [line for line in said if "species" in line]


@pytest.mark.parametrize(
    ("name", "species"),
    [
        ("c_elegans.csv", "worm"),
        ("zebrafish.csv", "zebrafish"),
        ("Dr_EPDnew_001_danRer7.csv", "zebrafish"),
    ],
)
def test_where_a_species_comes_from_is_said(tmp_path: Path, name: str, species: str) -> None:
    said: list[str] = []
    path = write(tmp_path / name, "sequence,label\nACGT,1\nACGA,0\n")
    assert set(read_sequences(path, say=said.append)["species"]) == {species}
    assert said == [f"{name}: the species is {species}, by the name of the file"]
    assert set(read_sequences(path, species="rat", say=said.append)["species"]) == {"rat"}
    assert len(said) == 1


def test_skipping_is_offered_only_where_it_does_no_harm(tmp_path: Path) -> None:
    def told(rows: list[str]) -> str:
        path = write(tmp_path / "x.csv", "id,sequence,label\n" + "\n".join(rows) + "\n")
        with pytest.raises(InputError) as caught:
            read_sequences(path)
        return str(caught.value)

    good = [f"r{i},ACGT{'ACGT'[i % 4]},{i % 2}" for i in range(60)]
    assert "pass --skip-bad-rows to leave out 2 of 62 rows." in told([*good, "x,AX,1", "y,,0"])
    lost = [*good, *(f"n{i},ACGT,-1" for i in range(3))]
    assert "--skip-bad-rows" not in told(lost), "a class of three would be lost"
    assert "two classes as 0 and 1" in told(lost)
    assert "--skip-bad-rows" not in told([*good, *(["GENE,AX,1"] * 16)]), "a fifth of the rows"
    measured = [f"r{i},ACGT,{i / 7 - 4:.3f}" for i in range(60)]
    assert "'low' is not a finite number" in told([*measured, "y,ACGT,low"])


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ("ACGTACG TACGTAC,1", "does not continue .* without spaces"),
        ("ACGT,1,unknown", "Leave the cell of an unknown species empty"),
    ],
)
def test_remedies_are_the_ones_that_help(tmp_path: Path, cells: str, says: str) -> None:
    path = write(tmp_path / "x.csv", f"sequence,label,species\nACGTACGT,0,\n{cells}\n")
    with pytest.raises(InputError, match=f"row [34].*{says}"):
        read_sequences(path)
