"""Check that a folder contains the files of a transformers model."""

from __future__ import annotations

from pathlib import Path

from dnasweep.errors import InputError
from dnasweep.storage import refuse_damaged
from dnasweep.tokens.model_files import refuse_adapter

_TRANSFORMERS_FILES = ("config.json", "tokenizer.json")
_OTHER_TOKENIZERS = ("vocab.txt", "tokenizer_config.json")
"""Files that define a tokenizer without `tokenizer.json`; single bases need no vocabulary."""


def checked_folder(path: Path, source: str) -> Path:
    """Return the folder of a model after checking that its files are complete and undamaged.

    Parameters
    ----------
    path
        The folder.
    source
        Name given by the user.

    Raises
    ------
    InputError
        Naming what is missing or damaged.
    """
    refuse_adapter(path)
    missing = [name for name in _TRANSFORMERS_FILES if not (path / name).is_file()]
    if any((path / name).is_file() for name in _OTHER_TOKENIZERS):
        missing = [name for name in missing if name != "tokenizer.json"]
    if missing:
        there = ", ".join(sorted(entry.name for entry in path.iterdir())[:8]) or "nothing"
        raise InputError(
            f"{source!r} is no transformers model: {', '.join(missing)} "
            f"missing in {path}, which holds {there}",
            remedy="Give the directory that holds config.json, the weights and the tokenizer.",
        )
    refuse_damaged(path)
    return path
