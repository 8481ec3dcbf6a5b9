"""Tokenizers of models from elsewhere, with the bases of every token.

A vocabulary of all words of one length is cut by our own arithmetic, in the model's numbers: DNABERT
and its kin, whose files only know words already cut. Any other is cut by the model's own
`tokenizer.json`, once it is known that its tokens show every base of a sequence once and in order.
What can do neither is refused, with the reason.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, models

from dnasweep.config import TokenizerConfig
from dnasweep.errors import InputError
from dnasweep.language.alphabet import chunks, lengths_of, normalise
from dnasweep.language.definition import (
    ROLES,
    enumerate_with,
    enumerated_words,
    files,
    framed,
)
from dnasweep.language.encoded import Encoded, concatenate
from dnasweep.language.kmers import encode_kmers
from dnasweep.language.tokenizers import DnaTokenizer
from dnasweep.language.vocabulary import ROLES_FILE, Vocabulary, read_vocabulary

_PROBES = ("ACGTTGCAAGGCTTAACCGATCGGATATCCTAG", "TTTTTTTTTTTTT", "GATTACANNNGATTACAN", "ACG", "")
_CHUNK = 1 << 18
_KINDS = {models.BPE: "bpe", models.Unigram: "bpe", models.WordPiece: "wordpiece"}


class ForeignTokenizer(DnaTokenizer):
    """A tokenizer with a vocabulary that is not our own; made by :func:`read_foreign`.

    Parameters
    ----------
    config
        How DNA is cut.
    tokenizer
        What is saved for `transformers.AutoTokenizer`; it works on raw DNA.
    roles
        `pad`, `unk`, `cls`, `sep` and `mask` to token.
    """

    def __init__(
        self, config: TokenizerConfig, tokenizer: Tokenizer, roles: Mapping[str, str]
    ) -> None:
        super().__init__(config, tokenizer)
        self.roles = dict(roles)
        numbers = tokenizer.get_vocab(with_added_tokens=True)
        ids = {role: numbers[token] for role, token in roles.items()}
        self.pad_id, self.cls_id, self.sep_id = ids["pad"], ids["cls"], ids["sep"]
        # Without a token for what is unknown, a letter that is not A, C, G or T is read as N.
        self.unk_id = ids.get("unk", numbers.get("N", -1))
        self.mask_id = ids.get("mask", -1)

    @property
    def has_mask(self) -> bool:
        """Whether there is a token that stands for a hidden one."""
        return self.mask_id >= 0

    @cached_property
    def tokens(self) -> tuple[str, ...]:
        """The vocabulary; a token's place is its id."""
        vocabulary = self.tokenizer.get_vocab(with_added_tokens=True)
        names = {i: token for token, i in vocabulary.items()}
        return tuple(names.get(i, f"[unused{i}]") for i in range(max(names) + 1))

    @cached_property
    def real_ids(self) -> NDArray[np.int64]:
        """Ids of tokens that stand for DNA, but not the single bases of a k-mer tokenizer's tail."""
        shortest = 2 if self.config.kind == "kmer" else 1
        return np.array(
            [
                i
                for i, token in enumerate(self.tokens)
                if len(token) >= shortest and set(token) <= set("ACGT")
            ]
        )

    @cached_property
    def _word_widths(self) -> NDArray[np.int32]:
        widths = np.ones(self.vocab_size, np.int32)
        for i in self.real_ids:
            widths[i] = len(self.tokens[i])
        return widths

    @cached_property
    def _numbers(self) -> NDArray[np.int32]:
        """Id of the model for each of our own ids."""
        roles = [self.pad_id, self.unk_id, self.cls_id, self.sep_id, self.mask_id]
        known = {token: i for i, token in enumerate(self.tokens)}
        if self.config.kind == "char":
            roles[1] = known.get("N", self.unk_id)
        words = [known.get(word, self.unk_id) for word in enumerated_words(self.config)]
        return np.array([*roles, *words], np.int32)

    def encode(self, sequences: Sequence[str]) -> Encoded:
        """Cut sequences into tokens; see :meth:`DnaTokenizer.encode`."""
        if isinstance(sequences, str):
            raise TypeError("encode takes a list of sequences, not one string")
        sequences = list(sequences)
        if self.config.kind in ("kmer", "char"):
            return self._encode_enumerated(sequences)
        return concatenate(
            self._encode_by_file(sequences[first:last])
            for first, last in chunks(lengths_of(sequences), _CHUNK)
        )

    def _encode_enumerated(self, sequences: list[str]) -> Encoded:
        kmers = self.config.kind == "kmer"
        ours = encode_kmers(
            sequences,
            k=self.config.k if kmers else 1,
            stride=self.config.stride if kmers else 1,
            unk_id=DnaTokenizer.unk_id,
            cls_id=DnaTokenizer.cls_id,
            sep_id=DnaTokenizer.sep_id,
        )
        return ours._replace(ids=self._numbers[ours.ids])

    def _encode_by_file(self, sequences: list[str]) -> Encoded:
        found = self.tokenizer.encode_batch([normalise(sequence) for sequence in sequences])
        counts = np.array([len(one.ids) for one in found], np.int64)
        spans = [np.array(one.offsets, np.int32).reshape(-1, 2) for one in found]
        places = np.concatenate([np.empty((0, 2), np.int32), *spans])
        ids = [np.array(one.ids, np.int32) for one in found]
        return Encoded(
            np.concatenate([np.empty(0, np.int32), *ids]),
            np.concatenate(([0], np.cumsum(counts))),
            np.ascontiguousarray(places[:, 0]),
            np.ascontiguousarray(places[:, 1]),
        )

    def save(self, directory: str | Path) -> None:
        """Write the tokenizer; `transformers.AutoTokenizer` opens the folder as it is."""
        super().save(directory)
        directory = Path(directory)
        texts = files(self.tokenizer, self.roles)
        texts[ROLES_FILE] = json.dumps(self.roles, indent=2, sort_keys=True) + "\n"
        for name, text in texts.items():
            (directory / name).write_text(text, encoding="utf-8")


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


def read_foreign(directory: Path, config: TokenizerConfig | None = None) -> ForeignTokenizer:
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


def reopen(directory: Path, config: TokenizerConfig, tokenizer: Tokenizer) -> ForeignTokenizer:
    """Return a tokenizer that :meth:`ForeignTokenizer.save` has written."""
    roles = json.loads((directory / ROLES_FILE).read_text(encoding="utf-8"))
    return ForeignTokenizer(
        config, tokenizer, {role: roles[role] for role in ROLES if role in roles}
    )


def _check_letters(vocabulary: Vocabulary) -> None:
    words = vocabulary.words
    strange = [w for w in words if set(w.removeprefix("##")) - set("ACGTN")]
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


def _enumerated(vocabulary: Vocabulary, config: TokenizerConfig) -> ForeignTokenizer:
    roles = vocabulary.roles
    unknown = roles.get("unk", "N")
    words = vocabulary.words
    numbered = words | {t: i for t, i in vocabulary.ids.items() if t.upper() not in words}
    if unknown not in numbered:
        _refuse(vocabulary, "it has neither a token for what is unknown nor one for N")
    tokenizer = enumerate_with(config, numbered, unknown=unknown)
    framed(tokenizer, list(roles.values()), cls=roles["cls"], sep=roles["sep"])
    return ForeignTokenizer(config, tokenizer, roles)


def _by_file(vocabulary: Vocabulary) -> ForeignTokenizer:
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
    found = ForeignTokenizer(config, vocabulary.file, vocabulary.roles)
    if found.unk_id < 0:
        _refuse(vocabulary, "it has neither a token for what is unknown nor one for N")
    for probe in _PROBES:
        trouble = _trouble(found, probe)
        if trouble:
            _refuse(vocabulary, f"of {probe!r} it makes {trouble}")
    return found


def _trouble(tokenizer: ForeignTokenizer, probe: str) -> str | None:
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


def _agrees(tokenizer: ForeignTokenizer, file: Tokenizer) -> bool:
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
