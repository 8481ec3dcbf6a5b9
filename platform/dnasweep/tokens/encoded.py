"""Tokens of many sequences in flat arrays."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Encoded(NamedTuple):
    """Tokens of many sequences, one after the other; row i is ``offsets[i]:offsets[i + 1]``."""

    ids: NDArray[np.int32]
    """Token ids, each row from its [CLS] to its [SEP]."""
    offsets: NDArray[np.int64]
    """Where rows begin, one more than there are rows."""
    starts: NDArray[np.int32]
    """First base of each token, counted from 0 in its sequence; 0 for special tokens."""
    ends: NDArray[np.int32]
    """One past the last base of each token; 0 for special tokens."""


def with_special_tokens(
    ids: NDArray[np.int32],
    counts: NDArray[np.int64],
    widths: NDArray[np.int32],
    *,
    cls_id: int,
    sep_id: int,
) -> Encoded:
    """Put [CLS] and [SEP] around rows of tokens that follow each other without gap or overlap.

    Parameters
    ----------
    ids, widths
        Token ids and bases per token, flat, shape ``(counts.sum(),)``.
    counts
        Tokens per row, shape ``(n,)``.
    """
    offsets = np.concatenate(([0], np.cumsum(counts + 2)))
    inner = np.ones(int(offsets[-1]), bool)
    inner[offsets[:-1]] = False
    inner[offsets[1:] - 1] = False
    result = Encoded(
        np.empty(inner.size, np.int32),
        offsets,
        np.zeros(inner.size, np.int32),
        np.zeros(inner.size, np.int32),
    )
    result.ids[offsets[:-1]] = cls_id
    result.ids[offsets[1:] - 1] = sep_id
    result.ids[inner] = ids
    total = np.concatenate(([0], np.cumsum(widths, dtype=np.int64)))
    ends = total[1:] - np.repeat(total[np.cumsum(counts) - counts], counts)
    result.ends[inner] = ends
    result.starts[inner] = ends - widths
    return result


def concatenate(parts: Iterable[Encoded]) -> Encoded:
    """Join encodings of consecutive rows into one."""
    parts = list(parts)
    if len(parts) == 1:
        return parts[0]
    empty = np.empty(0, np.int32)
    lengths = [np.diff(part.offsets) for part in parts]
    return Encoded(
        np.concatenate([empty, *(part.ids for part in parts)]),
        np.concatenate(([0], np.cumsum(np.concatenate([np.empty(0, np.int64), *lengths])))),
        np.concatenate([empty, *(part.starts for part in parts)]),
        np.concatenate([empty, *(part.ends for part in parts)]),
    )
