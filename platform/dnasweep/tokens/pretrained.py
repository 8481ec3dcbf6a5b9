"""Tokenizers of models from elsewhere, with the bases of every token.

A vocabulary of all words of one length is cut by our own arithmetic, in the model's numbers: DNABERT
and its kin, whose files only know words already cut. Any other is cut by the model's own
`tokenizer.json`. Which it is, :mod:`dnasweep.tokens.recognition` finds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from dnasweep.config import TokenizerConfig
from dnasweep.tokens.alphabet import chunks, lengths_of, normalise
from dnasweep.tokens.definition import (
    ROLES,
    enumerated_words,
    files,
)
from dnasweep.tokens.encoded import Encoded, concatenate
from dnasweep.tokens.kmers import encode_kmers
from dnasweep.tokens.model_files import read_json, reading
from dnasweep.tokens.tokenizers import DnaTokenizer
from dnasweep.tokens.vocabulary import ROLES_FILE

_CHUNK = 1 << 18


class PretrainedTokenizer(DnaTokenizer):
    """A tokenizer with a vocabulary that is not our own; made by :func:`~dnasweep.tokens.recognition.read_pretrained`.

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
        return ours._replace(ids=self.renumber(ours.ids))

    def renumber(self, ids: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return the model's ids for those of our own enumeration of words."""
        return self._numbers[ids]

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


def reopen(directory: Path, config: TokenizerConfig, tokenizer: Tokenizer) -> PretrainedTokenizer:
    """Return a tokenizer that :meth:`PretrainedTokenizer.save` has written."""
    path = directory / ROLES_FILE
    with reading(path):
        roles = read_json(path)
        known = {role: roles[role] for role in ROLES if role in roles}
        if set(roles) - set(ROLES) or {"pad", "cls", "sep"} - set(known):
            raise ValueError(f"it names {', '.join(sorted(roles)) or 'nothing'}")
        for token in known.values():
            if tokenizer.token_to_id(token) is None:
                raise ValueError(f"the vocabulary has no token {token!r}")
    return PretrainedTokenizer(config, tokenizer, known)
