"""Artefacts where they are kept, on a file system: whole, or moved away."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import fs

from dnasweep.storage.damaged import set_aside
from dnasweep.storage.integrity import MANIFEST, SIZES, damage, readable, unseal
from dnasweep.storage.names import inside, safe, safe_kind


class LocalArtefacts:
    """Finds artefacts below a folder.

    Parameters
    ----------
    root
        The folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def manifest(self, kind: str, key: str) -> dict[str, Any] | None:
        """Return the manifest of an artefact, or None."""
        folder = self._whole(kind, key, ())
        return None if folder is None else unseal((folder / MANIFEST).read_bytes())

    def folder(self, kind: str, key: str) -> Path | None:
        """Return the folder of an artefact all of whose files are as they were published, or None."""
        return self._whole(kind, key, None)

    def file(self, kind: str, key: str, name: str) -> Path | None:
        """Return one file of an artefact, or None where it has none of this name."""
        self._inside(f"{safe_kind(kind)}/{safe(key)}/{safe(name)}")
        manifest = self.manifest(kind, key)
        if manifest is None or name not in manifest[SIZES]:
            return None
        folder = self._whole(kind, key, [name])
        return None if folder is None else folder / name

    def read(self, kind: str, key: str, name: str) -> bytes | None:
        """Return the content of one file of an artefact, or None where it has none of this name."""
        path = self.file(kind, key, name)
        if path is None:
            return None
        with readable(path):
            return path.read_bytes()

    def exists(self, kind: str, key: str) -> bool:
        """Return whether an artefact is published."""
        folder = self._inside(f"{safe_kind(kind)}/{safe(key)}")
        with readable(folder):
            return (folder / MANIFEST).is_file()

    def published(self, kind: str) -> set[str]:
        """Return the keys of all artefacts of a kind."""
        folder = self._inside(safe_kind(kind))
        with readable(folder):
            entries = folder.iterdir() if folder.is_dir() else ()
            return {entry.name for entry in entries if (entry / MANIFEST).is_file()}

    def open(self, kind: str, key: str, name: str) -> pa.NativeFile:
        """Open a file of an artefact, unchecked."""
        path = self._inside(f"{safe_kind(kind)}/{safe(key)}/{safe(name)}")
        with readable(path):
            return fs.LocalFileSystem().open_input_file(str(path))

    def _whole(self, kind: str, key: str, names: Collection[str] | None) -> Path | None:
        folder = self._inside(f"{safe_kind(kind)}/{safe(key)}")

        def wrong() -> str | None:
            return damage(folder, names) if (folder / MANIFEST).is_file() else None

        with readable(folder):
            if wrong() is not None:
                set_aside(self._root, kind, key, folder, wrong, str(folder))
            return folder if (folder / MANIFEST).is_file() else None

    def _inside(self, name: str) -> Path:
        with readable(self._root / name):
            return inside(self._root, name)
