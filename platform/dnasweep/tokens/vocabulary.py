"""The vocabulary of a pretrained checkpoint, read from its files: tokens and special roles.

Only JSON and text are read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from dnasweep.errors import InputError
from dnasweep.tokens.model_files import AGAIN, read_json, read_text, reading
from dnasweep.tokens.tokenizer_kinds import ROLES, tokens_by_id
from dnasweep.tokens.vocabulary_files import (
    SETTINGS_FILE,
    check_agreement,
    check_letters,
    named_token,
    token_settings,
    without_token,
)

ROLES_FILE = "dnasweep_vocabulary.json"
"""File beside a vocabulary of another tokenizer, with its special tokens by role."""

_CONVENTIONS = {
    "pad": ("[PAD]", "<pad>"),
    "unk": ("[UNK]", "<unk>"),
    "cls": ("[CLS]", "<cls>", "<s>"),
    "sep": ("[SEP]", "<eos>", "</s>", "<sep>"),
    "mask": ("[MASK]", "<mask>"),
}
_LETTERS_ONLY = {
    "HyenaDNATokenizer": (
        "[CLS] [SEP] [BOS] [MASK] [PAD] [RESERVED] [UNK] A C G T N".split(),
        {"pad": "[PAD]", "unk": "[UNK]", "sep": "[SEP]", "mask": "[MASK]"},
    )
}
_LETTERS_ONLY["CaduceusTokenizer"] = _LETTERS_ONLY["HyenaDNATokenizer"]
"""Vocabularies that authors define in code rather than files, and the roles of their tokens, by
the class named in `tokenizer_config.json`. Rows begin with their first base, whatever the files
say about [CLS]."""
_UNSAID = ("<eos>", "</s>")
"""Tokens in vocabularies of ESM, whether or not rows end with them."""
_PURPOSES = {"cls": "begins a row", "sep": "ends a row", "pad": "fills up a batch"}
_OPEN = (None, "esm", "caduceus", "hyenadna")
"""Model types of checkpoints whose rows may begin or end with DNA; the Nucleotide Transformer v2
states no type."""


@dataclass(frozen=True)
class Vocabulary:
    """Tokens of a model, and the roles of special tokens."""

    directory: Path
    """Directory that it was read from."""
    ids: Mapping[str, int]
    """Ids by token."""
    roles: Mapping[str, str]
    """Tokens by role: `pad`, `unk`, `cls`, `sep` and `mask`; `unk` and `mask` may be missing."""
    file: Tokenizer | None
    """The tokenizer of `tokenizer.json`, if there is one."""
    greedy: bool = False
    """Whether k-mers restart after a letter that is not a base, as in the tokenizer of ESM."""

    @property
    def dna_tokens(self) -> dict[str, int]:
        """Ids of DNA tokens, by token in upper case; of a token in both cases, that of upper case."""
        special = set(self.roles.values())
        found = {t: i for t, i in self.ids.items() if t not in special and not _in_brackets(t)}
        return {t.upper(): i for t, i in found.items() if t.upper() not in found} | {
            t: i for t, i in found.items() if t == t.upper()
        }

    @property
    def tokens(self) -> tuple[str, ...]:
        """Tokens by id; unused ids are filled."""
        return tokens_by_id(self.ids)


def read_vocabulary(directory: Path) -> Vocabulary:
    """Read `tokenizer.json`, else `vocab.txt`, and special tokens named in other files.

    Raises
    ------
    InputError
        If it is missing or damaged, or lacks a token that rows need.
    """
    if (name := letters_only(directory)) is not None:
        tokens, roles = _LETTERS_ONLY[name]
        ids = {token: i for i, token in enumerate(tokens)}
        check_letters(directory, tokens[-5:])
        _check_named(directory, roles, name)
        check_agreement(directory, ids, f"the vocabulary of {name}")
        return Vocabulary(directory, ids, roles, None)
    ids, file = _read_ids(directory)
    check_agreement(directory, ids, "vocab.txt" if file is None else "tokenizer.json")
    roles = _roles(directory, ids)
    ids = _with_embeddings(directory, ids, roles)
    return Vocabulary(
        directory, ids, roles, file, greedy=_is_greedy(directory, ids, alone=file is None)
    )


def letters_only(directory: Path) -> str | None:
    """Return the class of a single-letter tokenizer without vocabulary file; None for others."""
    if any((directory / name).is_file() for name in ("tokenizer.json", "vocab.txt")):
        return None
    name = _class_of(directory)
    return name if name in _LETTERS_ONLY else None


def _class_of(directory: Path) -> str | None:
    """Return the tokenizer class named in `tokenizer_config.json`."""
    path = directory / SETTINGS_FILE
    return read_json(path).get("tokenizer_class") if path.is_file() else None


def _is_greedy(directory: Path, ids: Mapping[str, int], *, alone: bool) -> bool:
    """Return whether the tokenizer is that of ESM, as of Nucleotide Transformers that name no class.

    `alone` tells that vocab.txt is not accompanied by a tokenizer.json.
    """
    name = _class_of(directory)
    path = directory / "config.json"
    if name == "EsmTokenizer" or not path.is_file() or not set("ACGT") <= ids.keys():
        return name == "EsmTokenizer"
    config = read_json(path)
    # The Nucleotide Transformer v2 states no type.
    kind = config.get("model_type", "esm" if "add_bias_fnn" in config else None)
    if kind == "esm" and name is not None and alone:
        raise InputError(
            f"the model is an ESM, and its tokenizer a {name} without tokenizer.json",
            file=directory,
            remedy=f'If k-mers begin anew after N, write "tokenizer_class": "EsmTokenizer" in {SETTINGS_FILE}.',
        )
    return kind == "esm" and name is None


def _with_embeddings(
    directory: Path, ids: dict[str, int], roles: Mapping[str, str]
) -> dict[str, int]:
    """Remove tokens in brackets that have neither a role nor an embedding in the model.

    The vocab.txt of the first Nucleotide Transformers ends with two such tokens.
    """
    path = directory / "config.json"
    size = read_json(path).get("vocab_size") if path.is_file() else None
    if not isinstance(size, int):
        return ids
    spare = {
        t for t, i in ids.items() if i >= size and _in_brackets(t) and t not in roles.values()
    }
    return {token: i for token, i in ids.items() if token not in spare}


def open_tokenizer(text: str) -> tuple[Tokenizer, dict[str, Any]]:
    """Return the tokenizer of a `tokenizer.json` without padding and truncation, and its model.

    Raises
    ------
    ValueError
        If two tokens have the same id, or tokenization is random.
    """
    tokenizer = Tokenizer.from_str(text)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    vocabulary = tokenizer.get_vocab(with_added_tokens=True)
    if len(set(vocabulary.values())) < len(vocabulary):
        raise ValueError("two of its tokens have the same id")
    model: dict[str, Any] = json.loads(tokenizer.to_str())["model"]
    if model.get("dropout"):
        raise ValueError(f"it leaves out merges at random (dropout {model['dropout']})")
    return tokenizer, model


def _read_ids(directory: Path) -> tuple[dict[str, int], Tokenizer | None]:
    path = directory / "tokenizer.json"
    if path.is_file():
        with reading(path):
            file, _ = open_tokenizer(read_text(path))
        return file.get_vocab(with_added_tokens=True), file
    path = directory / "vocab.txt"
    if path.is_file():
        lines = read_text(path).splitlines()
        while lines and not lines[-1].strip():
            lines.pop()
        ids: dict[str, int] = {}
        for row, token in enumerate((line.strip() for line in lines), start=1):
            if not token or token in ids:
                what = f"{token!r} stands there twice" if token else "the line is empty"
                raise InputError(what, file=path, row=row, remedy="Give one token per line.")
            ids[token] = row - 1
        return ids, None
    raise InputError(
        "the directory has no tokenizer.json and no vocab.txt",
        file=directory,
        remedy="Copy the model's vocabulary file there.",
    )


def _check_named(directory: Path, roles: Mapping[str, str], name: str) -> None:
    """Refuse files that name other special tokens than those of a class."""
    settings = token_settings(directory)
    for role, token in roles.items():
        named = named_token(directory, settings, role)
        if named not in (None, token):
            raise InputError(
                f"its {role} token is said to be {named!r}, and that of {name} is {token!r}",
                file=directory,
                remedy=AGAIN,
            )


def _roles(directory: Path, ids: Mapping[str, int]) -> dict[str, str]:
    settings = token_settings(directory)
    roles = {}
    in_file = (directory / "tokenizer.json").is_file()
    for role in ROLES:
        token = named_token(directory, settings, role)
        if token is not None and token not in ids:
            raise InputError(
                f"the token {token!r}, which is said to be its {role} token, is not in the vocabulary",
                file=directory,
                remedy=AGAIN,
            )
        if token is None and not without_token(settings, role):
            token = next((t for t in _CONVENTIONS[role] if t in ids), None)
            if token in _UNSAID and not in_file and _is_open(directory):
                raise InputError(
                    f"no file beside vocab.txt says whether rows of the model end with {token}",
                    file=directory,
                    remedy="Copy tokenizer_config.json there from where the model came from.",
                )
        if token is not None and token in ids:
            roles[role] = token
    for role in ("unk", "mask"):
        unknown = [
            t
            for t in ids
            if _in_brackets(t) and t not in roles.values() and not _has_other_role(t)
        ]
        if role not in roles and not without_token(settings, role) and unknown:
            raise InputError(
                f"the vocabulary has no {role} token, and {unknown[0]!r}, of which nothing is known",
                file=directory,
                remedy="Name it in special_tokens_map.json, as "
                f'{{"{role}_token": "..."}}, or null where there is none.',
            )
    for role, purpose in _PURPOSES.items():
        if role not in roles and not (role in ("cls", "sep") and _is_open(directory)):
            raise InputError(
                f"the vocabulary has no token that {purpose}, and rows of such a model are read as one "
                "token that begins them, their DNA, and one that ends them",
                file=directory,
                remedy="Use a model whose tokenizer has such tokens.",
            )
    return roles


def _is_open(directory: Path) -> bool:
    """Return whether rows of this kind of model may lack a token at either end.

    The model classes never read padding, which is there instead.
    """
    path = directory / "config.json"
    return path.is_file() and read_json(path).get("model_type") in _OPEN


def _in_brackets(token: str) -> bool:
    """Return whether a token is written in brackets, unlike DNA."""
    return (token[:1], token[-1:]) in (("[", "]"), ("<", ">"))


def _has_other_role(token: str) -> bool:
    """Return whether a token is known to have a role other than pad, unk, cls, sep and mask."""
    return bool(
        re.fullmatch(r"\[unused\d+\]|<null_\d+>|[\[<](bos|eos|reserved|s)[\]>]", token, re.I)
    )
