"""Storage: artefacts appear whole, once, and cannot leave the root."""

from __future__ import annotations

import errno
import json
import multiprocessing
import time
from pathlib import Path

import pytest
from dnasweep.errors import InputError
from dnasweep.storage import MANIFEST, Storage


def _write(text: str):
    return lambda folder: (folder / "a.txt").write_text(text) and None


def test_obtain_builds_once_and_finds_after(tmp_path: Path) -> None:
    storage, calls = Storage(tmp_path), []

    def build(folder: Path) -> None:
        calls.append(folder)
        (folder / "a.txt").write_text("x")

    first = storage.obtain("tokenizers", "k1", build, inputs={"n": 1})
    assert storage.obtain("tokenizers", "k1", build) == first
    assert len(calls) == 1
    manifest = json.loads((first / MANIFEST).read_text())
    assert manifest["inputs"] == {"n": 1}
    assert manifest["files"] == {"a.txt": 1}


def test_a_failed_build_publishes_nothing_and_keeps_its_work(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    work = storage.work_folder("encoders", "k")
    work.mkdir(parents=True)
    (work / "state").write_text("half")

    def fail(folder: Path) -> None:
        (folder / "half").write_text("x")
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        storage.obtain("encoders", "k", fail)
    assert storage.find("encoders", "k") is None
    assert (work / "state").exists()
    assert list((tmp_path / "work" / "building").iterdir()) == []
    storage.obtain("encoders", "k", _write("x"))
    assert not work.exists()


def test_a_full_disk_is_said_with_its_remedy(tmp_path: Path) -> None:
    def full(folder: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(InputError, match=r"no space left.*run the same command again"):
        Storage(tmp_path).obtain("encoders", "k", full)


def test_names_cannot_leave_the_root(tmp_path: Path) -> None:
    for name in ("../x", "..", "a/b", ""):
        with pytest.raises(ValueError, match="cannot name"):
            Storage(tmp_path).obtain("encoders", name, _write("x"))


def _slow_build(root: str, marks: str) -> None:
    def build(folder: Path) -> None:
        with open(marks, "a") as stream:
            stream.write("x")
        time.sleep(0.3)
        (folder / "a").write_text("1")

    Storage(root).obtain("corpora", "k", build)


def test_racing_builders_build_once(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    context = multiprocessing.get_context("spawn")
    racers = [
        context.Process(target=_slow_build, args=(str(tmp_path / "root"), str(marks)))
        for _ in range(3)
    ]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
        assert racer.exitcode == 0
    assert marks.read_text() == "x"


def test_an_unwritable_root_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="--storage"):
        Storage(tmp_path / "file" / "below").check_writable()
