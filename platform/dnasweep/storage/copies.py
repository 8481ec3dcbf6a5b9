"""This machine's copies of artefacts in a bucket, compared with the manifest that lies there."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pyarrow as pa

from dnasweep.storage.bucket import Bucket
from dnasweep.storage.building import building, move_into_place
from dnasweep.storage.damaged import set_aside
from dnasweep.storage.integrity import DIGESTS, MANIFEST, SIZES, damage, unseal
from dnasweep.storage.names import flat, inside, safe, safe_kind

_ATTEMPTS = 2
"""After damage is found: another machine may have made the artefact again by then."""


class LocalCopies:
    """Fetches artefacts, whole or a file of them, and clears away what is damaged in the bucket.

    Parameters
    ----------
    bucket
        Where they lie.
    local
        Folder of the copies; it may be deleted when nothing runs here.
    """

    def __init__(self, bucket: Bucket, local: Path) -> None:
        self._bucket, self._local = bucket, local

    def manifest(self, kind: str, key: str) -> dict[str, Any] | None:
        """Return the manifest of an artefact, or None."""
        for _ in range(_ATTEMPTS):
            if (text := self._text(kind, key)) is None:
                return None
            try:
                return unseal(text)
            except ValueError:
                # Clears it away, unless another machine has made it again by now.
                self.folder(kind, key)
        return None

    def folder(self, kind: str, key: str) -> Path | None:
        """Return a whole copy of an artefact, or None."""
        folder = inside(self._local, f"{safe_kind(kind)}/{safe(key)}")
        for _ in range(_ATTEMPTS):
            if (text := self._text(kind, key)) is None:
                return None
            if _is_of(folder, text) and damage(folder) is None:
                return folder
            # Under another name than what is built here, which its builders clear away.
            with building(self._local, f"copies/{kind}", key) as aside:
                try:
                    self._bucket.download(f"{kind}/{key}", aside)
                except FileNotFoundError:
                    continue
                if (wrong := damage(aside)) is None:
                    _clear(folder, aside)
                    move_into_place(aside, folder)
                    return folder
                self._drop(kind, key, text, aside, wrong)
        return None

    def file(self, kind: str, key: str, name: str) -> Path | None:
        """Return a copy of one file of an artefact, or None where it has none of this name."""
        part = self._local / "work" / "files" / flat(kind) / safe(key)
        for _ in range(_ATTEMPTS):
            if (text := self._text(kind, key)) is None:
                return None
            for folder in (inside(self._local, f"{safe_kind(kind)}/{safe(key)}"), part):
                if _is_of(folder, text) and damage(folder, [name]) is None:
                    return folder / name
            with building(self._local, f"copies/{kind}", key) as aside:
                (aside / MANIFEST).write_bytes(text)
                if (wrong := damage(aside, ())) is None:
                    if name not in unseal(text)[SIZES]:
                        return None
                    self._fetch(f"{kind}/{key}/{name}", aside / name)
                    wrong = damage(aside, [name])
                if wrong is None:
                    _take_over(aside, part, [name, MANIFEST])
                    return part / name
                self._drop(kind, key, text, aside, wrong)
        return None

    def exists(self, kind: str, key: str) -> bool:
        """Return whether an artefact is published."""
        return self._bucket.size(f"{safe_kind(kind)}/{safe(key)}/{MANIFEST}") is not None

    def published(self, kind: str) -> set[str]:
        """Return the keys of all artefacts of a kind."""
        paths = (path.split("/") for path in self._bucket.files(safe_kind(kind)))
        return {path[0] for path in paths if len(path) == 2 and path[1] == MANIFEST}

    def open(self, kind: str, key: str, name: str) -> pa.NativeFile:
        """Open a file of an artefact in the bucket, unchecked."""
        return self._bucket.open(f"{safe_kind(kind)}/{safe(key)}/{safe(name)}")

    def read(self, kind: str, key: str, name: str) -> bytes | None:
        """Return the content of one file, of which nothing stays here, or None."""
        manifest = self.manifest(kind, key)
        if manifest is None or name not in manifest[SIZES]:
            return None
        try:
            data = self._bucket.read(f"{kind}/{key}/{name}")
        except FileNotFoundError:
            data = b""
        wanted = manifest.get(DIGESTS, {}).get(name, _sha256(data))
        if len(data) == manifest[SIZES][name] and _sha256(data) == wanted:
            return data
        # Clears it away.
        path = self.file(kind, key, name)
        return None if path is None else path.read_bytes()

    def _drop(self, kind: str, key: str, text: bytes | None, kept: Path, wrong: str) -> None:
        """Remove a damaged artefact from the bucket and keep what was read of it here.

        Parameters
        ----------
        text
            The manifest it had; with another one it has been made again meanwhile, and stays.
        kept
            What was read of it.
        wrong
            What is wrong with it.
        """
        where = f"{safe_kind(kind)}/{safe(key)}"
        if self._text(kind, key) != text:
            return
        self._bucket.delete(f"{where}/{MANIFEST}")
        self._bucket.clear(where)
        set_aside(self._local, kind, key, kept, lambda: wrong, self._bucket.uri_of(where))

    def _text(self, kind: str, key: str) -> bytes | None:
        try:
            return self._bucket.read(f"{safe_kind(kind)}/{safe(key)}/{MANIFEST}")
        except FileNotFoundError:
            return None

    def _fetch(self, path: str, target: Path) -> None:
        try:
            target.write_bytes(self._bucket.read(path))
        except FileNotFoundError:
            # The manifest says that it should be there.
            return


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _is_of(folder: Path, text: bytes) -> bool:
    """Return whether a copy is of the artefact that has this manifest."""
    try:
        return (folder / MANIFEST).read_bytes() == text
    except (FileNotFoundError, NotADirectoryError):
        return False


def _clear(folder: Path, aside: Path) -> None:
    """Remove a copy at once, for whoever looks for it meanwhile."""
    if folder.is_dir():
        rest = aside.with_name(f"{aside.name}-rest")
        folder.rename(rest)
        shutil.rmtree(rest, ignore_errors=True)


def _take_over(aside: Path, part: Path, names: Collection[str]) -> None:
    part.mkdir(parents=True, exist_ok=True)
    text = (aside / MANIFEST).read_bytes()
    if not _is_of(part, text):
        for old in part.iterdir():
            old.unlink(missing_ok=True)
    for name in names:
        (aside / name).replace(part / name)
