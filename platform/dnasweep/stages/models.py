"""Model directories as artefacts, which every machine of a cluster can read."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from dnasweep.config import content_key, versions
from dnasweep.storage import Storage
from dnasweep.tokens.model_files import model_files, read_json, weight_files

KIND = "models"
# Settings for the version that wrote the file and its origin, which do not affect results.
_VOLATILE = ("transformers_version", "_name_or_path", "dtype", "torch_dtype")
# Files in which published checkpoints define their tokens and the roles of special tokens.
_VOCABULARY = ("vocab.txt", "special_tokens_map.json", "tokenizer_config.json")


def model_digest(directory: Path) -> str:
    """Return 16 hexadecimal digits that identify what a model computes.

    The digest depends on weights, configuration, vocabulary and tokenization, not on formatting,
    so a model has the same digest in its training folder and in a registry. That of a published
    checkpoint also depends on how this version of the platform reads such checkpoints.
    """
    weights = []
    for name in weight_files(directory):
        with (directory / name).open("rb") as file:
            weights.append(hashlib.file_digest(file, "sha256").hexdigest())
    config = {k: v for k, v in _json(directory / "config.json").items() if k not in _VOLATILE}
    vocabulary = json.dumps(_json(directory / "tokenizer.json").get("model"), sort_keys=True)
    parts: list[Any] = [
        weights,
        config,
        hashlib.sha256(vocabulary.encode()).hexdigest(),
        _json(directory / "dnasweep_tokenizer.json"),
    ]
    if not parts[-1]:
        # A published checkpoint defines its tokenization in other files.
        files = [directory / name for name in _VOCABULARY]
        there = {path.name: path.read_bytes() for path in files if path.is_file()}
        parts.append({name: hashlib.sha256(text).hexdigest() for name, text in there.items()})
        parts.append(_json(directory / "tokenizer.json"))
        parts.append(versions.CHECKPOINTS)
    return content_key(*parts)


def keep_model(storage: Storage, directory: Path) -> str:
    """Copy a model directory into the storage, unless it is already there, and return its key.

    Only the files needed to load a model are copied: safetensors, JSON and text.
    """
    key = model_digest(directory)

    def copy(folder: Path) -> None:
        for name in model_files(directory):
            shutil.copyfile(directory / name, folder / name)

    storage.obtain(KIND, key, copy)
    return key


def kept_model(storage: Storage, key: str) -> Path:
    """Return the folder of a model that was copied by :func:`keep_model`.

    Raises
    ------
    InputError
        If it is missing or damaged.
    """
    return storage.expect(KIND, key)


def _json(path: Path) -> dict[str, Any]:
    return read_json(path) if path.is_file() else {}
