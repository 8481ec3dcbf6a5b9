"""Damaged files of motifs and variants are refused in words or read as they stand."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from fuzz.motifs_variants import READ, REFUSED, cases


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_read_as_something_else(tmp_path: Path, seed: int) -> None:
    # A traceback ends the test.
    found = {name: call() for name, call in cases(np.random.default_rng(seed), tmp_path, rounds=6)}
    assert {name for name, came in found.items() if came not in (READ, REFUSED)} == set()
    assert min(Counter(found.values()).values()) > 5
