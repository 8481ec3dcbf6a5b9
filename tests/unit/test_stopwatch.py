"""Seconds by part, by which `benchmarks/scale.py` judges."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

FILE = Path(__file__).resolve().parents[2] / "benchmarks" / "stopwatch.py"


@pytest.fixture
def stopwatch() -> ModuleType:
    spec = importlib.util.spec_from_file_location("stopwatch", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_part_does_not_count_the_parts_within_it(
    stopwatch: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = {"clock": 0.0, "processor": 0.0}

    def work(clock: float, processor: float) -> None:
        now["clock"] += clock
        now["processor"] += processor

    class Work:
        def inner(self) -> str:
            work(5, 1)
            return "done"

        def outer(self) -> str:
            work(2, 0.5)
            return self.inner() + self.inner()

    time = SimpleNamespace(perf_counter=lambda: now["clock"], thread_time=lambda: now["processor"])
    monkeypatch.setattr(stopwatch, "time", time)
    watch = stopwatch.Stopwatch()

    def fail() -> None:
        with watch.part("failing"):
            work(3, 0)
            raise ZeroDivisionError

    with watch.watching((Work, "inner", "inner"), (Work, "outer", "outer")), watch.part("all"):
        assert Work().outer() == "donedone"
        work(1, 1)
        with pytest.raises(ZeroDivisionError):
            fail()
    Work().outer()
    assert watch.clock == {"inner": 10, "outer": 2, "all": 1, "failing": 3}
    assert watch.processor == {"inner": 2, "outer": 0.5, "all": 1, "failing": 0}
