"""Checkpoints with pickled weights: read in another process, and stored as safetensors.

Unpickling can run arbitrary code. It is therefore done by torch's restricted unpickler, which creates only
tensors, in a process without environment or secrets that returns only safetensors.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

from safetensors import safe_open

from dnasweep.errors import InputError
from dnasweep.models.pretrained import unpickle_process
from dnasweep.tokens.model_files import (
    AGAIN,
    INDEX_FILE,
    TEXT_FILES,
    WEIGHTS_FILE,
    check_pieces,
    raise_missing,
    read_json,
    refuse_pointer,
)

PICKLED_FILE = "pytorch_model.bin"
PICKLED_INDEX = "pytorch_model.bin.index.json"
PICKLED_PATTERNS = ("pytorch_model*.bin", PICKLED_INDEX)
"""Patterns of the names of files with pickled weights."""


def pickled_files(directory: Path) -> list[str]:
    """Return the names of the files with pickled weights, if a directory has no safetensors.

    Raises
    ------
    InputError
        If an index is damaged, or names anything other than such a file in the same directory.
    """
    if any((directory / name).is_file() for name in (WEIGHTS_FILE, INDEX_FILE)):
        return []
    if (directory / PICKLED_FILE).is_file():
        return [PICKLED_FILE]
    if not (directory / PICKLED_INDEX).is_file():
        return []
    names = sorted(set(_weight_map(directory).values()))
    for name in names:
        if not isinstance(name, str) or not name.endswith(".bin") or Path(name).name != name:
            raise InputError(
                f"it names {name!r}, which is not a .bin file beside it",
                file=directory / PICKLED_INDEX,
                remedy=AGAIN,
            )
    return names


def convert_pickled(directory: Path, target: Path) -> None:
    """Copy the files of a model directory into another folder, with pickled weights as safetensors.

    Parameters
    ----------
    directory
        Directory with pickled weights, in one file or in several with an index.
    target
        Folder to write to.

    Raises
    ------
    InputError
        If a file is missing, damaged or a Git LFS pointer, or contains more than weights.
    """
    names = pickled_files(directory)
    written = {}
    for number, name in enumerate(names, start=1):
        path = directory / name
        if not path.is_file():
            raise_missing(path)
        refuse_pointer(path)
        piece = f"model-{number:05d}-of-{len(names):05d}.safetensors"
        written[name] = WEIGHTS_FILE if len(names) == 1 else piece
        _unpickle(path, target / written[name])
    if len(names) > 1:
        weight_map = _weight_map(directory)
        pieces = {name: _names_in(target / written[name]) for name in names}
        check_pieces(pieces, weight_map, directory / PICKLED_INDEX)
        places = {weight: written[name] for weight, name in weight_map.items()}
        index = {"metadata": {}, "weight_map": places}
        (target / INDEX_FILE).write_text(json.dumps(index, indent=2, sort_keys=True) + "\n")
    for name in TEXT_FILES:
        if (directory / name).is_file():
            shutil.copyfile(directory / name, target / name)


def _names_in(path: Path) -> list[str]:
    """Return the names of the weights of a safetensors file."""
    with safe_open(path, framework="pt") as piece:
        return list(piece.keys())


def _weight_map(directory: Path) -> dict[str, str]:
    weight_map = read_json(directory / PICKLED_INDEX).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise InputError("there is no weight_map", file=directory / PICKLED_INDEX, remedy=AGAIN)
    return weight_map


def _unpickle(path: Path, target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="dnasweep-unpickle-") as empty:
        converted = Path(empty) / WEIGHTS_FILE
        done = subprocess.run(
            [
                *(sys.executable, "-I", unpickle_process.__file__),
                *(str(path.resolve()), str(converted)),
            ],
            cwd=empty,
            env={"PATH": os.defpath, "HOME": empty, "TMPDIR": empty},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            _refuse(path, done.returncode, done.stdout.strip() or done.stderr.strip())
        shutil.move(converted, target)


def _refuse(path: Path, status: int, said: str) -> NoReturn:
    last = said.splitlines()[-1][:200] if said else f"exit status {status}"
    if status == unpickle_process.REFUSED:
        raise InputError(
            f"{path.name} contains more than weights ({last}), and was not read",
            file=path.parent,
            remedy="Ask its authors for safetensors.",
        )
    raise InputError(
        f"{path.name} cannot be read ({last})",
        file=path.parent,
        remedy=AGAIN,
    )
