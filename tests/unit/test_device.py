"""Everything once more on the stand-in for a GPU: the files of `tests/device`, in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = [str(path) for path in sorted((ROOT / "tests" / "device").glob("*.py"))]
QUIET = "-q --tb=short --no-showlocals -p no:cacheprovider -p no:xdist".split()


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("marked", ["not slow", pytest.param("slow", marks=pytest.mark.slow)])
def test_on_the_device(marked):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *FILES, "-m", marked, *QUIET],
        cwd=ROOT,
        env={name: v for name, v in os.environ.items() if not name.startswith("PYTEST_")},
        capture_output=True,
        text=True,
        timeout=1100,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-3000:]
    assert " passed" in done.stdout
