"""Where the files of a session of this machine alone lie, and what stays of them."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from dnasweep.errors import InputError
from dnasweep.runtime.cluster import loopback
from dnasweep.runtime.cluster.loopback import private_folder


@pytest.fixture(autouse=True)
def place(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for temporary files, whose name is as short as it has to be."""
    folder = tmp_path_factory.mktemp("t")
    monkeypatch.setattr(loopback, "_MAX_PATH_BYTES", 10_000)
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    return folder


def test_nobody_else_can_enter_it_whatever_ray_does_to_its_own(place: Path) -> None:
    with private_folder() as folder:
        os.makedirs(folder)
        os.chmod(folder, 0o777)
        outer = Path(folder).parent
        assert outer.parent == place
        assert stat.S_IMODE(outer.stat().st_mode) == 0o700
        (Path(folder) / "log").write_text("x")
    assert not list(place.iterdir())


def test_it_is_removed_after_a_failure_too(place: Path) -> None:
    with pytest.raises(RuntimeError), private_folder():
        raise RuntimeError
    assert not list(place.iterdir())


def test_what_a_killed_session_has_left_is_removed_by_the_next_and_nothing_else(
    place: Path,
) -> None:
    code = (
        "import os, sys, tempfile\n"
        "from dnasweep.runtime.cluster import loopback\n"
        "loopback._MAX_PATH_BYTES, tempfile.tempdir = 10_000, sys.argv[1]\n"
        "kept = loopback.private_folder()\n"
        "folder = kept.__enter__()\n"
        "os.makedirs(folder); print(folder, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    killed = subprocess.run(
        [sys.executable, "-c", code, str(place)], capture_output=True, text=True, check=False
    )
    left = Path(killed.stdout.strip()).parent
    assert left.is_dir(), killed.stderr
    (place / "dnasweep-foreign").mkdir()
    (place / "dnasweep-model-x").mkdir()
    with private_folder() as other:
        assert left.is_dir(), "it may be about to be held"
        hour_ago = os.stat(left).st_mtime - 3600
        for folder in (left, Path(other).parent):
            os.utime(folder, (hour_ago, hour_ago))
        with private_folder():
            assert not left.exists()
            assert Path(other).parent.is_dir(), "it is in use"
    assert sorted(p.name for p in place.iterdir()) == ["dnasweep-foreign", "dnasweep-model-x"]


def test_it_stays_where_ray_tmpdir_asks_for_rays_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path / "made"))
    with private_folder() as folder:
        os.makedirs(folder)
    assert Path(folder).is_dir()
    assert Path(folder).parents[1] == tmp_path / "made"
    assert stat.S_IMODE(Path(folder).parent.stat().st_mode) == 0o700


def test_places_whose_names_are_too_long_for_sockets_are_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path / ("x" * 60)))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with private_folder() as folder:
        # As Ray calls them, with the longest number a process can have.
        name = f"{folder}/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store"
        assert len(name) <= 107
    assert not Path(folder).parent.exists()


def test_no_place_at_all_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loopback, "_MAX_PATH_BYTES", 1)
    with pytest.raises(InputError, match="RAY_TMPDIR"), private_folder():
        pass
