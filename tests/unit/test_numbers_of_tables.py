"""Numbers as tables show them: signs, zeros, small and large ones."""

from __future__ import annotations

import pandas as pd
import pytest
from dnasweep.report.columns import text_of
from dnasweep.report.page import PageTable
from dnasweep.report.render import cells
from dnasweep.tasks.wording import number


def test_yes_and_no_are_texts_in_the_file_that_a_page_saves() -> None:
    # Of columns of numbers, the file has the exact values.
    table = pd.DataFrame({"found": [True], "num": [3], "mean": [0.5], "rank": [pd.NA]})
    shown = cells(PageTable("x", table.astype({"rank": "Int64"})))
    assert shown["numeric"] == [False, True, True, True]
    assert shown["rows"][0][0][0] == "yes"


@pytest.mark.parametrize("value", [0.0, -0.0, -1e-17, -0.0004])
def test_zero_has_no_sign(value: float) -> None:
    assert number(value) == "0.000"
    assert text_of("mean", value) == "0.000"


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        ("output", -1e-17, "0.000"),
        ("output", -0.0004, "−0.0004"),
        ("output", 0.00004, "4e−5"),
        ("output", -1234.5, "−1,234"),
        ("difference", -150.2, "−150"),
        ("median", 1_234_567.0, "1,234,567"),
        ("median", 1_234_567.5, "1,234,567.5"),
        ("median", 300.0, "300"),
        ("odds_ratio", 0.004, "0.004"),
        ("odds_ratio", 0.00001, "1e−5"),
        ("odds_ratio", 0.0, "0.00"),
        ("learning_rate", 0.0003, "0.0003"),
    ],
)
def test_small_and_large_numbers_keep_their_digits_and_sign(
    column: str, value: float, text: str
) -> None:
    assert text_of(column, value) == text
