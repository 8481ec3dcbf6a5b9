"""The storage of a command; a dry run does not create one."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path

from dnasweep.storage.artefacts import Storage
from dnasweep.storage.layout import check_layout


def usable_storage(root: str, *, dry_run: bool = False) -> Storage:
    """Return a storage that can be written to.

    Parameters
    ----------
    root
        A folder or a URI.
    dry_run
        Whether this is a dry run: if the folder does not exist, a temporary one replaces it until
        the process ends, and messages show the given name. In an existing folder, missing data
        sets are built, so the following run finds them read and audited.

    Raises
    ------
    InputError
        If it cannot be written to, or has the layout of an incompatible version.
    """
    storage = Storage(root)
    if not dry_run or storage.is_remote or storage.local.exists():
        storage.check_writable()
        if not dry_run:
            check_layout(storage)
        return storage
    above = next(parent for parent in storage.local.parents if parent.exists())
    if above != Path("/"):
        Storage(above).check_writable()
    folder = tempfile.mkdtemp(prefix="dnasweep-dry-run-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    instead = Storage(folder)
    instead.root = storage.root
    return instead
