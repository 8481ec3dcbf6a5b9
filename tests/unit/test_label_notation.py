"""Ways to write labels: read as meant and said, or refused; never another number or another direction."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from dnasweep.data.column_names import ColumnNames
from dnasweep.data.label_notation import plain_cells
from dnasweep.data.label_reading import read_labels
from dnasweep.data.label_words import positive_of
from dnasweep.data.reading import Reading, read_rows
from dnasweep.errors import InputError

RNG = np.random.default_rng(5)
DNA = ["".join(RNG.choice(list("ACGT"), 40)) for _ in range(48)]


def read(cells: Sequence[str], **how):
    return read_labels(plain_cells(pd.Series(cells)), **how)


def write(path: Path, columns: dict[str, Sequence[object]]) -> Path:
    number = len(next(iter(columns.values())))
    pd.DataFrame({"sequence": DNA[:number], **columns}).to_csv(path, index=False)
    return path


def outputs(reading: Reading) -> list[list[float]]:
    return reading.table[reading.labels.columns].to_numpy().tolist()


@pytest.mark.parametrize(
    ("cells", "task", "names"),
    [
        (["[0, 1, 1]", "[1,0,0]", "[0 0 0]"], "multilabel", ("1", "2", "3")),
        (["['a', 'b']", "['b']", "[]"], "multilabel", ("a", "b")),
        (["(0.5, 1.25)", "(2, -1)"], "regression", ("1", "2")),
        (["[1]", "[0]"], "binary", ("negative", "positive")),
        (["0 1 1", "1 0 0", "1 1 0"], "multilabel", ("1", "2", "3")),
        (["0.5 -1.25", "2 1e-3"], "regression", ("1", "2")),
        (["0;", "1;"], "binary", ("negative", "positive")),
        (["a;b;", "a;", "b;"], "multilabel", ("a", "b")),
    ],
)
def test_lists_are_several_labels_and_no_words(cells, task, names) -> None:
    labels = read(cells * 6).labels
    assert (labels.task, labels.names) == (task, names)


def test_rows_with_one_1_are_classes_by_its_place() -> None:
    found = read(["[0, 1]", "[1, 0]"] * 6)
    assert found.labels.task == "binary"
    assert found.codes == {"0;1": 1, "1;0": 0}
    assert "one-hot" in found.note
    three = read(["0;0;1", "1;0;0", "0;1;0"] * 6)
    assert three.labels.names == ("0", "1", "2")
    assert three.codes == {"0;0;1": 2, "1;0;0": 0, "0;1;0": 1}
    assert read(["0;1", "1;0"] * 6, task="multilabel").labels.task == "multilabel"


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (["10%", "20 %", "2.5%"], "percent sign, such as 10%"),
        (["0,5", "1,25"], "decimal comma, such as 0,5"),
        (["1,234", "12,345"], "decimal comma"),
        (["1 234", "12 345"], "thousands separators"),
        (["011", "100", "110"], "rows of 0 and 1, such as 011"),
    ],
)
def test_numbers_that_would_be_taken_for_others_are_refused(cells, reason) -> None:
    with pytest.raises(InputError, match=reason) as refused:
        read(cells * 4)
    assert refused.value.remedy


def test_the_minus_of_typesetters_is_a_minus() -> None:
    found = read(["\u22121.5", "2.5", "\u22120.25"] * 4)
    assert found.labels.task == "regression"
    assert "from -1.5 to 2.5" in found.note


@pytest.mark.parametrize(
    ("negative", "positive"),
    [
        ("tata-", "tata+"),
        ("enhancer_neg", "enhancer_pos"),
        ("tata-less", "tata"),
        ("low", "high"),
        ("weak", "strong"),
        ("off", "on"),
        ("miss", "hit"),
        ("absent", "present"),
        ("closed", "open"),
        ("benign", "pathogenic"),
        ("intergenic", "genic"),
        ("ctrl", "treated"),
        ("shuffled", "utr"),
    ],
)
def test_the_positive_of_two_words_is_the_one_that_is_meant(negative, positive) -> None:
    assert positive_of([negative, positive]) == positive
    assert positive_of([positive, negative]) == positive


@pytest.mark.parametrize("labels", [("donor", "acceptor"), ("up", "down"), ("cat", "caf")])
def test_words_that_mean_neither_are_left_to_the_user(labels) -> None:
    assert positive_of(list(labels)) is None


def test_counts_are_numbers_where_the_column_says_so(tmp_path: Path) -> None:
    counts = [0, 0, 1, 2, 3, 5, 8, 12] * 6
    named = read_rows(write(tmp_path / "a.csv", {"expression": counts}))
    assert named.labels.task == "regression"
    assert named.table["output:expression"].tolist() == counts
    plain = read_rows(write(tmp_path / "b.csv", {"label": counts}))
    assert plain.labels.task == "multiclass"
    assert "--task regression learns them as numbers" in plain.notes[-1]
    levels = read_rows(write(tmp_path / "c.csv", {"activity": [0, 1, 2] * 16}))
    assert levels.labels.task == "multiclass"
    flags = read_rows(write(tmp_path / "d.csv", {"activity": [0, 1] * 24}))
    assert flags.labels.task == "binary"


def test_a_few_measurements_among_zeros_are_told_of_regression(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", {"label": [*["0"] * 46, "0.5", "1.25"]})
    with pytest.raises(InputError, match=r"'0.5' is not an integer.*--task regression"):
        read_rows(path)


def test_missing_labels_are_no_class_that_would_be_lost(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", {"label": [*["0", "1"] * 23, "NA", "NA"]})
    with pytest.raises(
        InputError, match=r"label is missing.*--skip-bad-rows to leave out 2 of 48"
    ):
        read_rows(path)
    assert len(read_rows(path, skip_bad_rows=True).table) == 46


def test_several_columns_of_numbers_are_as_many_outputs(tmp_path: Path) -> None:
    columns = {"HEK": [0.5, -1.25] * 24, "K562": [2.0, 3.5] * 24}
    path = write(tmp_path / "x.csv", columns)
    found = read_rows(path, columns=ColumnNames(label=("HEK", "K562")))
    assert found.labels.task == "regression"
    assert found.labels.names == ("HEK", "K562")
    assert outputs(found)[:2] == [[0.5, 2.0], [-1.25, 3.5]]
    assert "the labels are 2 numbers per row: HEK, K562" in found.notes


def test_columns_of_one_kind_are_found_together_and_said(tmp_path: Path) -> None:
    columns = {
        "Dev_log2_enrichment": RNG.normal(size=48),
        "Hk_log2_enrichment": RNG.normal(size=48),
    }
    found = read_rows(write(tmp_path / "x.csv", columns))
    assert found.labels.names == tuple(columns)
    assert np.allclose(outputs(found), np.column_stack(list(columns.values())))
    assert (
        "x.csv: the labels are the columns Dev_log2_enrichment, Hk_log2_enrichment" in found.notes
    )
    flags = {"label_1": [0, 1, 1] * 16, "label_2": [1, 1, 0] * 16}
    assert read_rows(write(tmp_path / "y.csv", flags)).labels.task == "multilabel"


def test_columns_of_flags_with_one_1_a_row_are_classes_of_their_names(tmp_path: Path) -> None:
    columns = {name: [int(i % 3 == j) for i in range(48)] for j, name in enumerate("abc")}
    found = read_rows(write(tmp_path / "x.csv", columns))
    assert found.labels.task == "multiclass"
    assert found.labels.names == ("a", "b", "c")
    assert found.table["label"].tolist() == [0, 1, 2] * 16
    assert any("one-hot" in note for note in found.notes)
    two = {"other": [True, False] * 24, "promoter": [False, True] * 24}
    binary = read_rows(write(tmp_path / "y.csv", two))
    assert binary.labels.names == ("other", "promoter")
    assert binary.table["label"].tolist() == [0, 1] * 24
    turned = read_rows(tmp_path / "y.csv", positive_label="other")
    assert turned.table["label"].tolist() == [1, 0] * 24


def test_several_columns_that_cannot_be_joined_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", {"a": ["x", "y"] * 24, "b": [0, 1] * 24})
    with pytest.raises(InputError, match="do not all contain numbers"):
        read_rows(path, columns=ColumnNames(label=("a", "b")))
    with pytest.raises(InputError, match="--task is binary, but rows have several labels"):
        read_rows(
            write(tmp_path / "y.csv", {"a": [1, 1] * 24, "b": [0, 1] * 24}),
            columns=ColumnNames(label=("a", "b")),
            task="binary",
        )


def test_files_with_other_columns_of_labels_are_refused(tmp_path: Path) -> None:
    first = write(
        tmp_path / "train.csv", {"label_1": [0, 1, 1, 0] * 4, "label_2": [1, 1, 0, 0] * 4}
    )
    second = write(tmp_path / "test.csv", {"label": [0, 1] * 8})
    with pytest.raises(InputError, match=r"test.csv: has other columns of labels than train.csv"):
        read_rows([first, second])


@pytest.mark.parametrize("missing", [".", "?"])
def test_signs_of_missing_values_are_no_class(tmp_path: Path, missing: str) -> None:
    path = write(tmp_path / "x.csv", {"label": ["promoter", "enhancer", missing] * 16})
    with pytest.raises(InputError, match="row 4: the label is missing"):
        read_rows(path)
