"""Checks that rows fit into a model, before it is loaded, without torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np

from dnasweep.errors import InputError
from dnasweep.models.encoder.capacity import tokens_at_once
from dnasweep.tokens.corpus import Corpus
from dnasweep.tokens.tokenizers import DnaTokenizer

Pooling = Literal["mean", "max", "first", "last"]
POOLINGS: tuple[str, ...] = get_args(Pooling)


def check_lengths(corpus: Corpus, limit: int) -> None:
    """Refuse a corpus with a row that is too long.

    Parameters
    ----------
    corpus
        Tokenised rows.
    limit
        Maximum number of tokens per row, including special tokens.

    Raises
    ------
    InputError
        For the first row with more tokens (counted from 1).
    """
    lengths = corpus.num_tokens()
    if lengths.max(initial=0) > limit:
        row = int(np.argmax(lengths > limit))
        raise InputError(
            f"the sequence has {lengths[row]} tokens, but the model reads at most {limit}",
            row=row + 1,
            remedy="Shorten the sequence, or use a model trained on longer ones.",
        )


def encoded_rows(
    config: Mapping[str, Any],
    tokenizer: DnaTokenizer,
    sequences: Sequence[str],
    *,
    pooling: str = "mean",
) -> Corpus:
    """Return the tokens of sequences that a model can embed.

    Parameters
    ----------
    config
        Contents of the model's `config.json`.
    tokenizer, sequences, pooling
        As for :func:`dnasweep.models.embedding.embed`.

    Raises
    ------
    InputError
        For the first sequence (counted from 1) that is too long or has no token.
    """
    if pooling == "first" and not tokenizer.has_first:
        raise InputError(
            "rows of this model do not begin with a special token", remedy="Use the pooling mean."
        )
    corpus = tokenizer.encode(list(sequences))
    # A row is read as a whole, never in windows.
    check_lengths(corpus, tokens_at_once(config))
    empty = corpus.num_tokens() <= 2
    if empty.any():
        raise InputError(
            "the sequence has no token", row=int(np.argmax(empty)) + 1, remedy="Leave it out."
        )
    return corpus
