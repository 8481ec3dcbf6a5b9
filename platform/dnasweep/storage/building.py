"""Folders that artefacts are built in, aside from where they appear."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from dnasweep.storage.names import flat, safe

MANIFEST = "manifest.json"


def building_folder(root: Path) -> Path:
    """Return the folder of a local root where everything is built."""
    return root / "work" / "building"


@contextlib.contextmanager
def building(root: Path, kind: str, key: str) -> Iterator[Path]:
    """Give an empty folder for an artefact, gone after the block unless it was renamed."""
    parent = building_folder(root)
    parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f"{flat(kind)}-{safe(key)}-", dir=parent))
    aside.chmod(0o755)
    try:
        yield aside
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def settle(aside: Path, folder: Path) -> bool:
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
