"""Text and JSON files of a model directory.

Parsers of JSON, tokenizers and weights raise errors of many kinds; here each of them becomes an
:class:`~dnasweep.errors.InputError` that names the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from dnasweep.errors import InputError, is_full_disk

MAX_BYTES = 1 << 28
"""Of a file of text: vocabularies and indexes take some megabytes."""
_POINTER = b"version https://git-lfs.github.com/spec/"
WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
TEXT_FILES = (
    "config.json",
    "tokenizer.json",
    "vocab.txt",
    "special_tokens_map.json",
    "tokenizer_config.json",
    "dnasweep_tokenizer.json",
    "dnasweep_vocabulary.json",
)
"""Files of a model directory that are read beside its weights."""
_ADAPTERS = ("adapter_model.safetensors", "adapter_model.bin")
AGAIN = "Copy it again from where the model came from."


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn whatever a parser raises inside into an `InputError` that names `path`.

    Errors of memory and of a full disk, and interruptions by the user, are passed on.
    """
    try:
        yield
    except (InputError, MemoryError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    # A panic of a library in Rust is a BaseException.
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
    """Return what an error says, in one line."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


def refuse_pointer(path: Path) -> None:
    """Refuse a pointer of Git LFS, and an empty file."""
    with path.open("rb") as file:
        start = file.read(len(_POINTER))
    if start == _POINTER:
        raise InputError(
            f"{path.name} is a Git LFS pointer; fetch it with git lfs pull", file=path.parent
        )
    if not start:
        raise InputError(f"{path.name} is empty", file=path.parent, remedy=AGAIN)


def refuse_adapter(directory: Path) -> None:
    """Refuse an adapter of peft, alone or beside the weights of the model that it changes."""
    found = next((name for name in _ADAPTERS if (directory / name).is_file()), None)
    if found is None:
        return
    alone = not (directory / "config.json").is_file()
    what = "and not the model that it changes" if alone else "which would not be applied"
    raise InputError(
        f"the directory has an adapter of peft ({found}), {what}",
        file=directory,
        remedy="Merge them and give the result with its tokenizer: "
        "model.merge_and_unload().save_pretrained(FOLDER).",
    )


def read_text(path: Path) -> str:
    """Return a file of text, UTF-8.

    Raises
    ------
    InputError
        When it cannot be read, or is no such file.
    FileNotFoundError
        When there is none.
    """
    with reading(path):
        if not path.is_file():
            raise_missing(path)
        refuse_pointer(path)
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"it is larger than {MAX_BYTES >> 20} MB")
        return path.read_bytes().decode("utf-8-sig")


def raise_missing(path: Path) -> NoReturn:
    """Raise the error for a file that is not there, or is no plain file."""
    what = "is not there" if not path.exists() else "is no plain file"
    raise InputError(f"{path.name} {what}", file=path.parent, remedy=AGAIN)


def read_json(path: Path) -> dict[str, Any]:
    """Return a file that holds one JSON object.

    Raises
    ------
    InputError
        When it cannot be read, is no JSON, no object, or names a setting twice.
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
    """Return the names of the files with the weights: one, or the pieces that an index names.

    Raises
    ------
    InputError
        When an index is damaged, or names what is no file beside it.
    """
    if (directory / WEIGHTS_FILE).is_file():
        return [WEIGHTS_FILE]
    if not (directory / INDEX_FILE).is_file():
        return []
    return sorted(set(read_index(directory / INDEX_FILE).values()))


def read_index(path: Path) -> dict[str, str]:
    """Return the file of each weight, as an index of weights in pieces says it.

    Raises
    ------
    InputError
        As :func:`weight_files`.
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


def model_files(directory: Path) -> list[str]:
    """Return the names of all files of a model directory that are read, those there are."""
    texts = [name for name in TEXT_FILES if (directory / name).is_file()]
    weights = weight_files(directory)
    return [*texts, *([] if weights in ([], [WEIGHTS_FILE]) else [INDEX_FILE]), *weights]
