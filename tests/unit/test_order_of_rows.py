"""The order of rows when a reader clicks the heading of a column."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import dnasweep.report
import pandas as pd
import pytest
from dnasweep.report.page import PageTable
from dnasweep.report.render import cells

SCRIPT = Path(dnasweep.report.__file__).with_name("page.js")
ORDERED: list[Sequence[object]] = [
    ["−0.200 ± 0.010", "−0.150 ± 0.010", "−0.012 ± 0.030", "0.050 ± 0.100", "0.100 ± 0.020"],
    ["−100 to −80", "−35 to −15", "−5 to +15", "+12 to +32"],
    ["12 / 2,000", "999 / 2,000", "1,234 / 2,000"],
    ["bpe-512", "kmer-6", "kmer-10"],
    [float("-inf"), -2.0, 3.5, 1e7, float("inf")],
    ["9 of 10", "10 of 10"],
]


def keys(values: Sequence[object]) -> list[str]:
    return [row[0][1] for row in cells(PageTable("x", pd.DataFrame({"x": values})))["rows"]]


def test_a_strand_is_no_missing_value() -> None:
    assert keys(["+", "-", None]) == ["+", "-", ""]


def run(values: object, then: str) -> list:
    """Return what a function of JavaScript makes of values, with the rules of order of the pages."""
    rules = re.findall(r"^const (?:numberIn|inOrder) = .*$", SCRIPT.read_text(), re.MULTILINE)
    code = "\n".join([*rules, f"console.log(JSON.stringify({json.dumps(values)}.map({then})))"])
    told = subprocess.run(["node", "-e", code], capture_output=True, text=True, check=True)
    return list(json.loads(told.stdout))


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_columns_are_sorted_by_the_numbers_that_texts_begin_with() -> None:
    given = [keys(values)[::-1] for values in ORDERED]
    assert run(given, "one => one.sort(inOrder)") == [keys(values) for values in ORDERED]


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_only_equal_texts_keep_their_order() -> None:
    pairs = list(itertools.product(["inf", "-inf", "1.0", "a", "1.0 a"], repeat=2))
    signs = dict(zip(pairs, run(pairs, "([x, y]) => Math.sign(inOrder(x, y))"), strict=True))
    assert all(signs[x, y] == -signs[y, x] for x, y in pairs)
    assert all((signs[x, y] == 0) == (x == y) for x, y in pairs)
