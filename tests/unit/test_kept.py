"""A batch job learns whether another start of its command would come further."""

from __future__ import annotations

from pathlib import Path

import pytest
from dnasweep.storage import Storage
from dnasweep.storage.kept import VARIABLE
from object_store import ObjectStore
from state_toys import KIND, TRIAL, train_toy


def _write(folder: Path) -> None:
    (folder / "a.txt").write_text("x")


def _fail(folder: Path) -> None:
    raise RuntimeError


@pytest.fixture
def sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv(VARIABLE, str(tmp_path / "kept"))
    return tmp_path / "kept"


@pytest.fixture(params=["folder", "bucket"])
def storage(request: pytest.FixtureRequest, tmp_path: Path, object_store: ObjectStore) -> Storage:
    root = object_store.new_root() if request.param == "bucket" else str(tmp_path / "runs")
    return Storage(root)


def test_an_artefact_that_is_new_is_said(storage: Storage, sign: Path) -> None:
    with pytest.raises(RuntimeError):
        storage.obtain("tokenizers", "k", _fail)
    assert not sign.exists()
    storage.obtain("tokenizers", "k", _write)
    assert sign.exists()
    sign.unlink()
    storage.obtain("tokenizers", "k", _write)
    assert not sign.exists(), "it was there"


def test_a_state_of_a_training_is_said(storage: Storage, sign: Path) -> None:
    said = []
    # The first state is saved with the first evaluation, after five steps.
    train_toy(
        storage.state_folder(KIND, TRIAL), on_step=lambda done, *_: said.append(sign.exists())
    )
    assert said[:5] == [False] * 5
    assert sign.exists()
    sign.unlink()
    train_toy(storage.state_folder(KIND, TRIAL))
    assert not sign.exists(), "it had ended"


def test_without_anybody_to_tell_nothing_is_written(
    storage: Storage, sign: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(sign / "in/a/folder/that/is/gone"))
    storage.obtain("tokenizers", "k", _write)
    monkeypatch.delenv(VARIABLE)
    storage.obtain("tokenizers", "l", _write)
    assert not sign.exists()
