"""A sweep of which nothing came ends with another code than 0, and with the reason of the first."""

from __future__ import annotations

import io
import pickle
from types import SimpleNamespace
from typing import Any

import pytest
from dnasweep.cli.command import EXIT_BAD_INPUT, EXIT_NOTHING, run_command
from dnasweep.errors import InputError, NothingLeft
from dnasweep.stages.recipe import Cell
from dnasweep.sweeps import results
from dnasweep.sweeps.execution_options import ExecutionOptions
from rich.console import Console

CELLS = [Cell(tokenizer="kmer-3", species_set="none", seed=seed) for seed in range(3)]


def told(monkeypatch: pytest.MonkeyPatch, *endings: str) -> str:
    """Tell of three trials; each `completed`, `diverged`, `stopped early`, or what it raised."""
    known = ("completed", "stopped", "diverged", "collapsed")
    outcomes = {
        str(n): SimpleNamespace(
            outcome=how, reason=f"why {n}", healthy=how in ("completed", "stopped")
        )
        for n, how in enumerate(endings)
        if how in known
    }
    errors = {
        str(n): how for n, how in enumerate(endings) if how not in known and how != "stopped early"
    }
    monkeypatch.setattr(results, "find_outcome", lambda _, spec: outcomes.get(spec.key))
    console = Console(file=io.StringIO(), width=200)
    sweep: Any = SimpleNamespace(storage=None, errors=errors, console=console)
    plan: Any = SimpleNamespace(
        cells=CELLS, classifiers=[SimpleNamespace(key=str(n)) for n in range(len(CELLS))]
    )
    results.report_failures(sweep, plan)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_all_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NothingLeft, match=r"3 of 3 failed\. The first, .*: no memory") as caught:
        told(monkeypatch, "no memory", "another", "third")
    assert CELLS[0].label in str(caught.value)
    with pytest.raises(NothingLeft, match="3 of 3 diverged or failed"):
        told(monkeypatch, "diverged", "no memory", "diverged")
    with pytest.raises(NothingLeft, match="1 of 3 failed"):
        told(monkeypatch, "stopped early", "x", "stopped early")


def test_some_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    said = told(monkeypatch, "completed", "[/] no memory", "completed")
    assert said.startswith("1 of 3 trials failed; the first, ")
    assert "[/] no memory" in said
    assert "1 of 3 trials collapsed" in told(monkeypatch, "stopped", "collapsed", "completed")


def test_none_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(monkeypatch, "completed", "stopped early", "stopped") == ""


@pytest.mark.parametrize(
    ("error", "code"),
    [(NothingLeft("no trial is left"), EXIT_NOTHING), (InputError("bad"), EXIT_BAD_INPUT)],
)
def test_exit_codes(
    error: Exception,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def main(options: ExecutionOptions, console: Console) -> None:
        raise pickle.loads(pickle.dumps(error))

    monkeypatch.setattr("sys.argv", ["script.py"])
    with pytest.raises(SystemExit) as ended:
        run_command(main, ExecutionOptions, doc="")
    assert ended.value.code == code != 0
    assert f"error: {error}" in capsys.readouterr().err
