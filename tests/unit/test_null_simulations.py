"""p-values and intervals are what they say where nothing is to be found: the benchmark, shortened."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.append(str(BENCHMARKS))
import null_simulations  # noqa: E402
from nulls import Check, measure  # noqa: E402

CHECKS = {name: one for name, one in null_simulations.checks().items() if one.quick}
MOST = 200
"""Draws of each; one that rejects a tenth of true nulls is found out in most seeds, one that
rejects an eighth in all."""


@pytest.mark.parametrize("name", CHECKS)
def test_nothing_is_found_where_there_is_nothing(name: str) -> None:
    check = CHECKS[name]
    found = measure(check, times=min(MOST, check.times))
    assert found.num > 0
    assert found.right, f"{check.quantity}, {check.setting}: {found}"


def test_a_test_that_rejects_too_often_or_never_is_found_out() -> None:
    def told(power: float) -> bool:
        return measure(
            Check(quantity="", setting="", simulate=lambda rng, n: rng.random(n) ** power),
            times=MOST,
        ).right

    assert told(1.0)
    assert not told(2.0)
    assert not told(0.2)


def test_an_interval_that_is_too_narrow_is_found_out() -> None:
    def told(half: float) -> bool:
        def simulate(rng: np.random.Generator, times: int) -> np.ndarray:
            mean = rng.normal(size=times)
            return np.stack([mean - half, mean + half, np.zeros(times)], axis=1)

        return measure(Check(quantity="", setting="", simulate=simulate), times=MOST).right

    assert told(1.96)
    assert not told(1.3)
    assert not told(4.0)
