"""The examples in docstrings give what they say."""

from __future__ import annotations

import doctest
import importlib
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "platform" / "dnasweep"
MODULES = sorted(
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    for path in PACKAGE.rglob("*.py")
    if re.search(r"(?m)^ *>>> (?!.*doctest: \+SKIP)", path.read_text(encoding="utf-8"))
)
FEWEST = 40
"""Docstrings with examples that run."""


def examples(module: str) -> list[doctest.DocTest]:
    found = doctest.DocTestFinder().find(importlib.import_module(module))
    return [one for one in found if one.examples]


@pytest.mark.parametrize("module", MODULES)
def test_examples(module: str) -> None:
    failures: list[str] = []
    for one in examples(module):
        doctest.DocTestRunner().run(one, out=failures.append)
    assert not failures, "".join(failures)


def test_there_are_examples() -> None:
    run = [one for name in MODULES for one in examples(name)]
    run = [one for one in run if not any(doctest.SKIP in e.options for e in one.examples)]
    assert len(run) >= FEWEST
