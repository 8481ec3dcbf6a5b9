"""Labels of bases: which cells are such labels, how they are read, and which are refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from dnasweep.data.base_labels import base_targets, read_cell
from dnasweep.data.label_checks import check_labels
from dnasweep.data.labels import Labels
from dnasweep.data.reading import Reading, read_rows
from dnasweep.data.table import check_table, crop_table
from dnasweep.errors import InputError

SEQUENCES = ["ACGTACGTACGT", "TTTTGGGGCCCC", "GATTACAGATTA", "CCCCCCAAAAAA"]
SITES = [(2, 9), (3, 7), (0, 5), (1, 11)]
"""Of each sequence, the first base of two intervals: a donor of two bases, and an acceptor of one."""
INTERVALS = [f"{a}-{a + 2}:donor;{b}-{b + 1}:acceptor" for a, b in SITES]


def symbols(donor: str = "1", acceptor: str = "2", none: str = "0") -> list[str]:
    found = []
    for a, b in SITES:
        cell = [none] * 12
        cell[a : a + 2], cell[b] = [donor, donor], acceptor
        found.append("".join(cell))
    return found


def objects() -> list[list[dict]]:
    return [
        [
            {"start": a, "end": a + 2, "label": "donor"},
            {"start": b, "end": b + 1, "label": "acceptor"},
        ]
        for a, b in SITES
    ]


def read(path: Path, cells: list, **how) -> Reading:
    frame = pd.DataFrame({"sequence": SEQUENCES, "labels": cells})
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    elif path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_json(path, orient="records", lines=True)
    return read_rows(path, **how)


NAMED = ("none", "acceptor", "donor")


@pytest.mark.parametrize(
    ("name", "cells", "names", "said"),
    [
        ("x.csv", symbols(), ("0", "1", "2"), "one symbol per base"),
        ("x.csv", symbols("D", "A", "."), (".", "A", "D"), "one symbol per base"),
        ("x.csv", [str(list(map(int, c))) for c in symbols()], ("0", "1", "2"), "a list of one"),
        ("x.parquet", [list(map(int, c)) for c in symbols()], ("0", "1", "2"), "a list of one"),
        ("x.csv", INTERVALS, NAMED, "intervals that count from 0"),
        ("x.csv", list(map(json.dumps, objects())), NAMED, "intervals that count from 0"),
        ("x.jsonl", objects(), NAMED, "intervals that count from 0"),
        ("x.parquet", objects(), NAMED, "intervals that count from 0"),
    ],
)
def test_they_are_read_as_they_come(tmp_path: Path, name, cells, names, said) -> None:
    found = read(tmp_path / name, cells)
    assert found.labels == Labels(task="token", names=names)
    numbers = {names[i]: i for i in range(3)}
    donor = numbers.get("donor", numbers.get("D", 1))
    expected = np.zeros((4, 12), dtype=int)
    for row, (a, b) in enumerate(SITES):
        expected[row, a : a + 2], expected[row, b] = donor, 3 - donor
    np.testing.assert_array_equal(found.labels.targets(found.table), expected)
    assert len(found.notes) == 1
    assert f"{names[0]} (75.0 %)" in found.notes[0]
    assert said in found.notes[0]
    assert "column `labels`" in found.notes[0]
    check_table(found.table)


def test_rows_without_a_site_have_none(tmp_path: Path) -> None:
    found = read(tmp_path / "x.csv", [*INTERVALS[:2], "none", "-"])
    assert found.labels.names == NAMED
    assert not found.labels.targets(found.table)[2:].any()
    with pytest.raises(InputError, match="row 4: the label is missing") as raised:
        read(tmp_path / "y.csv", [*INTERVALS[:2], "", INTERVALS[3]])
    assert "or none if there are none" in str(raised.value)


def test_rows_of_other_lengths_end_beyond_them(tmp_path: Path) -> None:
    found = base_targets(pd.Series(["012", "0000A"]))
    np.testing.assert_array_equal(found, [[0, 1, 2, -1, -1], [0, 0, 0, 0, 10]])


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("10-14:donor", "the interval '10-14:donor' is outside the 12 bases of the sequence"),
        ("4-4:donor", "the interval '4-4:donor' is outside"),
        (
            "1-4:donor;3-5:acceptor",
            "the interval '3-5:acceptor' overlaps an interval of another class",
        ),
        (f"1-{'9' * 5000}:donor", "'1-999"),
        ("donor at 4", "'donor at 4' in the label is not an interval such as 10-12:donor"),
    ],
)
def test_wrong_intervals_are_refused_with_their_row(tmp_path: Path, cell, reason) -> None:
    with pytest.raises(InputError, match="Write one symbol per base") as raised:
        read(tmp_path / "x.csv", [*INTERVALS[:2], cell, INTERVALS[3]], task="token")
    assert f"row 4: {reason}" in str(raised.value)


def test_another_length_is_refused_with_its_row(tmp_path: Path) -> None:
    wrong = [*symbols()[:3], "0000"]
    with pytest.raises(
        InputError, match="row 5: the label has 4 symbols, but the sequence has 12"
    ):
        read(tmp_path / "x.csv", wrong, task="token")
    wrong = [str(list(map(int, cell))) for cell in wrong]
    with pytest.raises(
        InputError, match="row 5: the label has 4 classes, but the sequence has 12"
    ):
        read(tmp_path / "x.csv", wrong, task="token")


def test_a_few_wrong_rows_do_not_make_the_others_words() -> None:
    # Ten of eleven rows have a symbol for each base; none is a class of sequences.
    from dnasweep.data.label_reading import read_labels

    cells, sequences = pd.Series([*["00110000"] * 10, "0011000"]), pd.Series(["ACGTACGT"] * 11)
    assert read_labels(cells, sequences=sequences).labels.task == "token"


@pytest.mark.parametrize(
    "cells", [["ACGTACGTACGT"] * 4, ["0", "1", "0", "1"], ["promoter", "none"] * 2]
)
def test_other_labels_are_not_taken_for_them(tmp_path: Path, cells: list[str]) -> None:
    assert read(tmp_path / "x.csv", cells).labels.task != "token"


def test_class_names_as_long_as_the_sequences_are_class_names(tmp_path: Path) -> None:
    # 8-mers, as those of protein binding microarrays.
    rng = np.random.default_rng(0)
    sequences = ["".join(row) for row in rng.choice(list("ACGT"), (40, 8))]
    rows = {"sequence": sequences, "label": ["positive", "negative"] * 20}
    pd.DataFrame(rows).to_csv(tmp_path / "rows.csv", index=False)
    reading = read_rows([tmp_path / "rows.csv"])
    assert reading.labels.task == "binary"
    assert reading.table["label"].tolist() == [1, 0] * 20


def test_they_cannot_be_what_they_are_not(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--positive-label is '1', but every base has a label"):
        read(tmp_path / "x.csv", symbols(), positive_label="1")
    with pytest.raises(InputError, match="the labels of the bases are 1 different ones: 0"):
        read(tmp_path / "x.csv", ["0" * 12] * 4, task="token")
    with pytest.raises(InputError, match="would be read as a number"):
        read(tmp_path / "x.csv", ["001100000000"] * 4, task="binary")


def test_names_in_intervals_do_not_depend_on_their_case() -> None:
    found = read_cell("1-3:Donor", "intervals", {"none": 0, "donor": 1}, 4)
    assert found.symbols == "0110"


def test_the_classes_are_cut_with_the_sequence(tmp_path: Path) -> None:
    table = crop_table(read(tmp_path / "x.csv", symbols()).table, 8)
    assert table["base_classes"].tolist() == [cell[2:10] for cell in symbols()]
    check_table(table)
    with pytest.raises(InputError, match="does not have one class for each base"):
        check_table(table.assign(base_classes="01"))


def test_every_split_needs_bases_of_every_class(tmp_path: Path) -> None:
    found = read(tmp_path / "x.csv", [*symbols()[:3], "0" * 12])
    table = found.table.assign(split=["train", "train", "validation", "test"])
    with pytest.raises(InputError, match=r"the test split has 1 rows, but no base of .* 1, 2"):
        check_labels(table, found.labels)
