"""Which tokenizer the files of a model from elsewhere describe, and whether it can be used.

A tokenizer can be used when it is known which bases each of its tokens shows: because its vocabulary
is all words of one length, which are cut here, or because its own `tokenizer.json` shows every base
of a sequence once and in order. What can do neither is refused, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import numpy as np
from tokenizers import Tokenizer, models

from dnasweep.config import TokenizerConfig
from dnasweep.errors import InputError
from dnasweep.tokens.definition import enumerate_with, framed
from dnasweep.tokens.pretrained import PretrainedTokenizer
from dnasweep.tokens.vocabulary import Vocabulary, read_vocabulary

_PROBES = ("ACGTTGCAAGGCTTAACCGATCGGATATCCTAG", "TTTTTTTTTTTTT", "GATTACANNNGATTACAN", "ACG", "")
_KINDS = {models.BPE: "bpe", models.Unigram: "bpe", models.WordPiece: "wordpiece"}


def readings(directory: Path) -> tuple[TokenizerConfig, ...]:
    """Return how DNA may be cut for a model, the likeliest way first.

    There are two where the files do not say whether words overlap. Without tokens for single bases
    there would be no way to write a tail, so then it is likely that they do.

    Raises
    ------
    InputError
        When the vocabulary is no DNA, or cannot be cut with exact places.
    """
    vocabulary = read_vocabulary(directory)
    _check_letters(vocabulary)
    k = _word_length(vocabulary.words)
    if k is None:
        return (_by_file(vocabulary).config,)
    if k == 1:
        return (TokenizerConfig(kind="char"),)
    apart, overlapping = (TokenizerConfig(kind="kmer", k=k, stride=s) for s in (k, 1))
    if vocabulary.file is not None:
        for config in (overlapping, apart):
            if _agrees(_enumerated(vocabulary, config), vocabulary.file):
                return (config,)
    has_bases = all(base in vocabulary.words for base in "ACGT")
    return (apart, overlapping) if has_bases else (overlapping, apart)


def read_pretrained(directory: Path, config: TokenizerConfig | None = None) -> PretrainedTokenizer:
    """Return the tokenizer of a model from elsewhere.

    Parameters
    ----------
    config
        One of its :func:`readings`; None: the likeliest.

    Raises
    ------
    InputError
        When there is none, or `config` is not one of its readings.
    """
    ways = readings(directory)
    chosen = ways[0] if config is None else config
    if chosen not in ways:
        raise InputError(
            f"its vocabulary is that of {' or '.join(way.name for way in ways)}, not of "
            f"{chosen.name}",
            file=directory,
            remedy=f"Use the tokenizer {ways[0].name} with this model.",
        )
    vocabulary = read_vocabulary(directory)
    if chosen.kind in ("kmer", "char"):
        return _enumerated(vocabulary, chosen)
    return _by_file(vocabulary)


def _check_letters(vocabulary: Vocabulary) -> None:
    words = vocabulary.words
    strange = [w for w in words if set(w.removeprefix("##")) - set("ACGTN")]
    strange.sort(key=words.__getitem__)
    if strange or not words:
        shown = ", ".join(map(repr, strange[:3]))
        raise InputError(
            f"its vocabulary is not one of DNA: it has {shown or 'no words'}",
            file=vocabulary.directory,
            remedy="Use a model of DNA, whose tokens are words of A, C, G, T and N.",
        )


def _word_length(words: Mapping[str, int]) -> int | None:
    """Return the length of the words where these are all words of one length, else None."""
    plain = {word for word in words if set(word) <= set("ACGT")}
    longest = max(map(len, plain), default=0)
    lengths = {len(word) for word in plain}
    whole = sum(len(word) == longest for word in plain) == 4**longest
    possible = longest == 1 or (3 <= longest <= 6 and lengths <= {1, longest})
    return longest if whole and possible else None


def _enumerated(vocabulary: Vocabulary, config: TokenizerConfig) -> PretrainedTokenizer:
    roles = vocabulary.roles
    unknown = roles.get("unk", "N")
    words = vocabulary.words
    numbered = words | {t: i for t, i in vocabulary.ids.items() if t.upper() not in words}
    if unknown not in numbered:
        _refuse(vocabulary, "it has neither a token for what is unknown nor one for N")
    tokenizer = enumerate_with(config, numbered, unknown=unknown)
    framed(tokenizer, list(roles.values()), cls=roles["cls"], sep=roles["sep"])
    return PretrainedTokenizer(config, tokenizer, roles)


def _by_file(vocabulary: Vocabulary) -> PretrainedTokenizer:
    if vocabulary.file is None:
        _refuse(
            vocabulary,
            "its words are not all words of one length, and vocab.txt does not say how DNA is cut "
            "into them",
        )
    assert vocabulary.file is not None
    kind = _KINDS.get(type(vocabulary.file.model))
    if kind is None:
        _refuse(vocabulary, f"it cuts by {type(vocabulary.file.model).__name__}")
    size = len(vocabulary.tokens)
    config = TokenizerConfig(kind=kind, vocab_size=size)  # type: ignore[arg-type]
    found = PretrainedTokenizer(config, vocabulary.file, vocabulary.roles)
    if found.unk_id < 0:
        _refuse(vocabulary, "it has neither a token for what is unknown nor one for N")
    for probe in _PROBES:
        trouble = _trouble(found, probe)
        if trouble:
            _refuse(vocabulary, f"of {probe!r} it makes {trouble}")
    return found


def _trouble(tokenizer: PretrainedTokenizer, probe: str) -> str | None:
    """Return what is wrong with the tokens of a sequence, if anything."""
    encoded = tokenizer.encode([probe])
    ids, starts, ends = encoded.ids, encoded.starts[1:-1], encoded.ends[1:-1]
    if len(ids) < 2 or ids[0] != tokenizer.cls_id or ids[-1] != tokenizer.sep_id:
        return "a row that does not begin and end with its special tokens"
    edges = np.concatenate([[0], ends])
    if edges[-1] != len(probe) or (starts != edges[:-1]).any() or (ends <= starts).any():
        return "tokens that do not show every base once and in order"
    if len(probe) > 9 and set(probe) <= set("ACGT") and (ids[1:-1] == tokenizer.unk_id).any():
        return "tokens that are unknown"
    return None


def _agrees(tokenizer: PretrainedTokenizer, file: Tokenizer) -> bool:
    """Return whether a model's own file cuts raw DNA as `tokenizer` does."""
    probes = [probe for probe in _PROBES if "N" not in probe]
    return all(file.encode(p).ids == tokenizer.encode([p]).ids.tolist() for p in probes[:2])


def _refuse(vocabulary: Vocabulary, reason: str) -> NoReturn:
    raise InputError(
        f"its tokenizer cannot be used: {reason}",
        file=vocabulary.directory,
        remedy="Give a tokenizer.json that cuts raw DNA, or a vocabulary of all words of one "
        "length.",
    )
