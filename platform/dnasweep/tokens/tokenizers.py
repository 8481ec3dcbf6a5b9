"""Tokenizers for DNA: fitted, applied, saved and reported as one object.

:mod:`dnasweep.tokens.tokenizer_kinds` states the rules and makes the `tokenizers.Tokenizer` that is
saved for `transformers.AutoTokenizer`. :meth:`DnaTokenizer.encode` gives the same ids from raw DNA,
and the bases of each token, at the speed of arrays.
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
from dnasweep.tokens.kmers import encode_greedy_kmers, encode_kmer_windows, encode_kmers
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
"""The file beside `tokenizer.json` that holds the :class:`~dnasweep.config.TokenizerConfig`."""

# Bases given to the BPE model at once: its result objects take some ten bytes per base.
_BPE_CHUNK = 1 << 20


class TokenizerReport(NamedTuple):
    """How a tokenizer fits a set of sequences; special tokens count only where a field says so."""

    name: str
    """Short name of the tokenizer."""
    vocab_size: int
    """Tokens in the vocabulary, special tokens counted."""
    requested_vocab_size: int
    """Tokens asked for; above `vocab_size` where the training data did not support as many."""
    num_sequences: int
    """Sequences looked at."""
    bases_per_token: float
    """Bases of all sequences over their tokens; 0 without tokens."""
    vocabulary_used: float
    """Fraction of the real tokens (`real_ids`) that occurs."""
    unknown_rate: float
    """Fraction of tokens that are [UNK]."""
    mean_tokens: float
    """Mean tokens per sequence, special tokens counted."""
    longest_tokens: int
    """Most tokens of any sequence, special tokens counted: the positions that a model must have."""
    longest_word: int
    """Bases of the longest token in the vocabulary."""


class DnaTokenizer:
    """A fitted tokenizer; make one with :func:`fit` or :meth:`load`.

    Parameters
    ----------
    config
        How DNA is cut into tokens.
    tokenizer
        The definition, as :func:`dnasweep.tokens.tokenizer_kinds.define` makes it.
    """

    pad_id, unk_id, cls_id, sep_id, mask_id = PAD_ID, UNK_ID, CLS_ID, SEP_ID, MASK_ID

    def __init__(self, config: TokenizerConfig, tokenizer: Tokenizer) -> None:
        self.config = config
        self.tokenizer = tokenizer

    def __repr__(self) -> str:
        return f"DnaTokenizer({self.config.name}, {self.vocab_size} tokens)"

    @cached_property
    def tokens(self) -> tuple[str, ...]:
        """The vocabulary; a token's index is its id. Ids without a token are filled up."""
        return tokens_by_id(self.tokenizer.get_vocab(with_added_tokens=True))

    @cached_property
    def vocab_size(self) -> int:
        """Tokens in the vocabulary, special tokens counted."""
        return len(self.tokens)

    @property
    def has_mask(self) -> bool:
        """Whether there is a token that stands for a masked one."""
        wanted = SPECIAL_TOKENS[self.mask_id]
        return self.tokens[self.mask_id : self.mask_id + 1] == (wanted,)

    @cached_property
    def real_ids(self) -> NDArray[np.int64]:
        """Ids that may replace a token at random: all of DNA, but not the single bases of a tail."""
        min_bases = 2 if self.config.word > 1 else 1
        return np.array(
            [
                token_id
                for token_id, token in enumerate(self.tokens)
                if len(token) >= min_bases and set(token) <= set("ACGT")
            ]
        )

    @cached_property
    def _token_widths(self) -> NDArray[np.int32]:
        """Bases of each token; 1 for special tokens."""
        widths = np.ones(self.vocab_size, np.int32)
        for token_id in self.real_ids:
            widths[token_id] = len(self.tokens[token_id])
        return widths

    @cached_property
    def _longest_match(self) -> LongestMatch:
        tokens = {t: i for i, t in enumerate(self.tokens) if i >= len(SPECIAL_TOKENS)}
        return LongestMatch(tokens)

    @cached_property
    def _bare_model(self) -> Tokenizer:
        """The model alone, for normalised text: no merge has an N, so nothing crosses one."""
        return Tokenizer(self.tokenizer.model)

    @property
    def _kmer_settings(self) -> dict[str, int]:
        """How an enumerated vocabulary is cut."""
        kmers = self.config.kind == "kmer"
        return (
            {"k": self.config.k, "stride": self.config.stride} if kmers else {"k": 1, "stride": 1}
        )

    def encode(self, sequences: Sequence[str]) -> Corpus:
        """Cut sequences into tokens.

        Parameters
        ----------
        sequences
            Raw DNA in any case, shape ``(n,)``; empty sequences become [CLS] [SEP].

        Returns
        -------
        encoded
            Output of the saved tokenizer in `transformers`, and the bases of each token.

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
        """Cut windows of one text into tokens, as :meth:`encode` cuts each of them.

        A k-mer of a text is the same in every window that contains it, so an enumerated tokenizer
        reads the text once and gathers the windows from it. How a trained vocabulary or a greedy one
        cuts a window depends on where the window begins, so each is cut by itself.

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
            Start of each row, and the end of the last.
        """
        if self.config.kind in ("kmer", "char"):
            windows = encode_kmer_windows(text, starts, width=width, **self._kmer_settings)
            ids = self.renumber(windows)
            return ids.ravel(), np.arange(len(starts) + 1, dtype=np.int64) * ids.shape[1]
        encoded = self.encode([text[start : start + width] for start in starts.tolist()])
        return encoded.ids, encoded.offsets

    def _encode_trained(self, sequences: list[str]) -> Corpus:
        """Cut sequences by a vocabulary that was trained."""
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
        """Return the tokenizer's ids for those of our own enumeration of k-mers: here, the same."""
        return ids

    def report(self, sequences: Sequence[str]) -> TokenizerReport:
        """Encode `sequences` and say how well the tokenizer fits them."""
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
        """Write the tokenizer; `transformers.AutoTokenizer` opens the folder as it is."""
        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in {
            **tokenizer_files(self.tokenizer),
            CONFIG_FILE: save_json(self.config),
        }.items():
            (directory / name).write_text(text, encoding="utf-8")


def fit(config: TokenizerConfig, sequences: Sequence[str]) -> DnaTokenizer:
    """Make a tokenizer from training sequences; enumerated kinds do not look at them.

    Parameters
    ----------
    config
        How DNA is cut into tokens.
    sequences
        Training rows only, raw DNA.

    Raises
    ------
    InputError
        If `bpe` or `wordpiece` is asked for and there is nothing to train on.

    Examples
    --------
    >>> tokenizer = fit(TokenizerConfig.parse("kmer-3"), [])
    >>> encoded = tokenizer.encode(["TATAAAAG"])
    >>> [tokenizer.tokens[i] for i in encoded.ids]
    ['[CLS]', 'TAT', 'AAA', 'A', 'G', '[SEP]']
    """
    return DnaTokenizer(config, define(config, sequences))
