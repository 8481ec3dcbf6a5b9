"""A disk that fills up: one message, nothing that was finished is lost, and the rerun goes on."""

from __future__ import annotations

import contextlib
import errno
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from dnasweep.cli.command import run_command
from dnasweep.config import TokenizerConfig
from dnasweep.errors import InputError, is_full_disk
from dnasweep.genomics.predictions import check_output
from dnasweep.stages.classifier import finetune
from dnasweep.stages.outcome import Listener, StageOutcome
from dnasweep.stages.tokens import obtain_corpus, obtain_tokenizer
from dnasweep.storage import MANIFEST, Storage
from dnasweep.sweeps.axes import SweepOptions
from dnasweep.sweeps.request import Sweep, prepare_sweep
from dnasweep.tokens.tokenizers import fit
from rich.console import Console
from safetensors.numpy import save_file
from small_disk import small_disk
from toy_data import write_toy_table

SIZE_MIB = 6
LEFT = 60_000
"""Bytes left on a disk that is nearly full: enough to begin, not to finish."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    with small_disk(tmp_path / "disk", SIZE_MIB) as folder:
        yield folder


def fill(disk: Path, *, left: int = 0) -> Path:
    """Fill the disk but for `left` bytes; remove the file to free it."""
    ballast = disk / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(bytes(1 << 16)):
            pass
    with ballast.open("r+b") as file:
        file.truncate(max(0, ballast.stat().st_size - left))
    return ballast


def small_sweep(storage: Path, table: Path) -> Sweep:
    axes = {
        "tokenizer": ("kmer-3",),
        "species_set": ("none",),
        "learning_rate": (3e-3,),
        "seed": (0,),
    }
    options = SweepOptions(
        data=(str(table),),
        storage=str(storage),
        preset="1x32x2",
        finetune_epochs=2,
        evaluations=4,
    )
    return prepare_sweep("full", axes, options, Console(quiet=True))


def curve(outcome: StageOutcome) -> list[dict[str, float]]:
    return [evaluation["metrics"] for evaluation in outcome.history]


def _text(folder: Path) -> None:
    (folder / "a.txt").write_text("A" * 500_000)


def _table(folder: Path) -> None:
    letters = np.random.default_rng(0).integers(0, 1 << 62, 100_000)
    pd.DataFrame({"number": letters}).to_parquet(folder / "a.parquet")


def _tensors(folder: Path) -> None:
    save_file({"a": np.zeros(200_000)}, folder / "a.safetensors")


def _tokenizer(folder: Path) -> None:
    fit(TokenizerConfig.parse("kmer-6"), ["ACGTACGTAC"]).save(folder)


@pytest.mark.parametrize("build", [_text, _table, _tensors, _tokenizer])
def test_a_stage_on_a_full_disk_is_refused_and_the_rest_stays(
    disk: Path, build: Callable[[Path], None]
) -> None:
    storage = Storage(disk / "runs")
    before = storage.obtain("encoders", "before", lambda folder: (folder / "a").write_text("x"))
    ballast = fill(disk, left=LEFT)
    with pytest.raises(InputError, match=r"no space left.* Free space and run the same command"):
        storage.obtain("encoders", "k", build)
    assert storage.find("encoders", "k") is None
    assert list((storage.local / "work" / "building").iterdir()) == [], "no half stage takes room"
    assert (before / "a").read_text() == "x"
    assert (before / MANIFEST).is_file()
    ballast.unlink()
    assert any(storage.obtain("encoders", "k", build).iterdir())


def test_a_full_disk_is_seen_before_anything_starts(disk: Path, tmp_path: Path) -> None:
    ballast = fill(disk)
    table = write_toy_table(tmp_path / "toy.csv")
    with pytest.raises(InputError, match=r"storage cannot be written to: No space .*--storage"):
        small_sweep(disk, table)
    with pytest.raises(InputError, match=r"p\.csv: the predictions cannot be written: No space"):
        check_output(disk / "p.csv")
    ballast.unlink()
    small_sweep(disk, table)


def test_a_training_that_fills_the_disk_goes_on_where_it_was(disk: Path, tmp_path: Path) -> None:
    table = write_toy_table(tmp_path / "toy.csv")
    whole = small_sweep(tmp_path / "whole", table)
    uninterrupted = finetune(whole.storage, whole.plan.classifiers[0])
    made = small_sweep(disk / "runs", table)
    spec = made.plan.classifiers[0]
    obtain_corpus(made.storage, spec.tokenizer)
    published = sorted(disk.glob(f"runs/*/*/{MANIFEST}"))
    assert len(published) == 3
    heard: list[dict] = []

    def fill_up(evaluation: dict) -> None:
        heard.append(evaluation)
        if len(heard) == 2:
            fill(disk)

    with pytest.raises(InputError, match=r"cannot be written|no space") as caught:
        finetune(made.storage, spec, listener=Listener(on_evaluation=fill_up))
    assert caught.value.remedy
    assert "same command" in caught.value.remedy
    assert caught.value.file is not None
    assert sorted(disk.glob(f"runs/*/*/{MANIFEST}")) == published
    (disk / "ballast").unlink()
    obtain_tokenizer(made.storage, spec.tokenizer)
    heard.clear()
    resumed = finetune(made.storage, spec, listener=Listener(on_evaluation=heard.append))
    assert 0 < len(heard) < len(uninterrupted.history), "the first part was not trained again"
    assert curve(resumed) == curve(uninterrupted)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        RuntimeError("I/O error: No space left on device (os error 28)"),
        sqlite3.OperationalError("database or disk is full"),
    ],
)
def test_whoever_wrote_it_the_command_ends_with_code_2(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(options: SweepOptions, console: Console) -> None:
        raise ValueError("wrapped") from error

    monkeypatch.setattr("sys.argv", ["sweep"])
    with pytest.raises(SystemExit) as left:
        run_command(work, SweepOptions, doc="A sweep.")
    assert left.value.code == 2
    assert "error: no space left on the device. Free space" in capsys.readouterr().err
    assert not is_full_disk(OSError(errno.EACCES, "Permission denied"))
