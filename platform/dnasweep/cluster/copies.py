"""Copies of a job's files in a folder that the user named."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from dnasweep.errors import InputError
from dnasweep.storage import LEAST_BYTES

_REMEDY = "Give another place with --out, or free space there; what is computed is kept."


def check_folder(folder: Path) -> None:
    """Make a folder, and make sure that files can be written there.

    Raises
    ------
    InputError
        Where they cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".write-test-") as file:
            file.write(bytes(LEAST_BYTES))
            file.flush()
    except OSError as error:
        raise _unwritable(error, folder) from error


def copy_files(files: Sequence[Path], folder: Path) -> list[Path]:
    """Copy files into a folder and return the copies.

    Raises
    ------
    InputError
        Where it cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [Path(shutil.copyfile(path, folder / path.name)) for path in files]
    except OSError as error:
        raise _unwritable(error, folder) from error


def _unwritable(error: OSError, folder: Path) -> InputError:
    reason = f"the files cannot be written: {error.strerror or error}"
    return InputError(reason, file=folder, remedy=_REMEDY)
