"""Which rows go together, and the padded arrays of a batch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dnasweep.tokens.corpus import Corpus


class Batch(NamedTuple):
    """Rows of a corpus, padded to the longest of them; T is its length in tokens."""

    ids: NDArray[np.int64]
    """Token ids, shape ``(B, T)``."""
    starts: NDArray[np.int32]
    """First base of each token, shape ``(B, T)``; 0 for special tokens and padding."""
    ends: NDArray[np.int32]
    """One past the last base of each token, shape ``(B, T)``; 0 likewise."""
    lengths: NDArray[np.int64]
    """Tokens a row before padding, shape ``(B,)``."""


def epoch_plan(
    lengths: ArrayLike, *, batch_size: int, seed: int, epoch: int, bucket_batches: int = 50
) -> list[NDArray[np.int64]]:
    """Cut all rows into batches of rows of like length, in random order.

    Rows are shuffled, every `bucket_batches` batches of them are sorted by length and cut into
    batches, and the batches are shuffled. A remainder is drawn from all rows, whatever their
    length, and comes last.

    Parameters
    ----------
    lengths
        Sequence length in tokens of each row, shape ``(n,)``.
    batch_size
        Rows a batch.
    seed, epoch
        Together with `lengths` all that the plan depends on; `epoch` may be -1.
    bucket_batches
        Batches sorted together: more give less padding and less random batches.

    Returns
    -------
    batches
        Places in `lengths`, each exactly once.
    """
    lengths = np.asarray(lengths)
    if batch_size < 1 or bucket_batches < 1:
        raise ValueError(
            f"batch_size {batch_size} and bucket_batches {bucket_batches} must be > 0"
        )
    generator = np.random.default_rng([seed & (2**64 - 1), epoch & (2**64 - 1)])
    order = generator.permutation(lengths.size)
    whole = order.size // batch_size * batch_size
    batches = []
    for first in range(0, whole, batch_size * bucket_batches):
        bucket = order[first : min(first + batch_size * bucket_batches, whole)]
        bucket = bucket[np.argsort(lengths[bucket], kind="stable")]
        batches += list(bucket.reshape(-1, batch_size))
    batches = [batches[i] for i in generator.permutation(len(batches))]
    return [*batches, order[whole:]] if whole < order.size else batches


def collate(corpus: Corpus, rows: ArrayLike, pad_id: int) -> Batch:
    """Gather rows of a corpus, in the order given, padded to the longest of them."""
    rows = np.asarray(rows, np.int64)
    first = corpus.offsets[rows]
    lengths = corpus.offsets[rows + 1] - first
    width = int(lengths.max(initial=0))
    columns = np.arange(width)
    places = first[:, None] + columns
    if lengths.min(initial=width) == width:
        return Batch(
            corpus.ids[places].astype(np.int64),
            corpus.starts[places],
            corpus.ends[places],
            lengths,
        )
    inside = columns < lengths[:, None]
    # Padding takes the bases of the first [CLS] of the corpus: none.
    places[~inside] = 0
    ids = np.where(inside, corpus.ids[places], pad_id).astype(np.int64)
    return Batch(ids, corpus.starts[places], corpus.ends[places], lengths)
