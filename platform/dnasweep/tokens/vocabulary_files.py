"""Files that belong to a vocabulary: the settings of its tokenizer, and whether they contradict each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from dnasweep.errors import InputError
from dnasweep.tokens.model_files import AGAIN, read_json, read_text, reading

SETTINGS_FILE = "tokenizer_config.json"
_ADDED = "added_tokens.json"


def token_settings(directory: Path) -> dict[str, Any]:
    """Return the settings of a tokenizer, refusing two files that name different special tokens.

    Parameters
    ----------
    directory
        Directory of the tokenizer; neither file has to be there.
    """
    files = [directory / name for name in ("special_tokens_map.json", SETTINGS_FILE)]
    first, second = (read_json(path) if path.is_file() else {} for path in files)
    for name in sorted(first.keys() & second.keys()):
        one, other = (_text(settings[name]) for settings in (first, second))
        if name.endswith("_token") and one != other:
            _refuse(
                directory,
                f"{name} is {one!r} in {files[0].name} and {other!r} in {files[1].name}",
            )
    return first | second


def named_token(directory: Path, settings: Mapping[str, Any], role: str) -> str | None:
    """Return the token that the files name for a role, or None.

    Parameters
    ----------
    directory
        Directory of the tokenizer, for error messages.
    settings
        Content of the files, see :func:`token_settings`.
    role
        `pad`, `unk`, `cls`, `sep` or `mask`.
    """
    for name in (role, *{"cls": ("bos",), "sep": ("eos",)}.get(role, ())):
        token = _text(settings.get(f"{name}_token"))
        if isinstance(token, str):
            return token
        if token is not None:
            raise InputError(
                f"{name}_token of special_tokens_map.json or tokenizer_config.json is {token!r}",
                file=directory,
                remedy=AGAIN,
            )
    return None


def without_token(settings: Mapping[str, Any], role: str) -> bool:
    """Return whether the files mention a role for which they name no token.

    Parameters
    ----------
    settings, role
        As for :func:`named_token`.
    """
    names = (role, *{"sep": ("eos",)}.get(role, ()))
    return any(f"{name}_token" in settings for name in names)


def check_agreement(directory: Path, ids: Mapping[str, int], source: str) -> None:
    """Refuse files that give a token another id than the vocabulary, or add tokens of DNA to it.

    Parameters
    ----------
    directory
        Directory of the tokenizer.
    ids
        Ids by token, as they are used.
    source
        What the ids are from, for error messages.

    Raises
    ------
    InputError
        With the file and the token.
    """
    tokens = {i: token for token, i in ids.items()}
    for name, token, token_id in _named(directory, source):
        if token in ids and ids[token] != token_id:
            _refuse(directory, f"{token!r} is {token_id} in {name} and {ids[token]} in {source}")
        if token not in ids and token_id in tokens:
            other = tokens[token_id]
            _refuse(directory, f"{token_id} is {token!r} in {name} and {other!r} in {source}")
        if token not in ids and token[:1] not in ("[", "<"):
            _refuse(directory, f"{token!r} is in {name} and not in {source}")


def check_letters(directory: Path, letters: list[str]) -> None:
    """Refuse a tokenizer of single letters whose settings name other letters.

    Parameters
    ----------
    directory
        Directory of the tokenizer, with its settings.
    letters
        The letters in the order of their ids.
    """
    named = read_json(directory / SETTINGS_FILE).get("characters")
    if named not in (None, letters):
        _refuse(directory, f"characters of {SETTINGS_FILE} is {named!r} and not {letters}")


def _text(token: Any) -> Any:
    """Return the text of a special token, which may be written with settings."""
    return token.get("content") if isinstance(token, dict) else token


def _named(directory: Path, source: str) -> Iterator[tuple[str, str, int]]:
    """Yield the tokens that files beside the vocabulary name: the file, the token and its id."""
    path = directory / "vocab.txt"
    if source != path.name and path.is_file():
        for i, line in enumerate(read_text(path).splitlines()):
            if line.strip():
                yield path.name, line.strip(), i
    path = directory / _ADDED
    if path.is_file():
        with reading(path):
            for token, token_id in read_json(path).items():
                yield path.name, token, int(token_id)
    path = directory / SETTINGS_FILE
    if path.is_file():
        with reading(path):
            for token_id, token in (read_json(path).get("added_tokens_decoder") or {}).items():
                content = token["content"] if isinstance(token, dict) else token
                yield path.name, str(content), int(token_id)


def _refuse(directory: Path, reason: str) -> NoReturn:
    raise InputError(
        f"the files of its tokenizer contradict each other: {reason}", file=directory, remedy=AGAIN
    )
