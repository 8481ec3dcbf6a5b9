"""Sweeps as processes of their own, to be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import psutil

ROOT = Path(__file__).resolve().parents[1]
SMALL = (
    "--split random --tokenizers kmer-3 --species-sets none all --learning-rates 1e-2 3e-3 "
    "--seeds 0 --preset 2x64x2 --pretrain-epochs 30 --finetune-epochs 30 --evaluations 6"
).split()


def hear_ctrl_c() -> None:
    """Undo what a shell does to whatever it starts in the background, tests included."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start(
    storage: Path | str,
    table: Path,
    *,
    script: str = "sweeps/tokenizer_grid.py",
    flags: Sequence[str] = SMALL,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, script, "--storage", str(storage), "--data", str(table), *flags],
        stdin=subprocess.DEVNULL,
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "150", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=hear_ctrl_c,
    )


def kill_all(process: subprocess.Popen[str]) -> None:
    """Kill the driver and everything it started, at once and without a chance to clean up."""
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for member in family:
        try:
            member.send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            continue
    process.wait(timeout=30)
