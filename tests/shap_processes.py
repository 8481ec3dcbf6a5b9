"""Attribution jobs as processes of their own, to be killed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
from dnasweep.tracking.client import check_reachable, resolve_uri

ROOT = Path(__file__).resolve().parents[1]
SIZE = 4
"""Sequences a shard: small shards, each of a second or so, so that a kill finds some done and some not."""


def hear_ctrl_c() -> None:
    """Undo what a shell does to whatever it starts in the background, tests included."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start_job(storage: Path, inputs: tuple[Path, Path], *flags: str) -> subprocess.Popen[str]:
    model, data = inputs
    # A database is made once and not by a process that is to be killed.
    check_reachable(resolve_uri(None, str(storage)))
    return subprocess.Popen(
        [
            *(sys.executable, "jobs/shap_batch.py", "--model", str(model), "--data", str(data)),
            *("--storage", str(storage), "--shard-size", str(SIZE), "--max-evals", "3000"),
            *("--no-report", *flags),
        ],
        stdin=subprocess.DEVNULL,
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "150"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=hear_ctrl_c,
    )


def finish_job(process: subprocess.Popen[str], *, code: int = 0) -> str:
    output, _ = process.communicate(timeout=600)
    assert process.returncode == code, output
    assert "Traceback" not in output, output
    return output


def published(storage: Path) -> dict[str, tuple[int, float]]:
    """Every file of every shard that is there, and when it was made."""
    found = storage.glob("attributions/*/shards/*/*")
    return {
        f"{p.parent.name}/{p.name}": (p.stat().st_ino, p.stat().st_mtime) for p in sorted(found)
    }


def tables(storage: Path) -> dict[str, bytes]:
    found = storage.glob("attributions/*/*/*/*.parquet")
    return {f"{p.parent.name}/{p.name}": p.read_bytes() for p in sorted(found)}


def wait_for_shards(process: subprocess.Popen[str], storage: Path, number: int) -> None:
    deadline = time.monotonic() + 400
    while len(published(storage)) < 3 * number:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def kill_job(process: subprocess.Popen[str]) -> None:
    """Kill the driver and everything it started, at once and without a chance to clean up."""
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for member in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
