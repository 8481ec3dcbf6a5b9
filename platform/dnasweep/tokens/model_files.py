"""Text and JSON files of a model directory.

Parsers of JSON, tokenizers and weights raise many kinds of errors; here they are converted to an
:class:`~dnasweep.errors.InputError` that names the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from dnasweep.errors import InputError, is_full_disk

MAX_BYTES = 1 << 28
"""Maximum size of a text file; vocabularies and indexes have some megabytes."""
_POINTER = b"version https://git-lfs.github.com/spec/"
WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
TEXT_FILES = (
    "config.json",
    "tokenizer.json",
    "vocab.txt",
    "special_tokens_map.json",
    "tokenizer_config.json",
    "added_tokens.json",
    "dnasweep_tokenizer.json",
    "dnasweep_vocabulary.json",
)
"""Files of a model directory that are read in addition to its weights."""
_ADAPTERS = ("adapter_model.safetensors", "adapter_model.bin")
MERGE = (
    "Merge them and give the result with its tokenizer: "
    "model.merge_and_unload().save_pretrained(FOLDER)."
)
"""Remedy for an adapter of peft beside or within the weights."""
AGAIN = "Copy it again from where the model came from."


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Convert any error of a parser in the block into an `InputError` that names `path`.

    Errors of memory and of a full disk, and interruptions by the user, are passed on.
    """
    try:
        yield
    except (InputError, MemoryError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    # A panic of a Rust library is a BaseException.
    except BaseException as error:
        if is_full_disk(error):
            raise
        what = "" if isinstance(error, OSError) else "it is damaged: "
        raise InputError(
            f"{path.name} cannot be read ({what}{first_line(error)})",
            file=path.parent,
            remedy=AGAIN,
        ) from error


def first_line(error: BaseException) -> str:
    """Return the message of an error in one line."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


def refuse_pointer(path: Path) -> None:
    """Refuse Git LFS pointers and empty files."""
    with path.open("rb") as file:
        start = file.read(len(_POINTER))
    if start == _POINTER:
        raise InputError(
            f"{path.name} is a Git LFS pointer; fetch it with git lfs pull", file=path.parent
        )
    if not start:
        raise InputError(f"{path.name} is empty", file=path.parent, remedy=AGAIN)


def refuse_adapter(directory: Path) -> None:
    """Refuse a peft adapter, with or without the weights of the model that it changes."""
    found = next((name for name in _ADAPTERS if (directory / name).is_file()), None)
    if found is None:
        return
    alone = not (directory / "config.json").is_file()
    what = "and not the model that it changes" if alone else "which would not be applied"
    raise InputError(
        f"the directory has an adapter of peft ({found}), {what}",
        file=directory,
        remedy=MERGE,
    )


def read_text(path: Path) -> str:
    """Return the content of a UTF-8 text file.

    Raises
    ------
    InputError
        If it cannot be read, or is not a UTF-8 text file.
    FileNotFoundError
        If there is no such file.
    """
    with reading(path):
        if not path.is_file():
            raise_missing(path)
        refuse_pointer(path)
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"it is larger than {MAX_BYTES >> 20} MB")
        return path.read_bytes().decode("utf-8-sig")


def raise_missing(path: Path) -> NoReturn:
    """Raise the error for a file that is missing or not a regular file."""
    what = "is not there" if not path.exists() else "is no plain file"
    raise InputError(f"{path.name} {what}", file=path.parent, remedy=AGAIN)


def read_json(path: Path) -> dict[str, Any]:
    """Return the content of a file with one JSON object.

    Raises
    ------
    InputError
        If it cannot be read, is not JSON, is not an object, or has a setting twice.
    """
    text = read_text(path)
    with reading(path):
        try:
            found = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
        except json.JSONDecodeError as error:
            raise ValueError(f"it is no JSON: {error}") from error
        if not isinstance(found, dict):
            raise ValueError(f"it holds {type(found).__name__} and no object")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} stands there twice")
    return found


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def weight_files(directory: Path) -> list[str]:
    """Return the names of the weight files: one file, or the pieces listed in an index.

    Raises
    ------
    InputError
        If an index is damaged, or lists a file that does not exist beside it.
    """
    if (directory / WEIGHTS_FILE).is_file():
        return [WEIGHTS_FILE]
    if not (directory / INDEX_FILE).is_file():
        return []
    return sorted(set(read_index(directory / INDEX_FILE).values()))


def read_index(path: Path) -> dict[str, str]:
    """Return the file of each weight, from an index of weights in pieces.

    Raises
    ------
    InputError
        As for :func:`weight_files`.
    """
    weight_map = read_json(path).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise InputError("it has no weight_map", file=path, remedy=AGAIN)
    for name in weight_map.values():
        plain = isinstance(name, str) and name.endswith(".safetensors") and Path(name).name == name
        if not plain:
            raise InputError(
                f"it names {name!r}, which is no safetensors file beside it",
                file=path,
                remedy=AGAIN,
            )
    return weight_map


def check_pieces(
    pieces: Mapping[str, Iterable[str]], index: Mapping[str, str], index_file: Path
) -> None:
    """Refuse files of weights that contain other weights than their index says.

    Parameters
    ----------
    pieces
        Names of the weights in each file.
    index
        File of each weight, as the index says.
    index_file
        Path of the index.
    """
    found: dict[str, str] = {}
    for name, weights in pieces.items():
        for weight in weights:
            if weight in found:
                raise InputError(
                    f"{weight} is in {found[weight]} and in {name}",
                    file=index_file.parent,
                    remedy=AGAIN,
                )
            found[weight] = name
    if found != index:
        wrong = sorted(weight for weight, _ in index.items() ^ found.items())
        raise InputError(
            f"{index_file.name} and its files do not agree on which file has {wrong[0]}",
            file=index_file.parent,
            remedy=AGAIN,
        )


def model_files(directory: Path) -> list[str]:
    """Return the names of all existing files of a model directory that are read."""
    texts = [name for name in TEXT_FILES if (directory / name).is_file()]
    weights = weight_files(directory)
    return [*texts, *([] if weights in ([], [WEIGHTS_FILE]) else [INDEX_FILE]), *weights]
