"""A storage on a file system that takes no locks."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest
from option_toys import ROOT
from toy_data import write_toy_table

SHIM = [sys.executable, str(ROOT / "tests" / "no_locks.py"), sys.executable]


@pytest.mark.skipif(
    (platform.system(), platform.machine()) != ("Linux", "x86_64"), reason="a filter of Linux"
)
def test_it_is_refused_with_what_to_do(tmp_path: Path) -> None:
    write_toy_table(tmp_path / "toy.csv", rows=60)
    lock = "import fcntl; fcntl.flock(open('x', 'w'), fcntl.LOCK_EX)"
    refused = subprocess.run(
        [*SHIM, "-c", lock], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "No locks available" in refused.stderr, "the shim refuses locks"
    words = "-m dnasweep build-dataset --data toy.csv --split random".split()
    done = subprocess.run(
        [*SHIM, *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert "takes no locks" in done.stderr
    assert "s3://bucket/runs" in done.stderr
    assert "Traceback" not in done.stderr
