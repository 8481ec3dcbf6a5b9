"""Replacements for the tokens of a sequence: the mask token, or the tokens of shuffled copies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def mask_references(ids: NDArray[np.int64], mask_id: int) -> NDArray[np.int64]:
    """Return mask tokens in place of all tokens except [CLS] and [SEP], (sequences, 1, tokens)."""
    references = np.full((len(ids), 1, ids.shape[1]), mask_id, np.int64)
    references[:, :, [0, -1]] = ids[:, None, [0, -1]]
    return references


def shuffled_references(
    ids: NDArray[np.int64], copies: Sequence[Sequence[NDArray[np.int32]]]
) -> NDArray[np.int64]:
    """Return the tokens of shuffled copies at the positions of each sequence's own tokens.

    Parameters
    ----------
    ids
        Token ids with [CLS] and [SEP], (sequences, tokens).
    copies
        For each sequence the token ids of its shuffled copies, of any length and without special tokens;
        a copy with fewer tokens is repeated from its start.
    """
    references = np.repeat(ids[:, None], len(copies[0]), axis=1)
    for row, tokens in enumerate(copies):
        for copy, found in enumerate(tokens):
            references[row, copy, 1:-1] = np.resize(found, ids.shape[1] - 2)
    return references
