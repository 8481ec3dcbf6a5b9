"""A folder of an object store, accessed through pyarrow; files appear only when complete.

Credentials come from the environment, a profile or the machine's role. They are never part of a URI,
which is shown, logged and hashed.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
from pyarrow import fs

from dnasweep.errors import InputError
from dnasweep.storage import retry
from dnasweep.storage.names import check_uri, open_store

PROBE_SECONDS = 30.0
"""Seconds for which the write test before any work is retried."""
CHUNK = 1 << 24

Result = TypeVar("Result")


class Bucket:
    """A folder of an object store.

    Paths are relative to this folder. A file appears under its name only when it is complete.

    Parameters
    ----------
    uri
        URI such as `s3://bucket/folder`, with options of pyarrow after a question mark:
        `s3://bucket/folder?endpoint_override=http://host:9000&scheme=http`.
    seconds
        How long requests are retried if the store does not answer; None: some minutes.

    Raises
    ------
    InputError
        For a URI that cannot be opened, or that contains credentials.
    """

    def __init__(self, uri: str, *, seconds: float | None = None) -> None:
        check_uri(uri)
        head, mark, query = uri.partition("?")
        self._head, self._query, self._retry_seconds = head.rstrip("/"), mark + query, seconds
        self.uri = self._head + self._query
        self._store, base = open_store(self.uri)
        self._base = base.rstrip("/")

    def uri_of(self, path: str = "") -> str:
        """Return the URI of a path; another `Bucket` can be made from it."""
        return f"{self._head}/{path}".rstrip("/") + self._query

    def size(self, path: str) -> int | None:
        """Return the size of a file in bytes, or None if there is no file."""
        info = self.with_retries(lambda: self._store.get_file_info(self._full(path)))
        return info.size if info.type == fs.FileType.File else None

    def version(self, path: str) -> str | None:
        """Return text that changes with the content of a file, or None if there is no file."""
        try:
            with self.open(path) as stream:
                metadata = stream.metadata() or {}
        except FileNotFoundError:
            return None
        # The ETag is preferred: times have a resolution of one second, in which a file may be
        # written twice.
        known = {str(name).lower(): value for name, value in metadata.items()}
        return repr(known.get("etag") or known.get("last-modified") or sorted(known.items()))

    def files(self, folder: str = "") -> dict[str, int]:
        """Return the sizes of all files below a folder in bytes, by their path relative to it."""
        start = self._full(folder)
        selector = fs.FileSelector(start, recursive=True, allow_not_found=True)
        found = self.with_retries(partial(self._store.get_file_info, selector))
        return {
            info.path[len(start) + 1 :]: info.size
            for info in found
            if info.type == fs.FileType.File
        }

    def open(self, path: str) -> pa.NativeFile:
        """Open a file to read parts of it."""
        return self.with_retries(lambda: self._store.open_input_file(self._full(path)))

    def read(self, path: str) -> bytes:
        """Return a whole file.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        """

        def once() -> bytes:
            with self._store.open_input_file(self._full(path)) as stream:
                return bytes(stream.read())

        return self.with_retries(once)

    def write(self, path: str, data: bytes) -> None:
        """Write or replace a file in one step."""

        def once() -> None:
            with self._store.open_output_stream(self._full(path)) as stream:
                stream.write(data)

        self._written(path, once, len(data))

    def upload(self, source: Path, path: str) -> None:
        """Copy a local file into this folder."""

        # Not by pyarrow's copy_files: it reports no error if the last part of a file could not be
        # written, and the file is then missing.
        def once() -> None:
            with (
                source.open("rb") as data,
                self._store.open_output_stream(self._full(path)) as stream,
            ):
                while chunk := data.read(CHUNK):
                    stream.write(chunk)

        self._written(path, once, source.stat().st_size)

    def upload_folder(self, source: Path, path: str, *, last: str = "") -> None:
        """Copy the files of a local folder into this folder, the file `last` after all others.

        Parameters
        ----------
        source
            A local folder.
        path
            Folder for its files.
        last
            Name of the file that marks the others as complete.
        """
        for file in sorted(source.rglob("*"), key=lambda file: (file == source / last, file)):
            if file.is_file():
                self.upload(file, f"{path}/{file.relative_to(source).as_posix()}")

    def download(self, path: str, target: Path) -> None:
        """Copy a file to a local file, or the content of a folder into a local folder.

        Raises
        ------
        FileNotFoundError
            If there is neither a file nor a folder.
        """
        size = self.size(path)
        found = self.files(path) if size is None else {"": size}
        if not found:
            raise FileNotFoundError(self.uri_of(path))
        for name, expected in found.items():
            if ".." in name.split("/"):
                raise InputError("a file of this name is not copied", file=self.uri_of(name))
            local = target / name if name else target
            local.parent.mkdir(parents=True, exist_ok=True)
            self.with_retries(partial(self._copy, f"{path}/{name}".strip("/"), local))
            if local.stat().st_size != expected:
                raise OSError(f"{self.uri_of(path)}/{name} was changed while it was read")

    def delete(self, path: str) -> None:
        """Remove a file if it exists."""

        def once() -> None:
            try:
                self._store.delete_file(self._full(path))
            except FileNotFoundError:
                return

        self.with_retries(once)

    def clear(self, folder: str) -> None:
        """Remove a folder and its contents, if it exists."""

        def once() -> None:
            try:
                self._store.delete_dir(self._full(folder))
            except FileNotFoundError:
                return

        if self.files(folder):
            self.with_retries(once)

    def probe(self) -> None:
        """Write a file and remove it.

        Raises
        ------
        Unavailable
            If that is not possible now.
        """
        name = f".write-test-{secrets.token_hex(4)}"
        seconds, self._retry_seconds = self._retry_seconds, PROBE_SECONDS
        store = self._store
        self._store = open_store(self.uri, hasty=True)[0]
        try:
            self.write(name, b"ok")
            self.delete(name)
        finally:
            self._retry_seconds, self._store = seconds, store

    def _full(self, path: str) -> str:
        return f"{self._base}/{path}".rstrip("/")

    def _copy(self, path: str, target: Path) -> None:
        with self._store.open_input_stream(self._full(path)) as data, target.open("wb") as file:
            while chunk := data.read(CHUNK):
                file.write(chunk)

    def _written(self, path: str, write: Callable[[], None], size: int) -> None:
        there = None
        # Check twice: another machine may be publishing the same file at this moment.
        for _ in range(2):
            self.with_retries(write)
            if (there := self.size(path)) == size:
                return
        raise OSError(f"{self.uri_of(path)} has {there} bytes after {size} were written")

    def with_retries(self, call: Callable[[], Result]) -> Result:
        """Call a function that uses the store, with retries; see :mod:`dnasweep.storage.retry`."""
        return retry.with_retries(call, uri=self.uri, seconds=self._retry_seconds)
