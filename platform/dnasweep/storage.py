"""Where everything lives: artefacts under one storage root, named by content, published whole.

An artefact is a folder `<root>/<kind>/<key>` whose `manifest.json` says what went into it. It is
built aside and appears in one step, so a folder that exists is complete: on a file system by a
rename, on an object store by writing the manifest last. Two builders of the same artefact on one
file system wait for each other; the second finds the first one's work.

The root is a path or a URI that pyarrow understands, such as `s3://bucket/folder`.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock
from pyarrow import fs

from dnasweep.config import canonical, content_key
from dnasweep.errors import InputError

MANIFEST = "manifest.json"
LEAST_BYTES = 1 << 16
"""Room without which a storage counts as full."""
_FULL = ("no space left on device", "disk quota exceeded", "database or disk is full")


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
                probe = f"{self._base}/.write-test"
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
        if not self.is_remote:
            return None
        manifest = self._remote.get_file_info(f"{self._base}/{kind}/{key}/{MANIFEST}")
        if manifest.type == fs.FileType.NotFound:
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
            self._clear_abandoned(kind, key)
            started = time.time()
            try:
                with self._aside(kind, key) as aside:
                    build(aside)
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
                    (aside / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
                    if self.is_remote:
                        self._upload(aside, kind, key)
                    _rename(aside, self._folder(kind, key))
            except Exception as error:
                if isinstance(error, InputError) or not is_full_disk(error):
                    raise
                raise full_disk(self.root) from error
            shutil.rmtree(self.work(kind, key), ignore_errors=True)
            return self._folder(kind, key)

    def manifest(self, kind: str, key: str) -> dict[str, Any] | None:
        """Return the manifest of a published artefact, or None."""
        folder = self.find(kind, key)
        return None if folder is None else json.loads((folder / MANIFEST).read_text())

    def work(self, kind: str, key: str) -> Path:
        """Return the folder where a builder keeps its state between attempts; gone once published."""
        return self.local / "work" / _safe(kind) / _safe(key)

    def lock(self, kind: str, key: str) -> FileLock:
        """Return the lock a builder holds; the system frees it when its process dies."""
        folder = self.local / "work" / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        return FileLock(folder / f"{_safe(kind)}-{_safe(key)}")

    def folder(self, *parts: str) -> Path:
        """Return a plain local folder below the root, made if need be: logs, reports, spools."""
        folder = self.local.joinpath(*map(_safe, parts))
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _folder(self, kind: str, key: str) -> Path:
        return self.local / _safe(kind) / _safe(key)

    def _clear_abandoned(self, kind: str, key: str) -> None:
        # What a killed builder left; whoever holds the lock is the only builder.
        for left in (self.local / "work" / "building").glob(f"{_safe(kind)}-{_safe(key)}-*"):
            shutil.rmtree(left, ignore_errors=True)

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
        aside = Path(tempfile.mkdtemp(prefix=f"{_safe(kind)}-{_safe(key)}-", dir=parent))
        aside.chmod(0o755)
        try:
            yield aside
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def is_full_disk(error: BaseException | None) -> bool:
    """Return whether an error, or what it came from, says that a disk is full.

    Libraries in Rust (safetensors, tokenizers) and SQLite say so in words alone.
    """
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if any(words in str(error).lower() for words in _FULL):
            return True
        error = error.__cause__ or error.__context__
    return False


def full_disk(place: str | os.PathLike[str] | None) -> InputError:
    """Return what to tell a person whose disk is full."""
    return InputError(
        "no space left on the device",
        file=None if place is None else os.fspath(place),
        remedy="Free space and run the same command again: finished stages are kept.",
    )


def _safe(name: str) -> str:
    """Refuse names that would leave the storage root."""
    if not name or name in (".", "..") or "/" in name or "\\" in name or "\0" in name:
        raise ValueError(f"{name!r} cannot name an artefact")
    return name


def _rename(aside: Path, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        aside.rename(folder)
    except OSError:
        # Another host without a shared lock was first; its content is the same by its key.
        if not (folder / MANIFEST).is_file():
            raise
