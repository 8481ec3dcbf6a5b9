"""Loading of saved tokenizers, of this platform or of pretrained checkpoints.

A tokenizer saved by this platform is checked against its configuration, which determines an
enumerated vocabulary; a trained vocabulary must consist of its merges and bases.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from dnasweep.config import TokenizerConfig
from dnasweep.errors import InputError
from dnasweep.tokens.model_files import read_json, read_text, reading
from dnasweep.tokens.pretrained import reopen
from dnasweep.tokens.recognition import read_pretrained
from dnasweep.tokens.tokenizer_kinds import SPECIAL_TOKENS, define, enumerated_kmers
from dnasweep.tokens.tokenizers import CONFIG_FILE, DnaTokenizer
from dnasweep.tokens.vocabulary import ROLES_FILE, open_tokenizer

_OF_MODELS = ("tokenizer.json", "vocab.txt", "tokenizer_config.json", "config.json")
"""Files that may define the tokenizer of a pretrained checkpoint."""

_MODELS = {
    "kmer": "WordLevel",
    "greedy": "WordLevel",
    "char": "WordLevel",
    "bpe": "BPE",
    "wordpiece": "WordPiece",
}


def has_tokenizer(directory: Path) -> bool:
    """Return whether a directory has tokenizer files, of this platform or of a checkpoint."""
    return any((directory / name).is_file() for name in (CONFIG_FILE, *_OF_MODELS[:3]))


def load_tokenizer(directory: str | Path) -> DnaTokenizer:
    """Read a tokenizer written by :meth:`DnaTokenizer.save`, or that of a pretrained checkpoint.

    Raises
    ------
    InputError
        If a file is missing or damaged, or the tokenizer of a checkpoint is not for DNA.
    """
    directory = Path(directory)
    file = directory / CONFIG_FILE
    if not file.is_file() and any((directory / name).is_file() for name in _OF_MODELS):
        return read_pretrained(directory)
    if not file.is_file():
        raise InputError(
            "the tokenizer file is missing",
            file=file,
            remedy="Give a folder written by this platform.",
        )
    own = not (directory / ROLES_FILE).is_file()
    with reading(file):
        found = read_json(file)
        if any(isinstance(value, bool) for value in found.values()):
            raise ValueError(f"it holds {found}")
        config = TokenizerConfig(**found)
    file = directory / "tokenizer.json"
    with reading(file):
        tokenizer = _saved_tokenizer(config, read_text(file), own=own)
    return DnaTokenizer(config, tokenizer) if own else reopen(directory, config, tokenizer)


def _saved_tokenizer(config: TokenizerConfig, text: str, *, own: bool) -> Tokenizer:
    """Return the tokenizer of a saved `tokenizer.json`; `ValueError` if it is not of `config`."""
    tokenizer, model = open_tokenizer(text)
    if model["type"] != _MODELS[config.kind]:
        raise ValueError(f"it is a {model['type']} and no {config.name}")
    vocabulary = tokenizer.get_vocab(with_added_tokens=True)
    if not config.fitted:
        if own:
            # The configuration determines the whole definition.
            defined = define(config, [])
            if defined.get_vocab(with_added_tokens=True) != vocabulary:
                raise ValueError(f"its vocabulary is not that of {config.name}")
            return defined
        missing = [
            kmer for kmer in enumerated_kmers(config) if len(kmer) > 1 and kmer not in vocabulary
        ]
        if missing:
            raise ValueError(f"it lacks {missing[0]}, a k-mer of {config.name}")
        return tokenizer
    if own:
        if [tokenizer.id_to_token(i) for i in range(len(SPECIAL_TOKENS))] != list(SPECIAL_TOKENS):
            raise ValueError(f"its first tokens are not {', '.join(SPECIAL_TOKENS)}")
        strange = [t for t in vocabulary if t not in SPECIAL_TOKENS and set(t) - set("ACGT")]
        if strange:
            raise ValueError(f"it has the token {strange[0]!r}")
        if config.kind == "bpe":
            _check_merges(model)
    return tokenizer


def _check_merges(model: dict[str, Any]) -> None:
    """Raise `ValueError` unless the merges produce the tokens in the order of their ids."""
    pairs = [tuple(m.split(" ")) if isinstance(m, str) else tuple(m) for m in model["merges"]]
    made = list(dict.fromkeys("".join(pair) for pair in pairs))
    tokens = {token for token in model["vocab"] if token not in SPECIAL_TOKENS and len(token) > 1}
    if set(made) != tokens:
        raise ValueError(f"its merges do not make {sorted(set(made) ^ tokens)[0]!r}")
    ids = [model["vocab"][token] for token in made]
    if ids != sorted(ids):
        raise ValueError("its merges are not in the order of its tokens")
