"""Versions that would not see one another's work are kept out of one storage."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from dnasweep import __version__
from dnasweep.config import versions
from dnasweep.errors import InputError
from dnasweep.storage import usable_storage
from dnasweep.storage.layout import FILE
from object_store import ObjectStore


def begun(root: Path, layout: int) -> None:
    (root / "work").mkdir(parents=True)
    (root / FILE).write_text(json.dumps({"layout": layout, "dnasweep": "0.0.1"}))


def test_a_storage_says_who_began_it_and_takes_the_same_layout_again(tmp_path: Path) -> None:
    for _ in range(2):
        usable_storage(str(tmp_path))
    said = json.loads((tmp_path / FILE).read_text())
    assert said == {"layout": versions.STORAGE, "dnasweep": __version__}


def test_another_version_of_the_same_layout_may_work_in_it(tmp_path: Path) -> None:
    begun(tmp_path, versions.STORAGE)
    usable_storage(str(tmp_path))
    assert "0.0.1" in (tmp_path / FILE).read_text(), "who began it stays"


def test_another_layout_is_refused_with_both_versions(tmp_path: Path) -> None:
    begun(tmp_path, versions.STORAGE + 1)
    with pytest.raises(InputError, match=f"dnasweep 0.0.1 with layout .* this is {__version__}"):
        usable_storage(str(tmp_path))


def test_a_dry_run_writes_nothing_into_a_storage(tmp_path: Path) -> None:
    usable_storage(str(tmp_path), dry_run=True)
    assert not (tmp_path / FILE).exists()


def test_a_file_that_was_cut_short_stops_nobody(tmp_path: Path) -> None:
    begun(tmp_path, versions.STORAGE + 1)
    (tmp_path / FILE).write_text('{"layout"')
    usable_storage(str(tmp_path))


def test_a_bucket_has_the_same_file(
    object_store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    root = object_store.new_root()
    for _ in range(2):
        storage = usable_storage(root)
    assert storage.bucket is not None
    storage.bucket.write(FILE, json.dumps({"layout": 9, "dnasweep": "9.9"}).encode())
    with pytest.raises(InputError, match=r"9\.9 with layout 9"):
        usable_storage(root)
