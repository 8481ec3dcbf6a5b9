"""Tokenizers of pretrained checkpoints, with the bases of every token.

A vocabulary of all k-mers of one length is cut by our own arithmetic, in the model's ids: DNABERT and
its relatives, whose files only know k-mers that have been cut already. Any other vocabulary is cut by
the model's own `tokenizer.json`. :mod:`dnasweep.tokens.recognition` finds out which it is.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from dnasweep.config import TokenizerConfig
from dnasweep.tokens.alphabet import chunks, lengths_of, normalise
from dnasweep.tokens.corpus import Corpus, concatenate
from dnasweep.tokens.model_files import read_json, reading
from dnasweep.tokens.tokenizer_kinds import ROLES, enumerated_kmers, tokenizer_files
from dnasweep.tokens.tokenizers import DnaTokenizer
from dnasweep.tokens.vocabulary import ROLES_FILE

GAP = "-"
"""Token that GENA-LM writes for a run of N."""
_CHUNK = 1 << 18


class PretrainedTokenizer(DnaTokenizer):
    """A tokenizer with a vocabulary that is not our own; made by :func:`~dnasweep.tokens.recognition.read_pretrained`.

    Parameters
    ----------
    config
        How DNA is cut into tokens.
    tokenizer
        Tokenizer saved for `transformers.AutoTokenizer`; it takes DNA strings.
    roles
        `pad`, `unk`, `cls`, `sep` and `mask` to token. Without `cls` or `sep`, rows begin or end with
        the padding token, which the model does not read: the place is kept, so that the tokens of DNA
        are those between the first and the last of every row.
    """

    def __init__(
        self, config: TokenizerConfig, tokenizer: Tokenizer, roles: Mapping[str, str]
    ) -> None:
        super().__init__(config, tokenizer)
        self.roles = dict(roles)
        # Either of them may be the padding token too.
        self.has_first, self.has_last = "cls" in roles, "sep" in roles
        vocabulary = tokenizer.get_vocab(with_added_tokens=True)
        ids = {role: vocabulary[token] for role, token in roles.items()}
        self.pad_id = ids["pad"]
        self.cls_id, self.sep_id = ids.get("cls", self.pad_id), ids.get("sep", self.pad_id)
        # Without an unknown token, a letter that is not A, C, G or T is read as N.
        self.unk_id = ids.get("unk", vocabulary.get("N", -1))
        self.mask_id = ids.get("mask", -1)

    @property
    def has_mask(self) -> bool:
        """Whether there is a token that stands for a masked one."""
        return self.mask_id >= 0

    @cached_property
    def _model_ids(self) -> NDArray[np.int32]:
        """Id of the model for each of our own ids."""
        roles = [self.pad_id, self.unk_id, self.cls_id, self.sep_id, self.mask_id]
        known = {token: i for i, token in enumerate(self.tokens)}
        if self.config.kind in ("char", "greedy"):
            roles[1] = known.get("N", self.unk_id)
        kmers = [known.get(kmer, self.unk_id) for kmer in enumerated_kmers(self.config)]
        return np.array([*roles, *kmers], np.int32)

    def renumber(self, ids: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return the model's ids for those of our own enumeration of k-mers."""
        return self._model_ids[ids]

    @cached_property
    def _single_n(self) -> int:
        """Id of a token for an N after the last k-mer; -1 without one, or without those for bases."""
        letters = self.config.kind == "kmer" and set("ACGTN") <= set(self.tokens)
        return self.tokens.index("N") if letters else -1

    def encode(self, sequences: Sequence[str]) -> Corpus:
        """Divide sequences into tokens; see :meth:`DnaTokenizer.encode`."""
        encoded = super().encode(sequences)
        if self._single_n < 0:
            return encoded
        single = (encoded.ids == self.unk_id) & (encoded.ends - encoded.starts == 1)
        return dataclasses.replace(encoded, ids=np.where(single, self._single_n, encoded.ids))

    def encode_windows(
        self, text: str, starts: NDArray[np.int64], width: int
    ) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Divide windows of one text into tokens; the parameters are those of :meth:`DnaTokenizer.encode_windows`."""
        if self._single_n < 0:
            return super().encode_windows(text, starts, width)
        encoded = self.encode([text[start : start + width] for start in starts.tolist()])
        return encoded.ids, encoded.offsets

    def _encode_trained(self, sequences: list[str]) -> Corpus:
        """Cut sequences by the model's own `tokenizer.json`."""
        return concatenate(
            self._encode_by_file(sequences[first:last])
            for first, last in chunks(lengths_of(sequences), _CHUNK)
        )

    @cached_property
    def _gap_id(self) -> int:
        """Id of the token that a run of N becomes; -1 without one."""
        found = self.tokenizer.token_to_id(GAP) if GAP in self.tokens else None
        return -1 if found is None else found

    def _encode_by_file(self, sequences: list[str]) -> Corpus:
        texts = [normalise(sequence) for sequence in sequences]
        # A row is an array of (id, start, end); the ends of rows have no bases.
        first, last = np.array([[self.cls_id, 0, 0]]), np.array([[self.sep_id, 0, 0]])
        rows = [np.empty((0, 3), np.int64)]
        found = self.tokenizer.encode_batch(texts, add_special_tokens=False)
        for text, one in zip(texts, found, strict=True):
            ids = np.array(one.ids, np.int64)
            spans = np.array(one.offsets, np.int64).reshape(-1, 2)
            if self._gap_id >= 0 and (ids == self._gap_id).any():
                spans = self._spans_with_gaps(text, ids, spans)
            rows.append(np.concatenate([first, np.column_stack([ids, spans]), last]))
        table = np.ascontiguousarray(np.concatenate(rows).T.astype(np.int32))
        counts = np.array([len(row) for row in rows[1:]], np.int64)
        return Corpus(
            ids=table[0],
            offsets=np.concatenate(([0], np.cumsum(counts))),
            starts=table[1],
            ends=table[2],
        )

    def _spans_with_gaps(
        self, text: str, ids: NDArray[np.int64], spans: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return first base and one past the last of each token; a gap is a whole run of N.

        `tokenizers` counts one letter for it, as its normaliser has replaced the run.
        """
        widths = np.diff(spans, axis=1)[:, 0]
        at = 0
        for i, token in enumerate(ids):
            if token == self._gap_id:
                widths[i] = len(text[at:]) - len(text[at:].lstrip("N"))
            at += int(widths[i])
        ends = np.cumsum(widths)
        return np.column_stack([ends - widths, ends])

    def save(self, directory: str | Path) -> None:
        """Write the tokenizer; `transformers.AutoTokenizer` opens the folder as it is."""
        super().save(directory)
        directory = Path(directory)
        texts = tokenizer_files(self.tokenizer, self.roles)
        texts[ROLES_FILE] = json.dumps(self.roles, indent=2, sort_keys=True) + "\n"
        for name, text in texts.items():
            (directory / name).write_text(text, encoding="utf-8")


def reopen(directory: Path, config: TokenizerConfig, tokenizer: Tokenizer) -> PretrainedTokenizer:
    """Return a tokenizer that :meth:`PretrainedTokenizer.save` has written.

    Parameters
    ----------
    directory
        The folder.
    config
        How DNA is cut into tokens.
    tokenizer
        The content of its `tokenizer.json`.
    """
    path = directory / ROLES_FILE
    with reading(path):
        roles = read_json(path)
        known = {role: roles[role] for role in ROLES if role in roles}
        if set(roles) - set(ROLES) or "pad" not in known:
            raise ValueError(f"it names {', '.join(sorted(roles)) or 'nothing'}")
        for token in known.values():
            if tokenizer.token_to_id(token) is None:
                raise ValueError(f"the vocabulary has no token {token!r}")
        ends = [tokenizer.token_to_id(known[role]) for role in ("cls", "sep") if role in known]
        if tokenizer.encode("").ids != ends:
            raise ValueError("rows of tokenizer.json begin and end otherwise")
    return PretrainedTokenizer(config, tokenizer, known)
