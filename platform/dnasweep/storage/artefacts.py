"""Where everything lives: artefacts under one storage root, named by content, published whole.

An artefact is a folder `<root>/<kind>/<key>` whose `manifest.json` says what went into it. It is
built aside and appears in one step, so a folder that exists is complete: on a file system by a
rename, on an object store by writing the manifest last. Two builders of the same artefact on one
file system wait for each other; the second finds the first one's work.

An artefact made of many parts, such as the shards of a job, is a kind of its own below the kind and
key of the whole: `attributions/<key>/shards`.

The root is a path or a URI that pyarrow understands, such as `s3://bucket/folder`. In a bucket lies
everything that another machine may need; each machine keeps copies in a folder of its own, which may
be deleted when nothing runs there.

What is found is what was published: files are compared with the checksums of the manifest, once a
process. A damaged artefact is named, set aside in `work/damaged`, and counts as not there, so that
whoever asked for it makes it again.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
from filelock import FileLock

from dnasweep.config import canonical, content_key
from dnasweep.errors import InputError, full_disk, is_full_disk
from dnasweep.storage.bucket import Bucket
from dnasweep.storage.building import building, building_folder, move_into_place, share_by_umask
from dnasweep.storage.copies import LocalCopies
from dnasweep.storage.integrity import MANIFEST, describe, seal
from dnasweep.storage.kept import LocalArtefacts
from dnasweep.storage.names import flat, inside, safe, safe_kind
from dnasweep.storage.remote_prefix import RemotePrefix
from dnasweep.storage.retry import Unavailable
from dnasweep.storage.uris import local_root
from dnasweep.storage.writable import check_writable

log = logging.getLogger("dnasweep.storage")
Result = TypeVar("Result")


class Storage:
    """Artefacts below one root.

    Parameters
    ----------
    root
        A local folder (made when first written to) or a URI such as `s3://bucket/folder`.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        text = os.fspath(root)
        self.bucket: Bucket | None = None
        if "://" in text and not text.startswith("file://"):
            self.bucket = Bucket(text)
            self.root = self.bucket.uri
            self.local = Path.home() / ".cache" / "dnasweep" / content_key(self.root)
            self._found: LocalCopies | LocalArtefacts = LocalCopies(self.bucket, self.local)
        else:
            self.local = local_root(text)
            self.root = str(self.local)
            self._found = LocalArtefacts(self.local)

    def __repr__(self) -> str:
        return f"Storage({self.root!r})"

    @property
    def is_remote(self) -> bool:
        """Whether it is a bucket."""
        return self.bucket is not None

    def check_writable(self) -> None:
        """Raise `InputError` unless the root can be written to now."""
        check_writable(self.local, self.bucket, self.root)

    def find(self, kind: str, key: str) -> Path | None:
        """Return the local folder of a published artefact, fetched if need be, or None."""
        return self._found.folder(kind, key)

    def file(self, kind: str, key: str, name: str) -> Path | None:
        """Return one file of a published artefact, fetched alone if need be, or None."""
        return self._found.file(kind, key, safe(name))

    def read(self, kind: str, key: str, name: str) -> bytes:
        """Return the content of a file of an artefact; of a bucket, nothing of it stays here.

        Raises
        ------
        InputError
            Where it is not there, or is damaged.
        """
        data = self._found.read(kind, key, safe(name))
        if data is None:
            raise _lost(self.uri_of(kind, key))
        return data

    def expect(self, kind: str, key: str) -> Path:
        """Return the local folder of an artefact that somebody else has made.

        Raises
        ------
        InputError
            Where it is not there any more, or is damaged.
        """
        if (folder := self.find(kind, key)) is None:
            raise _lost(self.uri_of(kind, key))
        return folder

    def manifest(self, kind: str, key: str) -> dict[str, Any] | None:
        """Return the manifest of a published artefact, or None."""
        return self._found.manifest(kind, key)

    def obtain(
        self, kind: str, key: str, build: Callable[[Path], Any], *, inputs: Any = None
    ) -> Path:
        """Return the artefact's folder, building and publishing it first when it is not there.

        Parameters
        ----------
        kind, key
            Name of the artefact; `key` is the content key of all that `build` depends on.
        build
            Called with an empty folder to fill; what it returns goes into the manifest as `facts`.
            If it raises, nothing is published.
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
            self.forget(kind, key)
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
            As for :meth:`obtain`.
        """
        if self.exists(kind, key):
            return False
        return self._make(kind, key, build, inputs, stay=False)

    def exists(self, kind: str, key: str) -> bool:
        """Return whether an artefact is published, without fetching it."""
        return self._found.exists(kind, key)

    def published(self, kind: str) -> set[str]:
        """Return the keys of all published artefacts of a kind, by one listing."""
        return self._found.published(kind)

    def open(self, kind: str, key: str, name: str) -> pa.NativeFile:
        """Open a file of an artefact where it lies, to read parts of it, which nobody has checked."""
        return self._found.open(kind, key, name)

    def with_retries(self, read: Callable[[], Result]) -> Result:
        """Read from an open file, again where a bucket does not answer."""
        return read() if self.bucket is None else self.bucket.with_retries(read)

    def put(self, kind: str, key: str, name: str, text: str) -> None:
        """Write or replace a small file of an artefact that grows, in one step."""
        where = f"{safe_kind(kind)}/{safe(key)}/{safe(name)}"
        if self.bucket is not None:
            self.bucket.write(where, text.encode())
            return
        with building(self.local, kind, key) as aside:
            (aside / name).write_text(text)
            (aside / name).replace(inside(self.local, where))

    def work_folder(self, kind: str, key: str) -> Path:
        """Return the folder of this machine where a builder keeps what it needs between attempts."""
        return self.local / "work" / safe_kind(kind) / safe(key)

    def state_folder(self, kind: str, key: str) -> Path | RemotePrefix:
        """Return where a builder keeps its state, for whichever machine goes on from it."""
        if self.bucket is None:
            return self.work_folder(kind, key)
        return RemotePrefix(self.bucket, f"work/{safe_kind(kind)}/{safe(key)}")

    def forget(self, kind: str, key: str) -> None:
        """Remove the state of a builder whose artefact is published."""
        shutil.rmtree(self.work_folder(kind, key), ignore_errors=True)
        try:
            if self.bucket is not None:
                self.bucket.clear(f"work/{safe_kind(kind)}/{safe(key)}")
        except Unavailable as error:
            # What is published is published; whoever asks for it next clears up.
            log.warning("the state of %s/%s stays for now: %s", kind, key, error)

    def uri_of(self, *parts: str) -> str:
        """Return the path or URI of something below the root."""
        path = "/".join(map(safe_kind, parts))
        return f"{self.root}/{path}" if self.bucket is None else self.bucket.uri_of(path)

    def share(self, path: Path) -> None:
        """Copy a file below `local`, or the files of a folder, to where other machines see it."""
        if self.bucket is not None:
            name = path.relative_to(self.local).as_posix()
            upload = self.bucket.upload_folder if path.is_dir() else self.bucket.upload
            upload(path, name)

    def lock(self, kind: str, key: str) -> FileLock:
        """Return the lock a builder holds; the system frees it when its process dies."""
        folder = self.local / "work" / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        return FileLock(folder / f"{flat(kind)}-{safe(key)}")

    def folder(self, *parts: str) -> Path:
        """Return a plain local folder below the root, made if need be: logs, reports, spools."""
        folder = self.local.joinpath(*map(safe, parts))
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _folder(self, kind: str, key: str) -> Path:
        return inside(self.local, f"{safe_kind(kind)}/{safe(key)}")

    def clear_abandoned(self, kind: str, key: str = "*") -> None:
        """Remove what killed builders of an artefact, or of a kind, left half-built.

        Only for whoever holds the lock, and so is the only builder.
        """
        for left in building_folder(self.local).glob(f"{flat(kind)}-{key}-*"):
            shutil.rmtree(left, ignore_errors=True)

    def _make(
        self, kind: str, key: str, build: Callable[[Path], Any], inputs: Any, *, stay: bool
    ) -> bool:
        started = time.time()
        try:
            with building(self.local, kind, key) as aside:
                facts = build(aside)
                share_by_umask(aside)
                manifest = {
                    "kind": kind,
                    "key": key,
                    "inputs": canonical(inputs),
                    "seconds": round(time.time() - started, 3),
                    **describe(aside),
                }
                if isinstance(facts, dict):
                    manifest["facts"] = canonical(facts)
                (aside / MANIFEST).write_text(seal(manifest))
                if self.bucket is None:
                    return move_into_place(aside, self._folder(kind, key))
                fresh = not self.exists(kind, key)
                if fresh:
                    self.bucket.upload_folder(aside, f"{kind}/{key}", last=MANIFEST)
                if stay:
                    # What is kept here is what all others see, and not what was here before.
                    shutil.rmtree(self._folder(kind, key), ignore_errors=True)
                    if fresh:
                        move_into_place(aside, self._folder(kind, key))
                    else:
                        self.find(kind, key)
                return fresh
        except Exception as error:
            if isinstance(error, InputError) or not is_full_disk(error):
                raise
            raise full_disk(self.root) from error


def _lost(place: str) -> InputError:
    return InputError(
        "this is not in the storage any more, or was damaged",
        file=place,
        remedy="Run the same command again: it is made again from what it was made of.",
    )
