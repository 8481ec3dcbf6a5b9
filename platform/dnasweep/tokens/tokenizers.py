"""Tokenizers for DNA: one object for fitting, encoding, saving and reporting.

:mod:`dnasweep.tokens.tokenizer_kinds` defines the rules and creates the `tokenizers.Tokenizer`
that is saved for `transformers.AutoTokenizer`. :meth:`DnaTokenizer.encode` computes the same ids
from raw DNA, and the bases of each token, with fast array operations.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from dnasweep.config import TokenizerConfig, save_json
from dnasweep.tokens.alphabet import chunks, lengths_of, normalise
from dnasweep.tokens.corpus import Corpus, concatenate, with_special_tokens
from dnasweep.tokens.kmer_ids import encode_greedy_kmers, encode_kmer_windows, encode_kmers
from dnasweep.tokens.longest_match import LongestMatch
from dnasweep.tokens.tokenizer_kinds import (
    CLS_ID,
    MASK_ID,
    PAD_ID,
    SEP_ID,
    SPECIAL_TOKENS,
    UNK_ID,
    define,
    tokenizer_files,
    tokens_by_id,
)

CONFIG_FILE = "dnasweep_tokenizer.json"
"""The file beside `tokenizer.json` that contains the :class:`~dnasweep.config.TokenizerConfig`."""

# Number of bases passed to the BPE model at a time; its results take about ten bytes per base.
_BPE_CHUNK = 1 << 20


class TokenizerReport(NamedTuple):
    """How a tokenizer fits a set of sequences; special tokens are included only if stated."""

    name: str
    """Short name of the tokenizer."""
    vocab_size: int
    """Tokens in the vocabulary, including special tokens."""
    requested_vocab_size: int
    """Requested number of tokens; above `vocab_size` if the training data were not sufficient."""
    num_sequences: int
    """Number of sequences."""
    bases_per_token: float
    """Total bases divided by total tokens; 0 without tokens."""
    vocabulary_used: float
    """Fraction of the real tokens (`real_ids`) that occur."""
    unknown_rate: float
    """Fraction of tokens that are [UNK]."""
    mean_tokens: float
    """Mean number of tokens per sequence, including special tokens."""
    longest_tokens: int
    """Maximum number of tokens of a sequence, including special tokens: the number of positions
    that a model needs."""
    longest_word: int
    """Length of the longest token in the vocabulary, in bases."""


class DnaTokenizer:
    """A fitted tokenizer, created by :func:`fit` or
    :func:`~dnasweep.tokens.loading.load_tokenizer`.

    Parameters
    ----------
    config
        How DNA is divided into tokens.
    tokenizer
        The definition, made by :func:`dnasweep.tokens.tokenizer_kinds.define`.
    """

    pad_id, unk_id, cls_id, sep_id, mask_id = PAD_ID, UNK_ID, CLS_ID, SEP_ID, MASK_ID
    has_first, has_last = True, True
    """Whether rows begin and end with a special token; otherwise padding is in its place."""

    def __init__(self, config: TokenizerConfig, tokenizer: Tokenizer) -> None:
        self.config = config
        self.tokenizer = tokenizer

    def __repr__(self) -> str:
        return f"DnaTokenizer({self.config.name}, {self.vocab_size} tokens)"

    @cached_property
    def tokens(self) -> tuple[str, ...]:
        """The vocabulary; the index of a token is its id. Unused ids are filled."""
        return tokens_by_id(self.tokenizer.get_vocab(with_added_tokens=True))

    @cached_property
    def vocab_size(self) -> int:
        """Tokens in the vocabulary, including special tokens."""
        return len(self.tokens)

    @property
    def has_mask(self) -> bool:
        """Whether the vocabulary has a mask token."""
        wanted = SPECIAL_TOKENS[self.mask_id]
        return self.tokens[self.mask_id : self.mask_id + 1] == (wanted,)

    @cached_property
    def _words(self) -> list[str]:
        """Bases of each token, without the mark of a continued word; empty if it is not DNA."""
        words = [token.removeprefix("##").upper() for token in self.tokens]
        return [word if set(word) <= set("ACGT") else "" for word in words]

    @cached_property
    def is_dna(self) -> NDArray[np.bool_]:
        """Whether each token consists only of A, C, G and T, by id; others are never predicted."""
        return np.array([bool(word) for word in self._words])

    @cached_property
    def real_ids(self) -> NDArray[np.int64]:
        """Ids for random replacement: all DNA tokens except the single bases of tails."""
        min_bases = 2 if self.config.word > 1 else 1
        return np.array([i for i, word in enumerate(self._words) if len(word) >= min_bases])

    @cached_property
    def max_bases(self) -> int:
        """Number of bases of the longest token."""
        return max(map(len, self._words), default=1)

    @cached_property
    def _token_widths(self) -> NDArray[np.int32]:
        """Number of bases of each token; 1 for special tokens."""
        return np.array([len(word) or 1 for word in self._words], np.int32)

    @cached_property
    def _longest_match(self) -> LongestMatch:
        tokens = {t: i for i, t in enumerate(self.tokens) if i >= len(SPECIAL_TOKENS)}
        return LongestMatch(tokens)

    @cached_property
    def _bare_model(self) -> Tokenizer:
        """The bare model, for normalised text; no merge has an N, so no token crosses one."""
        return Tokenizer(self.tokenizer.model)

    @property
    def _kmer_settings(self) -> dict[str, int]:
        """Settings for tokenizing with an enumerated vocabulary."""
        kmers = self.config.kind == "kmer"
        return (
            {"k": self.config.k, "stride": self.config.stride} if kmers else {"k": 1, "stride": 1}
        )

    def encode(self, sequences: Sequence[str]) -> Corpus:
        """Divide sequences into tokens.

        Parameters
        ----------
        sequences
            Raw DNA in any case, shape ``(n,)``; empty sequences become [CLS] [SEP].

        Returns
        -------
        encoded
            The ids that the saved tokenizer gives in `transformers`, and the bases of each token.

        Notes
        -----
        A special token written out in a sequence, such as ``[MASK]``, is read letter by letter.
        """
        if isinstance(sequences, str):
            raise TypeError("encode takes a list of sequences, not one string")
        sequences = list(sequences)
        if self.config.fitted:
            return self._encode_trained(sequences)
        if self.config.kind == "greedy":
            encoded = encode_greedy_kmers(sequences, k=self.config.k)
        else:
            encoded = encode_kmers(sequences, **self._kmer_settings)
        return dataclasses.replace(encoded, ids=self.renumber(encoded.ids))

    def encode_windows(
        self, text: str, starts: NDArray[np.int64], width: int
    ) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Divide windows of one text into tokens, as :meth:`encode` does for each of them.

        A k-mer of a text is the same in every window that contains it, so an enumerated tokenizer
        reads the text once and gathers the windows from it. With a trained vocabulary or greedy
        k-mers, the tokens depend on where the window begins, so each window is tokenized
        separately.

        Parameters
        ----------
        text
            A DNA sequence as a string.
        starts
            First base of each window, shape ``(n,)``; all windows lie within the text.
        width
            Bases per window.

        Returns
        -------
        ids
            Token ids, flat.
        offsets
            Start of each row, and the end of the last row.
        """
        if self.config.kind in ("kmer", "char"):
            windows = encode_kmer_windows(text, starts, width=width, **self._kmer_settings)
            ids = self.renumber(windows)
            return ids.ravel(), np.arange(len(starts) + 1, dtype=np.int64) * ids.shape[1]
        encoded = self.encode([text[start : start + width] for start in starts.tolist()])
        return encoded.ids, encoded.offsets

    def _encode_trained(self, sequences: list[str]) -> Corpus:
        """Tokenize sequences with a trained vocabulary."""
        if self.config.kind == "wordpiece":
            return self._longest_match.encode(sequences)
        lengths = lengths_of(sequences)
        return concatenate(
            self._encode_bpe(sequences[first:last], lengths[first:last])
            for first, last in chunks(lengths, _BPE_CHUNK)
        )

    def _encode_bpe(self, sequences: list[str], lengths: NDArray[np.int64]) -> Corpus:
        text = normalise("".join(sequences))
        limits = np.cumsum(lengths)
        rows = [
            text[a:b] for a, b in zip((limits - lengths).tolist(), limits.tolist(), strict=True)
        ]
        tokens = [
            e.ids for e in self._bare_model.encode_batch_fast(rows, add_special_tokens=False)
        ]
        counts = lengths_of(tokens)  # type: ignore[arg-type]
        ids = np.fromiter(chain.from_iterable(tokens), np.int32, int(counts.sum()))
        return with_special_tokens(ids, counts, self._token_widths[ids])

    def renumber(self, ids: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return the tokenizer's ids for those of this platform's k-mers: here, the same."""
        return ids

    def report(self, sequences: Sequence[str]) -> TokenizerReport:
        """Encode `sequences` and report how well the tokenizer fits them."""
        encoded = self.encode(sequences)
        num_sequences = len(encoded)
        lengths = encoded.num_tokens()
        num_tokens = encoded.ids.size - 2 * num_sequences
        counts = np.bincount(encoded.ids, minlength=self.vocab_size)
        real = counts[self.real_ids]
        bases = int(encoded.num_bases().sum())
        return TokenizerReport(
            name=self.config.name,
            vocab_size=self.vocab_size,
            requested_vocab_size=self.config.vocab_size
            if self.config.kind in ("bpe", "wordpiece")
            else self.vocab_size,
            num_sequences=num_sequences,
            bases_per_token=bases / num_tokens if num_tokens else 0.0,
            vocabulary_used=float(np.count_nonzero(real) / real.size),
            unknown_rate=float(counts[self.unk_id] / num_tokens) if num_tokens else 0.0,
            mean_tokens=float(lengths.mean()) if num_sequences else 0.0,
            longest_tokens=int(lengths.max(initial=0)),
            longest_word=int(self._token_widths.max()),
        )

    def save(self, directory: str | Path) -> None:
        """Write the tokenizer to a folder that `transformers.AutoTokenizer` can open."""
        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in {
            **tokenizer_files(self.tokenizer),
            CONFIG_FILE: save_json(self.config),
        }.items():
            (directory / name).write_text(text, encoding="utf-8")


def fit(config: TokenizerConfig, sequences: Sequence[str]) -> DnaTokenizer:
    """Return a tokenizer fitted on training sequences; enumerated kinds do not use them.

    Parameters
    ----------
    config
        How DNA is divided into tokens.
    sequences
        Raw DNA sequences, only from training rows.

    Raises
    ------
    InputError
        If `bpe` or `wordpiece` is requested and there is nothing to train on.

    Examples
    --------
    >>> tokenizer = fit(TokenizerConfig.parse("kmer-3"), [])
    >>> encoded = tokenizer.encode(["TATAAAAG"])
    >>> [tokenizer.tokens[i] for i in encoded.ids]
    ['[CLS]', 'TAT', 'AAA', 'A', 'G', '[SEP]']
    """
    return DnaTokenizer(config, define(config, sequences))
