"""References: the tokens that stand for those of a sequence that are left out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def mask_references(ids: NDArray[np.int64], mask_id: int) -> NDArray[np.int64]:
    """Return mask tokens for every token but [CLS] and [SEP], (sequences, 1, tokens)."""
    references = np.full((len(ids), 1, ids.shape[1]), mask_id, np.int64)
    references[:, :, [0, -1]] = ids[:, None, [0, -1]]
    return references


def shuffled_references(
    ids: NDArray[np.int64], copies: Sequence[Sequence[NDArray[np.int32]]]
) -> NDArray[np.int64]:
    """Return the tokens of shuffled copies at the positions of the sequence's own.

    Parameters
    ----------
    ids
        Token ids with [CLS] and [SEP], (sequences, tokens).
    copies
        For each sequence its shuffled copies' token ids without special tokens, of any number; a
        copy of fewer tokens starts over.
    """
    references = np.repeat(ids[:, None], len(copies[0]), axis=1)
    for row, tokens in enumerate(copies):
        for copy, found in enumerate(tokens):
            references[row, copy, 1:-1] = np.resize(found, ids.shape[1] - 2)
    return references
