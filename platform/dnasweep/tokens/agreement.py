"""Whether a saved tokenizer is still the one that was saved.

An enumerated vocabulary follows from its configuration; one that was trained is made of its merges
and its letters. What a file says of both has to agree.
"""

from __future__ import annotations

import json
from typing import Any

from tokenizers import Tokenizer

from dnasweep.config import TokenizerConfig
from dnasweep.tokens.definition import SPECIAL_TOKENS, define, enumerated_words

_MODELS = {"kmer": "WordLevel", "char": "WordLevel", "bpe": "BPE", "wordpiece": "WordPiece"}


def saved_tokenizer(config: TokenizerConfig, text: str, *, own: bool) -> Tokenizer:
    """Return the tokenizer of a `tokenizer.json` that this platform has written.

    Parameters
    ----------
    config
        What stands beside it.
    text
        The file.
    own
        Whether its special tokens are our own.

    Raises
    ------
    ValueError
        When the two do not agree, or the vocabulary does not with itself.
    """
    tokenizer = Tokenizer.from_str(text)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    model: dict[str, Any] = json.loads(tokenizer.to_str())["model"]
    if model["type"] != _MODELS[config.kind]:
        raise ValueError(f"it is a {model['type']} and no {config.name}")
    check_numbers(tokenizer)
    vocabulary = tokenizer.get_vocab(with_added_tokens=True)
    if config.kind in ("kmer", "char"):
        if own:
            # What there is to define follows from the configuration.
            defined = define(config, [])
            if defined.get_vocab(with_added_tokens=True) != vocabulary:
                raise ValueError(f"its vocabulary is not that of {config.name}")
            return defined
        missing = [w for w in enumerated_words(config) if len(w) > 1 and w not in vocabulary]
        if missing:
            raise ValueError(f"it lacks {missing[0]}, a word of {config.name}")
        return tokenizer
    if own:
        if [tokenizer.id_to_token(i) for i in range(len(SPECIAL_TOKENS))] != list(SPECIAL_TOKENS):
            raise ValueError(f"its first tokens are not {', '.join(SPECIAL_TOKENS)}")
        strange = [t for t in vocabulary if t not in SPECIAL_TOKENS and set(t) - set("ACGT")]
        if strange:
            raise ValueError(f"it has the token {strange[0]!r}")
        if config.kind == "bpe":
            _check_merges(model)
    check_certain(model)
    return tokenizer


def check_numbers(tokenizer: Tokenizer) -> None:
    """Raise `ValueError` where two tokens have one number."""
    vocabulary = tokenizer.get_vocab(with_added_tokens=True)
    if len(set(vocabulary.values())) < len(vocabulary):
        raise ValueError("two of its tokens have the same number")


def check_certain(model: dict[str, Any]) -> None:
    """Raise `ValueError` where a model of `tokenizers` cuts the same sequence in several ways."""
    if model.get("dropout"):
        raise ValueError(f"it leaves out merges at random (dropout {model['dropout']})")


def _check_merges(model: dict[str, Any]) -> None:
    """Raise `ValueError` where merges do not make the words, each in the order of their numbers."""
    pairs = [tuple(m.split(" ")) if isinstance(m, str) else tuple(m) for m in model["merges"]]
    made = list(dict.fromkeys("".join(pair) for pair in pairs))
    words = {word for word in model["vocab"] if word not in SPECIAL_TOKENS and len(word) > 1}
    if set(made) != words:
        raise ValueError(f"its merges do not make {sorted(set(made) ^ words)[0]!r}")
    numbers = [model["vocab"][word] for word in made]
    if numbers != sorted(numbers):
        raise ValueError("its merges are not in the order of its words")
