"""Where everything lives: artefacts under one storage root, named by content, published whole.

An artefact is a folder `<root>/<kind>/<key>` whose `manifest.json` says what went into it. It is
built aside and appears in one step, so a folder that exists is complete: on a file system by a
rename, on an object store by writing the manifest last. Two builders of the same artefact on one
file system wait for each other; the second finds the first one's work.

An artefact made of many parts, such as the shards of a job, is a kind of its own below the kind and
key of the whole: `attributions/<key>/shards`.

The root is a path or a URI that pyarrow understands, such as `s3://bucket/folder`.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from filelock import FileLock
from pyarrow import fs

from dnasweep.config import canonical, content_key
from dnasweep.errors import InputError, full_disk, is_full_disk

MANIFEST = "manifest.json"
LEAST_BYTES = 1 << 16
"""Room without which a storage counts as full."""


class Storage:
    """Artefacts below one root.

    Parameters
    ----------
    root
        A local folder (made when first written to) or a URI such as `s3://bucket/folder`.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        text = os.fspath(root)
        self.is_remote = "://" in text and not text.startswith("file://")
        if self.is_remote:
            self.root = text.rstrip("/")
            try:
                self._remote, self._base = fs.FileSystem.from_uri(self.root)
            except (OSError, ValueError) as error:
                raise InputError(
                    f"storage {text!r} cannot be opened: {error}",
                    remedy="Give a folder or a URI such as s3://bucket/folder.",
                ) from error
            self.local = Path.home() / ".cache" / "dnasweep" / content_key(self.root)
        else:
            self.local = Path(text.removeprefix("file://")).expanduser().resolve()
            self.root = str(self.local)

    def __repr__(self) -> str:
        return f"Storage({self.root!r})"

    def check_writable(self) -> None:
        """Raise `InputError` unless the root can be written to now."""
        try:
            self.local.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self.local, prefix=".write-test-") as file:
                # A full disk still takes an empty file.
                file.write(bytes(LEAST_BYTES))
                file.flush()
            if self.is_remote:
                probe = f"{self._base}/.write-test-{os.getpid()}-{time.time_ns()}"
                with self._remote.open_output_stream(probe) as stream:
                    stream.write(b"ok")
                self._remote.delete_file(probe)
        except OSError as error:
            raise InputError(
                f"storage cannot be written to: {error.strerror or error}",
                file=self.root,
                remedy="Give another folder with --storage, or free space there.",
            ) from error

    def find(self, kind: str, key: str) -> Path | None:
        """Return the local folder of a published artefact, fetched if need be, or None."""
        folder = self._folder(kind, key)
        if (folder / MANIFEST).is_file():
            return folder
        if not self.is_remote or not self.exists(kind, key):
            return None
        with self._aside(kind, key) as aside:
            fs.copy_files(f"{self._base}/{kind}/{key}", str(aside), source_filesystem=self._remote)
            _rename(aside, folder)
        return folder

    def obtain(
        self, kind: str, key: str, build: Callable[[Path], None], *, inputs: Any = None
    ) -> Path:
        """Return the artefact's folder, building and publishing it first when it is not there.

        Parameters
        ----------
        kind, key
            Name of the artefact; `key` is the content key of all that `build` depends on.
        build
            Called with an empty folder to fill. If it raises, nothing is published.
        inputs
            What went into the artefact, written into its manifest.
        """
        if (found := self.find(kind, key)) is not None:
            return found
        with self.lock(kind, key):
            if (found := self.find(kind, key)) is not None:
                return found
            self.clear_abandoned(kind, key)
            self._make(kind, key, build, inputs, stay=True)
            shutil.rmtree(self.work(kind, key), ignore_errors=True)
            return self._folder(kind, key)

    def publish(
        self, kind: str, key: str, build: Callable[[Path], Any], *, inputs: Any = None
    ) -> bool:
        """Build an artefact and publish it unless it is there by then; return whether it was not.

        For parts that many workers make at once: nobody waits, and of two that make the same part
        the first one's stays. On an object store nothing of it stays on this machine.

        Parameters
        ----------
        kind, key, inputs
            As for :meth:`obtain`.
        build
            Called with an empty folder to fill; what it returns goes into the manifest as `facts`.
        """
        if self.exists(kind, key):
            return False
        return self._make(kind, key, build, inputs, stay=False)

    def exists(self, kind: str, key: str) -> bool:
        """Return whether an artefact is published, without fetching it."""
        if not self.is_remote:
            return (self._folder(kind, key) / MANIFEST).is_file()
        found = self._remote.get_file_info(f"{self._base}/{kind}/{key}/{MANIFEST}")
        return bool(found.type != fs.FileType.NotFound)

    def published(self, kind: str) -> set[str]:
        """Return the keys of all published artefacts of a kind, by one listing."""
        if not self.is_remote:
            folder = self.local / _safe_kind(kind)
            entries = folder.iterdir() if folder.is_dir() else ()
            return {entry.name for entry in entries if (entry / MANIFEST).is_file()}
        start = f"{self._base}/{_safe_kind(kind)}"
        selector = fs.FileSelector(start, recursive=True, allow_not_found=True)
        paths = [Path(info.path) for info in self._remote.get_file_info(selector)]
        mine = [path for path in paths if path.parent.parent == Path(start)]
        return {path.parent.name for path in mine if path.name == MANIFEST}

    def open(self, kind: str, key: str, name: str) -> pa.NativeFile:
        """Open a file of an artefact where it lies, to read parts of it."""
        where = f"{_safe_kind(kind)}/{_safe(key)}/{_safe(name)}"
        if self.is_remote:
            return self._remote.open_input_file(f"{self._base}/{where}")
        return fs.LocalFileSystem().open_input_file(str(self.local / where))

    def put(self, kind: str, key: str, name: str, text: str) -> None:
        """Write or replace a small file of an artefact that grows, in one step."""
        where = f"{_safe_kind(kind)}/{_safe(key)}/{_safe(name)}"
        if self.is_remote:
            with self._remote.open_output_stream(f"{self._base}/{where}") as stream:
                stream.write(text.encode())
            return
        with self._aside(kind, key) as aside:
            (aside / name).write_text(text)
            (aside / name).replace(self.local / where)

    def manifest(self, kind: str, key: str) -> dict[str, Any] | None:
        """Return the manifest of a published artefact, or None."""
        folder = self.find(kind, key)
        return None if folder is None else json.loads((folder / MANIFEST).read_text())

    def work(self, kind: str, key: str) -> Path:
        """Return the folder where a builder keeps its state between attempts; gone once published."""
        return self.local / "work" / _safe_kind(kind) / _safe(key)

    def lock(self, kind: str, key: str) -> FileLock:
        """Return the lock a builder holds; the system frees it when its process dies."""
        folder = self.local / "work" / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        return FileLock(folder / f"{_flat(kind)}-{_safe(key)}")

    def folder(self, *parts: str) -> Path:
        """Return a plain local folder below the root, made if need be: logs, reports, spools."""
        folder = self.local.joinpath(*map(_safe, parts))
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _folder(self, kind: str, key: str) -> Path:
        return self.local / _safe_kind(kind) / _safe(key)

    def clear_abandoned(self, kind: str, key: str = "*") -> None:
        """Remove what killed builders of an artefact, or of a kind, left half-built.

        Only for whoever holds the lock, and so is the only builder.
        """
        for left in (self.local / "work" / "building").glob(f"{_flat(kind)}-{key}-*"):
            shutil.rmtree(left, ignore_errors=True)

    def _make(
        self, kind: str, key: str, build: Callable[[Path], Any], inputs: Any, *, stay: bool
    ) -> bool:
        started = time.time()
        try:
            with self._aside(kind, key) as aside:
                facts = build(aside)
                manifest = {
                    "kind": kind,
                    "key": key,
                    "inputs": canonical(inputs),
                    "seconds": round(time.time() - started, 3),
                    "files": {
                        str(p.relative_to(aside)): p.stat().st_size
                        for p in sorted(aside.rglob("*"))
                        if p.is_file()
                    },
                }
                if isinstance(facts, dict):
                    manifest["facts"] = canonical(facts)
                (aside / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
                if self.is_remote:
                    self._upload(aside, kind, key)
                if stay or not self.is_remote:
                    return _rename(aside, self._folder(kind, key))
                return True
        except Exception as error:
            if isinstance(error, InputError) or not is_full_disk(error):
                raise
            raise full_disk(self.root) from error

    def _upload(self, aside: Path, kind: str, key: str) -> None:
        target = f"{self._base}/{kind}/{key}"
        for path in sorted(aside.rglob("*"), key=lambda p: p.name == MANIFEST):
            if path.is_file():
                fs.copy_files(
                    str(path),
                    f"{target}/{path.relative_to(aside).as_posix()}",
                    destination_filesystem=self._remote,
                )

    @contextlib.contextmanager
    def _aside(self, kind: str, key: str) -> Iterator[Path]:
        parent = self.local / "work" / "building"
        parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f"{_flat(kind)}-{_safe(key)}-", dir=parent))
        aside.chmod(0o755)
        try:
            yield aside
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def _safe(name: str) -> str:
    """Refuse names that would leave the storage root."""
    if not name or name in (".", "..") or "/" in name or "\\" in name or "\0" in name:
        raise ValueError(f"{name!r} cannot name an artefact")
    return name


def _safe_kind(kind: str) -> str:
    """Refuse kinds that would leave the storage root; parts are told apart by slashes."""
    return "/".join(map(_safe, kind.split("/")))


def _flat(kind: str) -> str:
    return _safe_kind(kind).replace("/", "-")


def _rename(aside: Path, folder: Path) -> bool:
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        aside.rename(folder)
    except OSError:
        # Another host without a shared lock was first; its content is the same by its key.
        if (folder / MANIFEST).is_file():
            return False
        if not folder.is_dir():
            raise
        # What a person has half deleted, or copied without its manifest, counts as not there.
        rest = aside.with_name(f"{aside.name}-rest")
        folder.rename(rest)
        shutil.rmtree(rest, ignore_errors=True)
        aside.rename(folder)
    return True
