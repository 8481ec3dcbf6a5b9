"""The command line: boxes of the help, what reading it imports, and options as they are without it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from dnasweep.cli.boxes import BOXES, boxes_of, read_command_line
from dnasweep.cli.command import run_command
from dnasweep.jobs.scan_options import ScanOptions
from dnasweep.sweeps.axes import FewShotOptions, SweepOptions
from dnasweep.sweeps.kmer_table_options import KmerTableOptions
from option_toys import ROOT
from rich.console import Console
from shap_toys import write_model, write_sequences

SLOW = {"torch", "ray", "mlflow", "sklearn", "scipy", "transformers", "matplotlib", "tokenizers"}


@pytest.mark.parametrize("options", [SweepOptions, FewShotOptions, KmerTableOptions])
def test_nothing_on_the_command_line_is_every_default(
    options: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["script"])
    assert options(**read_command_line(options, "")) == options()


def test_values_are_read_into_the_fields_of_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    words = "script --model m --genome g.fa --window 300 --thresholds 0.5 0.7 --no-preflight"
    monkeypatch.setattr(sys, "argv", words.split())
    read = ScanOptions(**read_command_line(ScanOptions, ""))
    assert read == ScanOptions(
        model="m", genome="g.fa", window=300, thresholds=(0.5, 0.7), preflight=False
    )


def test_a_value_that_cannot_be_is_refused_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["script", "--dropout", "2"])
    with pytest.raises(SystemExit) as ended:
        run_command(lambda options, console: None, SweepOptions, doc="")
    assert ended.value.code == 2
    assert capsys.readouterr().err == "error: dropout is 2.0. Use a number from 0 to below 1.\n"


def test_sigterm_ends_a_command_like_ctrl_c(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(options: KmerTableOptions, console: Console) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)

    monkeypatch.setattr(sys, "argv", ["script"])
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as ended:
            run_command(work, KmerTableOptions, doc="")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert ended.value.code == 130
    shown = capsys.readouterr()
    assert "Stopped." in shown.err
    assert "Traceback" not in shown.err


def test_help_shows_axes_and_data_first_and_the_cluster_last() -> None:
    # At this width the boxes stand below one another; wider, they stand in columns.
    shown = subprocess.run(
        [sys.executable, "sweeps/tokenizer_grid.py", "--help"],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "90", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    titles = [f"─ {box} options ─" for box in boxes_of(SweepOptions)]
    places = [shown.index(title) for title in titles]
    assert places == sorted(places)
    assert [*boxes_of(SweepOptions)][:2] == ["axes", "input"]
    assert [*boxes_of(SweepOptions)][-1] == "cluster"
    assert shown.index("--tokenizers [") < shown.index("--data [") < shown.index("--preset STR")
    # What holds without an option is said once.
    assert "--crop INT" in shown
    assert "default: None" not in shown


def test_an_option_stands_in_one_box() -> None:
    names = " ".join(BOXES.values()).split()
    assert len(names) == len(set(names))
    # No option of a sweep is left over for the box of jobs.
    assert "job" not in boxes_of(SweepOptions)


def test_help_does_without_slow_libraries() -> None:
    code = (
        "import sys\nfrom dnasweep.cli.command import run_command\n"
        "from dnasweep.commands.registry import commands\n"
        "for command in commands().values(): command.options\n"
        f"print(*sorted({SLOW!r} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


@pytest.mark.parametrize(
    "words",
    [
        "tokenizer-grid --simulated-rows 40 --decoy-rate 0 --pretrain-rows 60",
        "predict --model model --data few.csv --out new.csv",
    ],
)
def test_a_dry_run_leaves_nothing_behind(tmp_path: Path, words: str) -> None:
    write_model(tmp_path / "model")
    write_sequences(tmp_path / "few.csv", 24)
    before = sorted(tmp_path.rglob("*"))
    done = subprocess.run(
        [sys.executable, "-m", "dnasweep", *words.split(), "--dry-run"],
        cwd=tmp_path,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "dry-run-" not in done.stdout
    assert sorted(tmp_path.rglob("*")) == before
