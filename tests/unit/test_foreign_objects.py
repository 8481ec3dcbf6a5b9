"""Sequences as objects of Biopython, pysam, pyfaidx, pyarrow and others, each read as it is meant."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dnasweep
import pandas as pd
import pyarrow as pa
import pyfaidx
import pytest
from Bio.Seq import Seq
from Bio.SeqRecord import SeqRecord
from dnasweep.api.sequences import read_given

DNA = ["ACGTACGTACGTAA", "TTGACATTGACCCG"]
TABLE = pd.DataFrame({"sequence": DNA * 6, "label": [0, 1] * 6})


def record(i: int) -> SeqRecord:
    return SeqRecord(Seq(DNA[i]), id=f"r{i}")


def read(given: Any) -> tuple[list[str], list[str]]:
    table = read_given(given).table
    return table["sequence"].tolist(), table["id"].tolist()


@pytest.mark.parametrize(
    "one", [Seq(DNA[0]), DNA[0].encode(), SeqRecord(Seq(DNA[0])), SimpleNamespace(sequence=DNA[0])]
)
def test_one_object_is_one_sequence_and_not_its_letters(one: object) -> None:
    assert read(one) == ([DNA[0]], ["0"])


def test_records_are_read_with_their_ids() -> None:
    expected = (DNA, ["r0", "r1"])
    assert read([record(0), record(1)]) == expected
    assert read(record(i) for i in range(2)) == expected
    assert read({f"r{i}": Seq(s) for i, s in enumerate(DNA)}) == expected
    assert read(pd.Series([record(0), record(1)])) == expected
    # As those of an index, ids that repeat are no ids.
    assert read([record(0), record(0)]) == ([DNA[0]] * 2, ["0", "1"])


def test_parts_of_a_genome_opened_with_pyfaidx(tmp_path: Path) -> None:
    path = tmp_path / "genome.fa"
    path.write_text(f">chr1\n{DNA[0]}\n>chr2\n{DNA[1]}\n")
    with pyfaidx.Fasta(str(path)) as genome:
        assert read(genome["chr2"]) == ([DNA[1]], ["chr2"])
        assert read(genome["chr2"][2:8]) == ([DNA[1][2:8]], ["chr2"])
        assert read([genome["chr1"], genome["chr2"]]) == (DNA, ["chr1", "chr2"])


@pytest.mark.parametrize("given", [pa.array(DNA), pa.chunked_array([DNA]), pa.table({"seq": DNA})])
def test_columns_and_tables_of_arrow(given: object) -> None:
    assert read(given) == (DNA, ["0", "1"])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([list(DNA[0])], "row 1: the sequence is a list, not text"),
        ([("a", DNA[0])], "row 1: the sequence is a tuple, not text"),
        ([DNA[0], Seq(None, length=9)], "row 2: the sequence cannot be read"),
        (io.StringIO(">a\nACGT\n"), "an open file is given. Give its path"),
        (
            pd.DataFrame([DNA], columns=["sequence", "sequence"]),
            "more than one column sequence. Rename one",
        ),
    ],
)
def test_what_is_no_sequence_is_refused_in_words(given: object, message: str) -> None:
    with pytest.raises(dnasweep.InputError, match=message):
        read_given(given)  # type: ignore[arg-type]


def test_data_may_be_a_table_and_are_never_the_sequences_themselves() -> None:
    for table in (TABLE, pa.Table.from_pandas(TABLE)):
        found = dnasweep.read_data(table, progress=False)  # type: ignore[arg-type]
        assert found["label"].tolist() == [0, 1] * 6
    for given, message in (
        (DNA, "ACGTACGTACGT... is a sequence, not the path"),
        (TABLE["sequence"], "the data are of type Series"),
        ([TABLE], "the data contain DataFrame"),
    ):
        with pytest.raises(dnasweep.InputError, match=message) as refused:
            dnasweep.read_data(given, progress=False)  # type: ignore[arg-type]
        assert "pandas.DataFrame" in (refused.value.remedy or "")


def test_errors_name_the_row_of_a_table_in_memory() -> None:
    table = TABLE.assign(sequence=[*TABLE["sequence"][:2], "ACGJ", *TABLE["sequence"][3:]])
    with pytest.raises(dnasweep.InputError, match=r"^the table data, row 3: 'J' at position 4"):
        dnasweep.read_data(table, progress=False)
    with pytest.raises(
        dnasweep.InputError, match=r"^the table data: there is no column with labels"
    ):
        dnasweep.read_data(TABLE[["sequence"]], progress=False)


def test_an_unknown_option_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(
        dnasweep.InputError, match=r"no option 'label'. Did you mean 'label_column'"
    ):
        dnasweep.read_data(TABLE, label="label", progress=False)
    with pytest.raises(dnasweep.InputError, match="no file is given"):
        dnasweep.read_data(None, progress=False)  # type: ignore[arg-type]
