import numpy as np
import pandas as pd
import pytest
from dnasweep.data.table import COLUMNS, DTYPES, check_table, make_table
from dnasweep.errors import InputError


def test_missing_columns_are_filled_and_others_dropped() -> None:
    table = make_table({"sequence": ["ACGT", "AC"], "label": [1, 0], "colour": ["red", "blue"]})
    assert tuple(table.columns) == COLUMNS
    assert {c: str(t) for c, t in table.dtypes.items()} == DTYPES
    assert table["id"].tolist() == ["seq:1", "seq:2"]
    assert table["start"].isna().all()
    assert (table["species"] == "").all()
    assert check_table(table) is table


def test_the_given_frame_is_left_as_it_is() -> None:
    frame = pd.DataFrame({"sequence": ["ACGT"], "label": np.array([1])}, index=[7])
    before = frame.copy()
    assert make_table(frame).index.tolist() == [0]
    pd.testing.assert_frame_equal(frame, before)


def test_making_a_table_of_a_table_changes_nothing() -> None:
    table = make_table({"sequence": ["ACGT"], "start": [5], "end": [9], "strand": ["-"]})
    pd.testing.assert_frame_equal(make_table(table), table)


@pytest.mark.parametrize("label", [[1.5], [200], ["yes"], [None]])
def test_labels_that_are_no_small_integers_are_refused(label: list[object]) -> None:
    with pytest.raises(InputError, match="label"):
        make_table({"sequence": ["ACGT"], "label": label})


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("id", "a", "used twice"),
        ("id", "", "id is empty"),
        ("sequence", "", "sequence is empty"),
        ("sequence", "acgt", "upper-case IUPAC"),
        ("sequence", "ACGU", "upper-case IUPAC"),
        ("label", -2, "label is below"),
        ("species", "Canis lupus", "species has no canonical name"),
        ("strand", ".", "strand is not known"),
        ("split", "dev", "split is not known"),
    ],
)
def test_rows_that_break_the_definition_are_named(column: str, value: object, reason: str) -> None:
    table = make_table({"sequence": ["ACGT", "ACGN", "TTTT"], "id": ["a", "b", "c"]})
    table.loc[1, column] = value
    table = table.astype(DTYPES)
    with pytest.raises(InputError, match=reason) as error:
        check_table(table, file="x.csv")
    assert error.value.row == 2
    assert error.value.file == "x.csv"


def test_wrong_columns_types_and_no_rows_are_refused() -> None:
    table = make_table({"sequence": ["ACGT"]})
    with pytest.raises(InputError, match="columns are"):
        check_table(table.drop(columns="split"))
    with pytest.raises(InputError, match="'label' is int64"):
        check_table(table.astype({"label": "int64"}))
    with pytest.raises(InputError, match="no sequence"):
        check_table(table.iloc[:0])
    with pytest.raises(InputError, match="no column 'sequence'"):
        make_table({"seq": ["ACGT"]})
