"""Folders that artefacts are built in, aside from where they appear."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from dnasweep.storage.integrity import MANIFEST
from dnasweep.storage.names import flat, safe

__all__ = ["MANIFEST", "building", "building_folder", "move_into_place", "share_by_umask"]


def building_folder(root: Path) -> Path:
    """Return the folder of a local root where everything is built."""
    return root / "work" / "building"


@contextlib.contextmanager
def building(root: Path, kind: str, key: str) -> Iterator[Path]:
    """Give an empty folder for an artefact, gone after the block unless it was renamed."""
    # Not of `tempfile`, whose folders are their owner's alone: this one becomes the artefact.
    aside = building_folder(root) / f"{flat(kind)}-{safe(key)}-{secrets.token_hex(4)}"
    aside.mkdir(parents=True)
    try:
        yield aside
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def share_by_umask(folder: Path) -> None:
    """Give everything in a folder that was just made the rights that the umask leaves.

    Some libraries write files that only their owner may read, whatever the umask says.
    """
    mode = stat.S_IMODE(folder.stat().st_mode)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(mode if path.is_dir() else mode & 0o666)


def move_into_place(aside: Path, folder: Path) -> bool:
    """Rename what was built to where it belongs; return False where it has been there before."""
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
