"""No name of an artefact, and none that stands in a bucket, points outside the storage."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dnasweep.errors import InputError
from dnasweep.storage import Storage
from dnasweep.storage.names import open_store

HOSTILE = ("../x", "..", "../../etc", "a/../../x", "/etc", "a\\..\\x", "a/b", ".", "", "a\0b")
HOSTILE_KINDS = ("../x", "..", "a/../..", "/etc", "a//b", "a/./b", "", "a\\..\\x", "a\0b")
BY_KEY: dict[str, Callable[[Storage, str], Any]] = {
    "obtain": lambda s, key: s.obtain("kind", key, lambda folder: None),
    "publish": lambda s, key: s.publish("kind", key, lambda folder: None),
    "find": lambda s, key: s.find("kind", key),
    "exists": lambda s, key: s.exists("kind", key),
    "file": lambda s, key: s.file("kind", key, "file"),
    "file, the file": lambda s, key: s.file("kind", "key", key),
    "read, the file": lambda s, key: s.read("kind", "key", key),
    "expect": lambda s, key: s.expect("kind", key),
    "manifest": lambda s, key: s.manifest("kind", key),
    "state_folder": lambda s, key: s.state_folder("kind", key),
    "forget": lambda s, key: s.forget("kind", key),
    "work_folder": lambda s, key: s.work_folder("kind", key),
    "lock": lambda s, key: s.lock("kind", key),
    "folder": lambda s, key: s.folder("sweeps", key),
    "open": lambda s, key: s.open("kind", key, "file"),
    "open, the file": lambda s, key: s.open("kind", "key", key),
    "put": lambda s, key: s.put("kind", key, "file", "text"),
    "put, the file": lambda s, key: s.put("kind", "key", key, "text"),
}
BY_KIND: dict[str, Callable[[Storage, str], Any]] = {
    "obtain": lambda s, kind: s.obtain(kind, "key", lambda folder: None),
    "publish": lambda s, kind: s.publish(kind, "key", lambda folder: None),
    "find": lambda s, kind: s.find(kind, "key"),
    "exists": lambda s, kind: s.exists(kind, "key"),
    "expect": lambda s, kind: s.expect(kind, "key"),
    "manifest": lambda s, kind: s.manifest(kind, "key"),
    "read": lambda s, kind: s.read(kind, "key", "file"),
    "file": lambda s, kind: s.file(kind, "key", "file"),
    "published": lambda s, kind: s.published(kind),
    "uri_of": lambda s, kind: s.uri_of(kind, "key"),
    "state_folder": lambda s, kind: s.state_folder(kind, "key"),
    "forget": lambda s, kind: s.forget(kind, "key"),
    "work_folder": lambda s, kind: s.work_folder(kind, "key"),
    "lock": lambda s, kind: s.lock(kind, "key"),
    "open": lambda s, kind: s.open(kind, "key", "file"),
    "put": lambda s, kind: s.put(kind, "key", "file", "text"),
}


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(tmp_path / "a" / "b" / "root")


def around(storage: Storage) -> set[Path]:
    """Return what lies beside the storage, and not in it."""
    top = storage.local.parents[2]
    return {path for path in top.rglob("*") if storage.local not in (path, *path.parents)} - set(
        storage.local.parents
    )


@pytest.mark.parametrize("call", BY_KEY)
@pytest.mark.parametrize("name", HOSTILE)
def test_no_key_leads_out(storage: Storage, call: str, name: str) -> None:
    with pytest.raises(ValueError, match="cannot name"):
        BY_KEY[call](storage, name)
    assert not around(storage)


@pytest.mark.parametrize("call", BY_KIND)
@pytest.mark.parametrize("name", HOSTILE_KINDS)
def test_no_kind_leads_out(storage: Storage, call: str, name: str) -> None:
    with pytest.raises(ValueError, match="cannot name"):
        BY_KIND[call](storage, name)
    assert not around(storage)


@pytest.fixture
def elsewhere(storage: Storage) -> Path:
    """An artefact beside the storage, whole and with a file that is nobody's business."""
    folder = storage.local.parent / "private" / "key"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("{}")
    (folder / "file").write_text("a secret")
    return folder


LINKED: dict[str, Callable[[Storage], Any]] = {
    "find": lambda s: s.find("kind", "key"),
    "expect": lambda s: s.expect("kind", "key"),
    "manifest": lambda s: s.manifest("kind", "key"),
    "read": lambda s: s.read("kind", "key", "file"),
    "exists": lambda s: s.exists("kind", "key"),
    "file": lambda s: s.file("kind", "key", "file"),
    "open": lambda s: s.open("kind", "key", "file"),
    "put": lambda s: s.put("kind", "key", "file", "text"),
    "obtain": lambda s: s.obtain("kind", "key", lambda folder: None),
    "publish": lambda s: s.publish("kind", "key", lambda folder: None),
}


@pytest.mark.parametrize("call", LINKED)
@pytest.mark.parametrize("place", ["kind", "kind/key"])
def test_no_link_leads_out(storage: Storage, elsewhere: Path, place: str, call: str) -> None:
    link = storage.local / place
    link.parent.mkdir(parents=True)
    link.symlink_to(elsewhere if place.endswith("key") else elsewhere.parent)
    with pytest.raises(InputError, match="points outside the storage"):
        LINKED[call](storage)
    assert (elsewhere / "file").read_text() == "a secret"


def test_no_link_of_an_artefact_leads_out(storage: Storage, elsewhere: Path) -> None:
    storage.obtain("kind", "key", lambda folder: (folder / "other").touch())
    (storage.local / "kind" / "key" / "file").symlink_to(elsewhere / "file")
    for call in ("file", "open", "put"):
        with pytest.raises(InputError, match="points outside the storage"):
            LINKED[call](storage)
    storage.local.joinpath("all").symlink_to(elsewhere.parent)
    with pytest.raises(InputError, match="points outside the storage"):
        storage.published("all")


def test_links_within_the_storage_and_to_it_are_followed(storage: Storage, tmp_path: Path) -> None:
    storage.obtain("kind", "key", lambda folder: (folder / "file").touch())
    (storage.local / "kind" / "same").symlink_to("key")
    assert storage.file("kind", "same", "file") is not None
    (tmp_path / "door").symlink_to(storage.local)
    assert Storage(tmp_path / "door").exists("kind", "key")


def test_every_call_that_takes_a_name_is_held_here() -> None:
    import inspect

    named = {"kind", "key", "name", "parts"}
    takes = {
        name
        for name, member in inspect.getmembers(Storage, inspect.isfunction)
        if not name.startswith("_") and named & set(inspect.signature(member).parameters)
    }
    held = {call.split(",")[0] for call in (*BY_KEY, *BY_KIND)}
    # Removes what only the holder of a lock, which has looked at the names, has left.
    assert takes - held <= {"clear_abandoned"}


def test_what_another_tenant_puts_into_the_bucket_does_not_leave_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import boto3
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer

    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    server = ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        s3 = boto3.client("s3", "us-east-1", endpoint_url=f"http://{host}:{port}")
        s3.create_bucket(Bucket="shared")
        for name in ("a.txt", "manifest.json", "../../../../../../escaped.txt"):
            s3.put_object(Bucket="shared", Key=f"runs/encoders/key/{name}", Body=b"{}")
        options = f"endpoint_override={host}:{port}&scheme=http&region=us-east-1"
        storage = Storage(f"s3://shared/runs?{options}")
        # Refusing the whole artefact is as good as leaving the name out.
        with contextlib.suppress(InputError, OSError):
            storage.find("encoders", "key")
    finally:
        server.stop()
    found = [path for path in tmp_path.rglob("escaped.txt") if storage.local not in path.parents]
    assert not found
    assert not list(Path("/").glob("escaped.txt"))


def test_a_uri_that_cannot_be_opened_is_named_as_it_was_given() -> None:
    with pytest.raises(InputError) as caught:
        open_store("s3://bucket/x?no_such_option=1")
    assert "storage 's3://bucket/x?no_such_option=1' cannot be opened" in str(caught.value)
