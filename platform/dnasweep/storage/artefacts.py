"""The storage: artefacts below one root, named by their content and published atomically.

An artefact is a folder `<root>/<kind>/<key>` whose `manifest.json` records its inputs. It is
built in a temporary folder and appears in one step, so a folder that exists is complete: on a file
system by a rename, on an object store by writing the manifest last. Two builders of the same artefact
on one file system wait for each other (:mod:`.locks`); the second finds the artefact of the first.

The parts of a large artefact, such as the shards of a job, are artefacts whose kind includes the
kind and key of the whole: `attributions/<key>/shards`.

The root is a path or a URI that pyarrow understands, such as `s3://bucket/folder`. A bucket
contains everything that another machine may need; each machine keeps copies in its own folder,
which may be deleted when nothing runs there.

Artefacts are checked when they are found: each process compares every file once with its checksum
in the manifest. A damaged artefact is reported, set aside in `work/damaged`, and treated as
missing, so it is made again.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dnasweep.config import canonical
from dnasweep.errors import InputError, full_disk, is_full_disk
from dnasweep.storage.bucket import Bucket
from dnasweep.storage.integrity import MANIFEST, describe, seal
from dnasweep.storage.kept import say_kept
from dnasweep.storage.lease import LockLost
from dnasweep.storage.locks import StorageLock
from dnasweep.storage.names import flat, inside, path_of, safe, shortened
from dnasweep.storage.reading import PublishedArtefacts
from dnasweep.storage.retry import Unavailable
from dnasweep.storage.staging import (
    building,
    building_folder,
    move_into_place,
    share_by_umask,
    try_writing,
)

log = logging.getLogger("dnasweep.storage")


class Storage(PublishedArtefacts):
    """Artefacts below one root: found, or built and published.

    Parameters
    ----------
    root
        A local folder (created at the first write) or a URI such as `s3://bucket/folder`.
    """

    def check_writable(self) -> None:
        """Raise `InputError` if the root cannot be written to now."""
        try:
            try_writing(self.local)
            if self.bucket is not None:
                self.bucket.probe()
        except (OSError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            reason = getattr(error, "strerror", None) or shortened(error)
            raise InputError(
                f"storage cannot be written to: {reason}",
                file=self.root,
                remedy="Give another folder with --storage, or free space there.",
            ) from error

    def obtain(
        self, kind: str, key: str, build: Callable[[Path], Any], *, inputs: Any = None
    ) -> Path:
        """Return the folder of an artefact; build and publish it first if it is missing.

        Parameters
        ----------
        kind, key
            The artefact; `key` is the content key of everything that `build` depends on.
        build
            Called with an empty folder to fill. A dictionary that it returns is stored in the
            manifest as `facts`. If it raises an error, nothing is published.
        inputs
            Inputs of the artefact, stored in the manifest.
        """
        if (found := self.find(kind, key)) is not None:
            return found
        while True:
            with self.lock(kind, key) as lock:
                if (found := self.find(kind, key)) is not None:
                    return found
                self.clear_abandoned(kind, key)
                try:
                    self._make(kind, key, build, inputs, stay=True, confirm=lock.confirm)
                except LockLost as lost:
                    # The process that took over the lock builds the same artefact, so wait for it.
                    log.warning("%s/%s is built again: %s", kind, key, lost)
                    continue
                self.forget(kind, key)
                return self._folder(kind, key)

    def publish(
        self, kind: str, key: str, build: Callable[[Path], Any], *, inputs: Any = None
    ) -> bool:
        """Build an artefact, publish it unless it now exists, and return whether it was published.

        This is for parts made by many workers at the same time: no worker waits, and if two make
        the same part, the first is kept. With an object store, no copy is kept on this machine.

        Parameters
        ----------
        kind, key, build, inputs
            As for :meth:`obtain`.
        """
        if self.exists(kind, key):
            return False
        return self._make(kind, key, build, inputs, stay=False)

    def put(self, kind: str, key: str, name: str, text: str) -> None:
        """Write or replace a small file of an artefact that grows, in one step.

        Parameters
        ----------
        kind, key, name
            Kind and key of the artefact, and name of its file.
        text
            Contents of the file.
        """
        path = path_of(kind, key, name)
        if self.bucket is not None:
            self.bucket.write(path, text.encode())
            return
        with building(self.local, kind, key) as aside:
            (aside / name).write_text(text)
            (aside / name).replace(inside(self.local, path))

    def work_folder(self, kind: str, key: str) -> Path:
        """Return the folder on this machine for files that a builder keeps between attempts."""
        return self.local / "work" / path_of(kind, key)

    def state_folder(self, kind: str, key: str) -> Path | Bucket:
        """Return where a builder keeps its state, from which any machine can resume."""
        if self.bucket is None:
            return self.work_folder(kind, key)
        return Bucket(self.bucket.uri_of(f"work/{path_of(kind, key)}"))

    def forget(self, kind: str, key: str) -> None:
        """Remove the state of a builder whose artefact is published."""
        shutil.rmtree(self.work_folder(kind, key), ignore_errors=True)
        try:
            if self.bucket is not None:
                self.bucket.clear(f"work/{path_of(kind, key)}")
        except Unavailable as error:
            # The artefact is published nevertheless; the next process that requests it removes the
            # state.
            log.warning("the state of %s/%s stays for now: %s", kind, key, error)

    def share(self, path: Path) -> None:
        """Copy a file below `local`, or the files of a folder, to the bucket if there is one."""
        if self.bucket is not None:
            name = path.relative_to(self.local).as_posix()
            upload = self.bucket.upload_folder if path.is_dir() else self.bucket.upload
            upload(path, name)

    def lock(self, kind: str, key: str) -> StorageLock:
        """Return the lock of a builder, which ends with its process."""
        return StorageLock(self.local / "work" / "locks" / f"{flat(kind)}-{safe(key)}")

    def folder(self, *parts: str) -> Path:
        """Return a plain local folder for logs, reports and records, made if needed."""
        folder = self.local.joinpath(*map(safe, parts))
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _folder(self, kind: str, key: str) -> Path:
        return inside(self.local, path_of(kind, key))

    def clear_abandoned(self, kind: str, key: str = "*") -> None:
        """Remove what killed builders of an artefact, or of a kind, left behind.

        Only the holder of the lock may call this, because it is the only builder.
        """
        folder, pattern = building_folder(self.local), f"{flat(kind)}-{key}-*"
        for left in folder.glob(pattern):
            # The folder is renamed first, so a builder that was only stalled finds it gone, never
            # incomplete.
            with contextlib.suppress(OSError):
                left.rename(left.with_name(f"removed-{left.name}"))
        for left in folder.glob(f"removed-{pattern}"):
            shutil.rmtree(left, ignore_errors=True)

    def _make(
        self,
        kind: str,
        key: str,
        build: Callable[[Path], Any],
        inputs: Any,
        *,
        stay: bool,
        confirm: Callable[[], None] = lambda: None,
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
                confirm()
                if self.bucket is None:
                    fresh = move_into_place(aside, self._folder(kind, key))
                    say_kept()
                    return fresh
                fresh = not self.exists(kind, key)
                if fresh:
                    self.bucket.upload_folder(aside, f"{kind}/{key}", last=MANIFEST)
                say_kept()
                if stay:
                    # The local copy must be the published version, not the one that was here
                    # before.
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
