"""The documentation builds without a warning, with a page for every command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("furo", reason="make docs installs what builds the site")
    build = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", "docs", str(tmp_path)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    scripts = {path.stem for folder in ("sweeps", "jobs") for path in ROOT.glob(f"{folder}/*.py")}
    assert {path.stem for path in tmp_path.glob("reference/commands/*.html")} == scripts
    assert (tmp_path / "searchindex.js").is_file()
