"""Synchronisation of the state of a sweep with its bucket, for the next driver on any machine.

If the storage is a folder, the next driver finds the files there. If it is a bucket, files are
uploaded while the sweep runs, and downloaded by machines that did not write the newest version
themselves.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from dnasweep.errors import InputError
from dnasweep.storage import Bucket, Storage

log = logging.getLogger("dnasweep.storage")

EVERY_SECONDS = 5.0
"""Seconds between two uploads; a driver that is killed loses at most the changes of this
interval."""
SHARE = 0.05
"""Largest fraction of the time that uploads may take."""
RETRY_SECONDS = 30.0


class StateSync:
    """Copies files between the local folder of a storage and its bucket.

    Parameters
    ----------
    storage
        The storage; if it is a folder, there is nothing to do.
    """

    def __init__(self, storage: Storage) -> None:
        self._root = storage.local
        remote = storage.bucket is not None
        self._bucket = Bucket(storage.root, seconds=RETRY_SECONDS) if remote else None
        self._uploaded: dict[Path, tuple[int, int]] = {}

    def download(self, path: Path) -> bool:
        """Download a file if another machine wrote it last; return whether it did."""
        if self._bucket is None:
            return False
        name = path.relative_to(self._root).as_posix()
        version = self._bucket.version(name)
        if version is None or (path.is_file() and _known_version(path) == version):
            return False
        aside = path.with_name(f".{path.name}.aside")
        aside.write_bytes(self._bucket.read(name))
        aside.replace(path)
        _mark(path, version)
        return True

    @contextlib.contextmanager
    def uploading(self, paths: Sequence[Path]) -> Iterator[None]:
        """Upload files that have changed, repeatedly during the block and once after it."""
        if self._bucket is None:
            yield
            return
        stop = threading.Event()
        thread = threading.Thread(target=self._watch, args=(paths, stop), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
            self._upload(paths)

    def _watch(self, paths: Sequence[Path], stop: threading.Event) -> None:
        pause = EVERY_SECONDS
        while not stop.wait(pause):
            started = time.monotonic()
            self._upload(paths)
            pause = max(EVERY_SECONDS, (time.monotonic() - started) / SHARE)

    def _upload(self, paths: Sequence[Path]) -> None:
        assert self._bucket is not None
        for path in paths:
            if not path.is_file():
                continue
            status = path.stat()
            state = (status.st_mtime_ns, status.st_size)
            if self._uploaded.get(path) == state:
                continue
            name = path.relative_to(self._root).as_posix()
            try:
                self._bucket.write(name, path.read_bytes())
                version = self._bucket.version(name)
            except (InputError, OSError) as error:
                # The sweep needs the copy only if this machine is lost.
                log.warning("%s could not be copied to the bucket: %s", name, error)
                continue
            self._uploaded[path] = state
            if version is not None:
                _mark(path, version)


def _marker(path: Path) -> Path:
    return path.with_name(f"{path.name}.seen")


def _mark(path: Path, version: str) -> None:
    """Record which version in the bucket this machine has."""
    _marker(path).write_text(version)


def _known_version(path: Path) -> str | None:
    try:
        return _marker(path).read_text()
    except OSError:
        return None
