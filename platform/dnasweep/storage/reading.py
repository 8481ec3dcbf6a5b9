"""Reading of published artefacts below one root, in a folder or in a bucket."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from dnasweep.config import content_key
from dnasweep.errors import InputError
from dnasweep.storage.bucket import Bucket
from dnasweep.storage.names import local_root, safe, safe_kind
from dnasweep.storage.published import LocalArtefacts, LocalCopies

Result = TypeVar("Result")


class PublishedArtefacts:
    """Artefacts below one root.

    Parameters
    ----------
    root
        A local folder (created at the first write) or a URI such as `s3://bucket/folder`.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        text = os.fspath(root)
        self.bucket: Bucket | None = None
        if "://" in text and not text.startswith("file://"):
            self.bucket = Bucket(text)
            self.root = self.bucket.uri
            self.local = cache_folder() / content_key(self.root)
            self._found: LocalCopies | LocalArtefacts = LocalCopies(self.bucket, self.local)
        else:
            self.local = local_root(text)
            self.root = str(self.local)
            self._found = LocalArtefacts(self.local)

    def __repr__(self) -> str:
        return f"Storage({self.root!r})"

    @property
    def is_remote(self) -> bool:
        """Whether the root is in a bucket."""
        return self.bucket is not None

    def find(self, kind: str, key: str) -> Path | None:
        """Return the local folder of a published artefact, downloaded if needed, or None."""
        return self._found.folder(kind, key)

    def file(self, kind: str, key: str, name: str) -> Path | None:
        """Return one file of a published artefact, or None; only this file is downloaded.

        Parameters
        ----------
        kind, key, name
            Kind and key of the artefact, and name of its file.
        """
        return self._found.file(kind, key, safe(name))

    def read(self, kind: str, key: str, name: str) -> bytes:
        """Return the content of a file of an artefact, without keeping a local copy.

        Parameters
        ----------
        kind, key, name
            Kind and key of the artefact, and name of its file.

        Raises
        ------
        InputError
            If it is missing or damaged.
        """
        data = self._found.read(kind, key, safe(name))
        if data is None:
            raise _missing(self.uri_of(kind, key))
        return data

    def expect(self, kind: str, key: str) -> Path:
        """Return the local folder of an artefact that was published before.

        Raises
        ------
        InputError
            If it is missing or damaged.
        """
        if (folder := self.find(kind, key)) is None:
            raise _missing(self.uri_of(kind, key))
        return folder

    def manifest(self, kind: str, key: str) -> dict[str, Any] | None:
        """Return the manifest of a published artefact, or None."""
        return self._found.manifest(kind, key)

    def exists(self, kind: str, key: str) -> bool:
        """Return whether an artefact is published, without downloading it."""
        return self._found.exists(kind, key)

    def published(self, kind: str) -> set[str]:
        """Return the keys of all published artefacts of a kind, with one listing."""
        return self._found.published(kind)

    def open(self, kind: str, key: str, name: str) -> pa.NativeFile:
        """Open a file of an artefact to read parts of it, without checking it.

        Parameters
        ----------
        kind, key, name
            Kind and key of the artefact, and name of its file.
        """
        return self._found.open(kind, key, name)

    def with_retries(self, read: Callable[[], Result]) -> Result:
        """Read from an open file; with a bucket, retry if it does not answer."""
        return read() if self.bucket is None else self.bucket.with_retries(read)

    def uri_of(self, *parts: str) -> str:
        """Return the path or URI of an artefact, or of a file in it."""
        path = "/".join(map(safe_kind, parts))
        return f"{self.root}/{path}" if self.bucket is None else self.bucket.uri_of(path)


def _missing(uri: str) -> InputError:
    return InputError(
        "this is no longer in the storage, or is damaged",
        file=uri,
        remedy="Run the same command again: it is made again from its inputs.",
    )


def cache_folder() -> Path:
    """Return the folder for copies from buckets: `dnasweep` in XDG_CACHE_HOME, or in ~/.cache."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "dnasweep"
