"""The number of workers of a trial, or a range."""

from __future__ import annotations

import pytest
from dnasweep.config.execution import read_worker_range
from dnasweep.errors import InputError


@pytest.mark.parametrize(
    ("text", "expected", "shown"),
    [(1, (1, 1), "1"), ("4", (4, 4), "4"), ("1..4", (1, 4), "1..4"), (" 2..2 ", (2, 2), "2")],
)
def test_a_number_or_a_range(text: int | str, expected: tuple[int, int], shown: str) -> None:
    assert read_worker_range(text) == expected
    assert str(read_worker_range(text)) == shown


@pytest.mark.parametrize("text", [0, -1, "", "0..2", "3..2", "1-4", "1...4", "two", "1..", "1.5"])
def test_anything_else_is_refused(text: int | str) -> None:
    with pytest.raises(InputError, match=r"workers_per_trial is .* 1\.\.4"):
        read_worker_range(text)
