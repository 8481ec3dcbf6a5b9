"""Check that versions working in one storage use the same layout and the same locks.

Keys separate results that two versions compute differently (:mod:`dnasweep.config.versions`). Two
versions that find or lock artefacts differently would not see each other's work, so the second one
is refused.
"""

from __future__ import annotations

import contextlib
import json
from importlib.metadata import version
from pathlib import Path

from dnasweep.config import versions
from dnasweep.errors import InputError
from dnasweep.storage.artefacts import Storage

FILE = "work/layout.json"
"""File with the layout of a storage and the version that created it."""


def check_layout(storage: Storage) -> None:
    """Record the layout of a new storage, or refuse a storage with another layout.

    Parameters
    ----------
    storage
        A storage that can be written to.

    Raises
    ------
    InputError
        If the storage was created by a version with a different layout.
    """
    own_version = version("dnasweep")
    own = json.dumps({"layout": versions.STORAGE, "dnasweep": own_version})
    if storage.bucket is None:
        found = _begun(storage.local / FILE, own)
    elif storage.bucket.size(FILE) is None:
        storage.bucket.write(FILE, own.encode())
        return
    else:
        found = storage.bucket.read(FILE).decode()
    layout, other = versions.STORAGE, ""
    # A file truncated by a full disk contains no information, and is no reason to stop.
    with contextlib.suppress(ValueError, TypeError, KeyError):
        said = json.loads(found)
        layout, other = said["layout"], str(said["dnasweep"])
    if layout != versions.STORAGE:
        raise InputError(
            f"the storage was created by dnasweep {other} with layout {layout}, and this is {own_version} "
            f"with layout {versions.STORAGE}: neither would see the other's work",
            file=storage.root,
            remedy="Give another folder with --storage, or use the same version of dnasweep for all "
            "work in this storage.",
        )


def _begun(path: Path, own: str) -> str:
    """Return the content of the file, which is created if it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x") as file:
            file.write(own)
    except FileExistsError:
        return path.read_text(errors="replace")
    return own
