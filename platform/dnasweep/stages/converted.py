"""Checkpoints with pickled weights, converted to safetensors once and stored as artefacts."""

from __future__ import annotations

import hashlib
from pathlib import Path

from dnasweep.config import content_key
from dnasweep.models.pretrained.pickled_checkpoints import convert_pickled, pickled_files
from dnasweep.storage import Storage
from dnasweep.tokens.model_files import TEXT_FILES, raise_missing, refuse_pointer

KIND = "converted"


def as_safetensors(directory: Path, storage: Storage | None, scratch: str | Path) -> Path | None:
    """Return a folder with the same model as safetensors; None if there are no pickled weights.

    Parameters
    ----------
    directory
        A model directory.
    storage
        Storage for the copy; None: the copy is not kept in a storage.
    scratch
        Folder for the copy if there is no storage.

    Raises
    ------
    InputError
        As :func:`~dnasweep.models.pretrained.pickled_checkpoints.convert_pickled`.
    """
    names = pickled_files(directory)
    if not names:
        return None
    for name in names:
        if not (directory / name).is_file():
            raise_missing(directory / name)
        refuse_pointer(directory / name)
    if storage is None:
        target = Path(scratch) / KIND
        target.mkdir()
        convert_pickled(directory, target)
        return target
    digests = {}
    for name in (*names, *TEXT_FILES):
        if (directory / name).is_file():
            with (directory / name).open("rb") as file:
                digests[name] = hashlib.file_digest(file, "sha256").hexdigest()
    key = content_key(KIND, digests)
    return storage.obtain(KIND, key, lambda folder: convert_pickled(directory, folder))
