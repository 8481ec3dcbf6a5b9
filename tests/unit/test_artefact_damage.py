"""Artefacts whose files are damaged: each is noticed, named, set aside and made again as it was."""

from __future__ import annotations

import json
import os
import random
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dnasweep.errors import InputError
from dnasweep.storage import MANIFEST, Storage, integrity, telling_of_damage
from object_store import ObjectStore

CONTENT = {"a.bin": bytes(range(256)) * 8, "below/b.json": b'{"value": 0.25}\n'}


def flip(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def build(folder: Path) -> None:
    for name, data in CONTENT.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)


def content(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in CONTENT}


@pytest.fixture(params=["folder", "bucket"])
def storage(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Storage:
    if request.param == "folder":
        return Storage(tmp_path / "runs")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return Storage(request.getfixturevalue("object_store").new_root())


def damage(storage: Storage, path: str, change: Callable[[bytes], bytes | None]) -> None:
    """Change a file of the storage, or remove it, as a disk or a person would."""
    if storage.bucket is None:
        file = storage.local / path
        data = change(file.read_bytes())
        file.unlink() if data is None else file.write_bytes(data)
        return
    data = change(storage.bucket.read(path))
    storage.bucket.delete(path) if data is None else storage.bucket.write(path, data)


def set_aside(storage: Storage) -> list[Path]:
    folder = storage.local / "work" / "damaged"
    return sorted(p for p in folder.iterdir() if p.name != ".lock") if folder.is_dir() else []


CHANGES: dict[str, Callable[[bytes], bytes | None]] = {
    "flipped": lambda data: flip(data, 77),
    "cut": lambda data: data[:-5],
    "empty": lambda data: b"",
    "grown": lambda data: data + b"x",
    "deleted": lambda data: None,
}


@pytest.mark.parametrize("name", CONTENT)
@pytest.mark.parametrize("change", CHANGES)
def test_a_damaged_file_is_named_set_aside_and_made_again(
    storage: Storage, name: str, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    storage.obtain("kind", "key", build)
    for local in storage.local.glob("kind"):
        if storage.is_remote:
            # Another machine, which has no copy yet.
            local.rename(storage.local / "elsewhere")
    damage(storage, f"kind/key/{name}", CHANGES[change])
    assert storage.find("kind", "key") is None
    (line,) = (record.getMessage() for record in caplog.records)
    assert storage.uri_of("kind", "key") in line
    assert name in line
    assert len(set_aside(storage)) == 1
    assert str(set_aside(storage)[0]) in line
    assert not storage.exists("kind", "key")
    assert content(storage.obtain("kind", "key", build)) == CONTENT
    found = storage.find("kind", "key")
    assert found is not None
    assert content(found) == CONTENT


def test_no_bit_of_an_artefact_can_be_flipped_unnoticed(tmp_path: Path) -> None:
    storage, rng = Storage(tmp_path), random.Random(0)
    folder = storage.obtain("kind", "key", build, inputs={"what": [1, 2.5, "x"]})
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        whole = path.read_bytes()
        for bit in rng.sample(range(8 * len(whole)), min(60, 8 * len(whole))):
            path.write_bytes(flip(whole, bit))
            assert integrity.damage(folder) is not None, (path.name, bit)
        path.write_bytes(whole)
    assert integrity.damage(folder) is None


def test_one_file_is_checked_alone_and_the_manifest_with_it(storage: Storage) -> None:
    storage.obtain("kind", "key", build)
    damage(storage, "kind/key/a.bin", CHANGES["flipped"])
    if storage.is_remote:
        (storage.local / "kind").rename(storage.local / "elsewhere")
    assert storage.manifest("kind", "key") is not None
    damage(storage, f"kind/key/{MANIFEST}", CHANGES["flipped"])
    assert storage.manifest("kind", "key") is None
    assert not storage.exists("kind", "key")
    storage.obtain("kind", "key", lambda folder: (folder / "c.txt").write_text("whole"))
    assert storage.read("kind", "key", "c.txt") == b"whole"
    assert storage.file("kind", "key", "d.txt") is None
    damage(storage, "kind/key/c.txt", lambda data: b"whale")
    if storage.is_remote:
        (storage.local / "kind").rename(storage.local / "gone")
    with pytest.raises(InputError, match=r"kind/key.*damaged.*Run the same command again"):
        storage.read("kind", "key", "c.txt")


def test_a_damaged_copy_on_this_machine_is_fetched_again(
    object_store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    storage = Storage(object_store.new_root())
    folder = storage.obtain("kind", "key", build)
    (folder / "a.bin").write_bytes(b"damage")
    assert storage.find("kind", "key") == folder
    assert content(folder) == CONTENT
    assert set_aside(storage) == []


def test_a_copy_of_what_was_made_again_elsewhere_is_replaced(
    object_store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, machines = object_store.new_root(), []
    for name in ("a", "b"):
        monkeypatch.setenv("HOME", str(tmp_path / name))
        machines.append(Storage(root))
    first, second = machines
    first.obtain("kind", "key", lambda folder: (folder / "x").write_text("old"))
    assert second.read("kind", "key", "x") == b"old"
    assert second.find("kind", "key") is not None
    first.bucket.clear("kind/key")
    first.obtain("kind", "key", lambda folder: (folder / "x").write_text("new"))
    found, alone = second.find("kind", "key"), second.file("kind", "key", "x")
    assert (found / "x").read_text() == alone.read_text() == "new"


def test_of_two_that_notice_the_same_damage_the_second_leaves_what_the_first_made(
    tmp_path: Path,
) -> None:
    storage = Storage(tmp_path)
    folder = storage.obtain("kind", "key", build)
    (folder / "a.bin").write_bytes(b"damage")
    judge = integrity.damage
    asked = []

    def slow(where: Path, names: object = None) -> str | None:
        reason = judge(where, names)
        asked.append(reason)
        if len(asked) == 1:
            # Meanwhile another process has noticed it too, and has made it again.
            other = Storage(tmp_path)
            monkeypatch.undo()
            other.obtain("kind", "key", build)
        return reason

    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr("dnasweep.storage.published.damage", slow)
    assert storage.find("kind", "key") == folder
    assert content(folder) == CONTENT
    assert len(set_aside(storage)) == 1


def test_what_is_open_stays_readable_while_it_is_set_aside(tmp_path: Path) -> None:
    import mmap

    storage = Storage(tmp_path)
    folder = storage.obtain("kind", "key", build)
    with (folder / "a.bin").open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    (folder / "below" / "b.json").unlink()
    assert storage.find("kind", "key") is None
    assert bytes(mapped) == CONTENT["a.bin"]


def test_of_what_is_set_aside_a_bounded_part_is_kept(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    for _ in range(25):
        folder = storage.obtain("kind", "key", build)
        (folder / "a.bin").write_bytes(b"damage")
        assert storage.find("kind", "key") is None
    assert len(set_aside(storage)) == 20


def test_an_artefact_of_a_version_without_checksums_is_compared_by_size_and_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(integrity, "_unsealed", False)
    storage = Storage(tmp_path)
    for key in ("k1", "k2"):
        folder = storage.obtain("kind", key, build)
        manifest = integrity.unseal((folder / MANIFEST).read_bytes())
        del manifest["sha256"]
        (folder / MANIFEST).write_text(json.dumps(manifest))
        assert storage.find("kind", key) == folder
    assert [("without checksums" in r.getMessage()) for r in caplog.records] == [True]
    (folder / "a.bin").write_bytes(b"short")
    assert storage.find("kind", "k2") is None


def test_a_file_is_read_for_its_checksum_once_a_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, read = Storage(tmp_path), []
    whole = integrity.hashlib.file_digest
    monkeypatch.setattr(
        integrity.hashlib, "file_digest", lambda file, how: read.append(file) or whole(file, how)
    )
    folder = storage.obtain("kind", "key", build)
    for _ in range(5):
        storage.find("kind", "key")
    assert len(read) == len(CONTENT)
    os.utime(folder / "a.bin")
    storage.find("kind", "key")
    assert len(read) == len(CONTENT) + 1


@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077, 0o002])
def test_everything_published_has_the_rights_that_the_umask_leaves(
    tmp_path: Path, mask: int
) -> None:
    """Weights too: safetensors alone makes files that nobody else may read."""
    script = f"""
import os, sys, torch
os.umask({mask})
from pathlib import Path
from safetensors.torch import save_file
from dnasweep.models.training.train_state import Progress
from dnasweep.models.training.train_state_storage import DirectoryStates
from dnasweep.storage import Storage
def build(folder):
    (folder / "checkpoint").mkdir()
    save_file({{"w": torch.zeros(3)}}, folder / "checkpoint" / "model.safetensors")
    (folder / "a.txt").write_text("x")
storage = Storage(sys.argv[1])
storage.obtain("trials", "key", build)
storage.publish("shards/x", "0", build)
storage.put("shards", "x", "manifest.json", "text")
states = DirectoryStates(storage.work_folder("trials", "other"))
states.save(Progress(fingerprint="f"), {{"w": torch.zeros(3)}})
"""
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "runs")], check=True)
    seen = set()
    for path in (tmp_path / "runs").rglob("*"):
        if path.suffix == ".lock" or "locks" in path.parts:
            continue
        seen.add(path.name)
        wanted = (0o777 if path.is_dir() else 0o666) & ~mask
        assert oct(stat.S_IMODE(path.stat().st_mode)) == oct(wanted), path
    assert {"model.safetensors", MANIFEST, "state.json", "tensors.safetensors"} <= seen


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that others may enter, as those of pytest may not be."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("closed", ["a.bin", MANIFEST, "."])
@pytest.mark.parametrize("call", ["find", "file", "open"])
def test_who_may_not_read_an_artefact_is_told_which_file(
    open_folder: Path, closed: str, call: str
) -> None:
    if call == "open" and closed == MANIFEST:
        pytest.skip("of this, a file is opened without its manifest")
    storage = Storage(open_folder / "runs")
    folder = storage.obtain("kind", "key", build)
    (folder / closed).chmod(0o700 if closed == "." else 0o600)
    process = os.fork()
    if process == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        try:
            getattr(storage, call)("kind", "key", *(["a.bin"] if call != "find" else []))
        except InputError as error:
            os._exit(0 if "permission" in str(error) and "kind/key" in str(error) else 3)
        except BaseException:
            os._exit(4)
        os._exit(5)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    assert folder.is_dir()


@pytest.mark.parametrize(
    "place",
    [
        *("http://[", "s3://[/", "s3://", "s3:///x", "gs://", "://", "http://x/y", "mock://x"),
        *("", "file://", "~nobody-of-this-name/x", "a\0b", "s3://x?endpoint_override=http://["),
        *("s3:/bucket/x", "s3:bucket", "gs:/x", "https:/x", "file://host/x", "file://relative"),
    ],
)
def test_what_is_no_storage_is_refused_in_words(place: str) -> None:
    """`mock` is pyarrow's own for tests: it forgets everything with the process."""
    with pytest.raises(InputError, match="storage") as caught:
        Storage(place).check_writable()
    assert len(str(caught.value)) < 400


def test_a_uri_of_a_folder_names_that_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    spaced = tmp_path / "a b"
    for uri in (
        spaced.as_uri(),
        f"file://localhost{spaced}",
        f"file:{spaced}",
        f"file://{spaced}",
    ):
        assert Storage(uri).local == spaced
    # What the message offers.
    assert Storage("./s3:/bucket").local == tmp_path / "s3:" / "bucket"
    assert not list(tmp_path.iterdir())


def test_a_google_bucket_that_does_not_answer_is_told_soon(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import time

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("dnasweep.storage.names.GOOGLE_HASTY_SECONDS", 1)
    begun = time.monotonic()
    with pytest.raises(InputError, match="cannot be written to") as caught:
        Storage("gs://anonymous@x/y?scheme=http&endpoint_override=127.0.0.1:9").check_writable()
    assert time.monotonic() - begun < 15
    assert len(str(caught.value)) < 400


def test_what_another_process_sets_aside_is_told_by_the_one_that_has_a_terminal(
    tmp_path: Path,
) -> None:
    storage, told = Storage(tmp_path / "runs"), []
    for key in ("here", "elsewhere", "before"):
        storage.obtain("trials", key, build)
    command = [sys.executable, "-c", "import sys; from dnasweep.storage import Storage; "]
    command[2] += "print(Storage(sys.argv[1]).find('trials', sys.argv[2]))"
    damage(storage, "trials/before/a.bin", lambda data: data[:-1])
    subprocess.run([*command, storage.root, "before"], check=True)
    with telling_of_damage(storage.local, told.append):
        for key in ("here", "elsewhere"):
            damage(storage, f"trials/{key}/a.bin", lambda data: flip(data, 5))
        assert storage.find("trials", "here") is None
        subprocess.run([*command, storage.root, "elsewhere"], check=True)
    (line,) = told
    assert "trials-elsewhere" in line
    assert Path(line.split("set aside in ")[1]).is_dir()
    with pytest.raises(KeyError), telling_of_damage(tmp_path / "none", told.append):
        raise KeyError
    assert told == [line]
