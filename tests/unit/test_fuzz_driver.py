"""The driver of `make fuzz` counts whatever can come of a damaged input."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from fuzz.run import try_seed

TROUBLE = """
import os, time
from dnasweep.errors import InputError

def refuse():
    raise InputError("is damaged")

def cases(rng, folder):
    yield "whole", lambda: "read"
    yield "refused", refuse
    yield "other", lambda: "wrong content"
    yield "raises", lambda: {}["no such key"]
    yield "dies", lambda: os._exit(3)
    yield "endless", lambda: time.sleep(600)
    yield "after", lambda: "read"
"""


def test_refusals_pass_and_tracebacks_hangs_and_other_content_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fuzz").mkdir()
    (tmp_path / "fuzz" / "trouble.py").write_text(TROUBLE)
    monkeypatch.syspath_prepend(tmp_path)
    found = try_seed("trouble", 5, patience=2.0, until=time.monotonic() + 120)
    expected = {"read": 2, "refused": 1, "wrong content": 1, "traceback": 1, "hang": 2}
    assert dict(found.outcomes) == expected
    told = [finding.splitlines()[0] for finding in found.findings]
    assert told == [
        "trouble seed 5 case 2: wrong content: other",
        "trouble seed 5 case 3: traceback: raises",
        "trouble seed 5 case 4: hang: dies",
        "trouble seed 5 case 5: hang: endless",
    ]
    assert "KeyError" in found.findings[1]
    assert found.findings[2].endswith("died (3)")
    assert found.findings[3].endswith("does not end")
