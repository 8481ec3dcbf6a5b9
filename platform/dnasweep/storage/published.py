"""Published artefacts, found and checked: on a file system, or in a bucket with local copies."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import fs

from dnasweep.storage.bucket import Bucket
from dnasweep.storage.integrity import DIGESTS, MANIFEST, SIZES, damage, readable, unseal
from dnasweep.storage.names import flat, inside, path_of, safe, safe_kind
from dnasweep.storage.staging import building, move_into_place, remove_at_once, set_aside

_ATTEMPTS = 2
"""Maximum number of attempts; after damage, another machine may have made the artefact again."""


class LocalArtefacts:
    """Artefacts below a local folder; damaged ones are set aside.

    Parameters
    ----------
    root
        The folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def manifest(self, kind: str, key: str) -> dict[str, Any] | None:
        """Return the manifest of an artefact, or None."""
        folder = self._undamaged(kind, key, ())
        return None if folder is None else unseal((folder / MANIFEST).read_bytes())

    def folder(self, kind: str, key: str) -> Path | None:
        """Return the folder of an undamaged artefact, or None."""
        return self._undamaged(kind, key, None)

    def file(self, kind: str, key: str, name: str) -> Path | None:
        """Return one file of an artefact, or None if it has no file of this name.

        Parameters
        ----------
        kind, key, name
            Kind and key of the artefact, and name of its file.
        """
        self._inside(path_of(kind, key, name))
        manifest = self.manifest(kind, key)
        if manifest is None or name not in manifest[SIZES]:
            return None
        folder = self._undamaged(kind, key, [name])
        return None if folder is None else folder / name

    def read(self, kind: str, key: str, name: str) -> bytes | None:
        """Return the content of one file of an artefact, or None.

        Parameters
        ----------
        kind, key, name
            Kind and key of the artefact, and name of its file.
        """
        path = self.file(kind, key, name)
        if path is None:
            return None
        with readable(path):
            return path.read_bytes()

    def exists(self, kind: str, key: str) -> bool:
        """Return whether an artefact is published."""
        folder = self._inside(path_of(kind, key))
        with readable(folder):
            return (folder / MANIFEST).is_file()

    def published(self, kind: str) -> set[str]:
        """Return the keys of all artefacts of a kind."""
        folder = self._inside(safe_kind(kind))
        with readable(folder):
            entries = folder.iterdir() if folder.is_dir() else ()
            return {entry.name for entry in entries if (entry / MANIFEST).is_file()}

    def open(self, kind: str, key: str, name: str) -> pa.NativeFile:
        """Open a file of an artefact without checking it.

        Parameters
        ----------
        kind, key, name
            Kind and key of the artefact, and name of its file.
        """
        path = self._inside(path_of(kind, key, name))
        with readable(path):
            return fs.LocalFileSystem().open_input_file(str(path))

    def _undamaged(self, kind: str, key: str, names: Collection[str] | None) -> Path | None:
        folder = self._inside(path_of(kind, key))

        def wrong() -> str | None:
            return damage(folder, names) if (folder / MANIFEST).is_file() else None

        with readable(folder):
            if wrong() is not None:
                set_aside(self._root, kind, key, folder, wrong, str(folder))
            return folder if (folder / MANIFEST).is_file() else None

    def _inside(self, name: str) -> Path:
        with readable(self._root / name):
            return inside(self._root, name)


class LocalCopies:
    """Local copies of artefacts in a bucket, each compared with the manifest in the bucket.

    Artefacts that are damaged in the bucket are removed from it.

    Parameters
    ----------
    bucket
        Bucket with the artefacts.
    local
        Folder of the copies; it may be deleted when nothing runs on this machine.
    """

    def __init__(self, bucket: Bucket, local: Path) -> None:
        self._bucket, self._local = bucket, local

    def manifest(self, kind: str, key: str) -> dict[str, Any] | None:
        """Return the manifest of an artefact, or None."""
        for _ in range(_ATTEMPTS):
            if (text := self._manifest_text(kind, key)) is None:
                return None
            try:
                return unseal(text)
            except ValueError:
                # This removes the artefact, unless another machine has made it again.
                self.folder(kind, key)
        return None

    def folder(self, kind: str, key: str) -> Path | None:
        """Return the folder of a complete copy of an artefact, or None."""
        folder = inside(self._local, path_of(kind, key))
        for _ in range(_ATTEMPTS):
            if (text := self._manifest_text(kind, key)) is None:
                return None
            if _is_copy(folder, text) and damage(folder) is None:
                return folder
            # The name differs from those of builders' folders, which the next builder removes.
            with building(self._local, f"copies/{kind}", key) as aside:
                try:
                    self._bucket.download(f"{kind}/{key}", aside)
                except FileNotFoundError:
                    continue
                if (wrong := damage(aside)) is None:
                    remove_at_once(folder, aside)
                    move_into_place(aside, folder)
                    return folder
                self._remove_damaged(kind, key, text, aside, wrong)
        return None

    def file(self, kind: str, key: str, name: str) -> Path | None:
        """Return a copy of one file of an artefact, or None if it has no file of this name.

        Parameters
        ----------
        kind, key, name
            Kind and key of the artefact, and name of its file.
        """
        part = self._local / "work" / "files" / flat(kind) / safe(key)
        for _ in range(_ATTEMPTS):
            if (text := self._manifest_text(kind, key)) is None:
                return None
            for folder in (inside(self._local, path_of(kind, key)), part):
                if _is_copy(folder, text) and damage(folder, [name]) is None:
                    return folder / name
            with building(self._local, f"copies/{kind}", key) as aside:
                (aside / MANIFEST).write_bytes(text)
                if (wrong := damage(aside, ())) is None:
                    if name not in unseal(text)[SIZES]:
                        return None
                    if (data := self._read(kind, key, name)) is not None:
                        (aside / name).write_bytes(data)
                    wrong = damage(aside, [name])
                if wrong is None:
                    _move_files(aside, part, [name, MANIFEST])
                    return part / name
                self._remove_damaged(kind, key, text, aside, wrong)
        return None

    def exists(self, kind: str, key: str) -> bool:
        """Return whether an artefact is published."""
        return self._bucket.size(path_of(kind, key, MANIFEST)) is not None

    def published(self, kind: str) -> set[str]:
        """Return the keys of all artefacts of a kind."""
        paths = (path.split("/") for path in self._bucket.files(safe_kind(kind)))
        return {path[0] for path in paths if len(path) == 2 and path[1] == MANIFEST}

    def open(self, kind: str, key: str, name: str) -> pa.NativeFile:
        """Open a file of an artefact in the bucket without checking it.

        Parameters
        ----------
        kind, key, name
            Kind and key of the artefact, and name of its file.
        """
        return self._bucket.open(path_of(kind, key, name))

    def read(self, kind: str, key: str, name: str) -> bytes | None:
        """Return the content of one file of an artefact, or None; no copy is kept.

        Parameters
        ----------
        kind, key, name
            Kind and key of the artefact, and name of its file.
        """
        manifest = self.manifest(kind, key)
        if manifest is None or name not in manifest[SIZES]:
            return None
        data = self._read(kind, key, name) or b""
        digest = hashlib.sha256(data).hexdigest()
        published = manifest.get(DIGESTS, {}).get(name, digest)
        if len(data) == manifest[SIZES][name] and digest == published:
            return data
        # This removes the damaged artefact, unless another machine has made it again.
        path = self.file(kind, key, name)
        return None if path is None else path.read_bytes()

    def _remove_damaged(
        self, kind: str, key: str, text: bytes | None, downloaded: Path, wrong: str
    ) -> None:
        """Remove a damaged artefact from the bucket, and set aside its downloaded files."""
        # If its manifest is no longer `text`, it has been made again, and is kept.
        if self._manifest_text(kind, key) != text:
            return
        self._bucket.delete(path_of(kind, key, MANIFEST))
        self._bucket.clear(path_of(kind, key))
        uri = self._bucket.uri_of(path_of(kind, key))
        set_aside(self._local, kind, key, downloaded, lambda: wrong, uri)

    def _manifest_text(self, kind: str, key: str) -> bytes | None:
        return self._read(kind, key, MANIFEST)

    def _read(self, kind: str, key: str, name: str) -> bytes | None:
        try:
            return self._bucket.read(path_of(kind, key, name))
        except FileNotFoundError:
            return None


def _is_copy(folder: Path, text: bytes) -> bool:
    """Return whether a folder is a copy of the artefact with this manifest."""
    try:
        return (folder / MANIFEST).read_bytes() == text
    except (FileNotFoundError, NotADirectoryError):
        return False


def _move_files(aside: Path, part: Path, names: Collection[str]) -> None:
    """Move files into a folder of single files, after removing those of another manifest."""
    part.mkdir(parents=True, exist_ok=True)
    if not _is_copy(part, (aside / MANIFEST).read_bytes()):
        for old in part.iterdir():
            old.unlink(missing_ok=True)
    for name in names:
        (aside / name).replace(part / name)
