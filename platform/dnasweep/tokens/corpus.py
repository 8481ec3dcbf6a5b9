"""The tokens of many sequences as flat arrays, in memory or in a file, and batches of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from dnasweep.errors import InputError
from dnasweep.tokens.tokenizer_kinds import CLS_ID, SEP_ID

_ARRAYS = ("ids", "offsets", "starts", "ends")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Corpus:
    """Tokens of many sequences in flat arrays; row i is ``offsets[i]:offsets[i + 1]``."""

    ids: NDArray[np.int32]
    """Token ids, each row from its [CLS] to its [SEP]."""
    offsets: NDArray[np.int64]
    """Start of each row and the end of the last one, (rows + 1,)."""
    starts: NDArray[np.int32]
    """First base of each token, counted from 0 in its sequence; 0 for special tokens."""
    ends: NDArray[np.int32]
    """One past the last base of each token; 0 for special tokens."""

    def __len__(self) -> int:
        return self.offsets.size - 1

    def num_tokens(self, rows: ArrayLike | None = None) -> NDArray[np.int64]:
        """Return the sequence length in tokens of each row, including special tokens."""
        lengths = np.diff(self.offsets)
        return lengths if rows is None else lengths[np.asarray(rows, np.int64)]

    def num_bases(self, rows: ArrayLike | None = None) -> NDArray[np.int64]:
        """Return the number of bases in each row; bases shared by tokens are counted once."""
        # The last token before [SEP], or [CLS] in an empty row, ends where the sequence ends.
        last = self.offsets[1:] - 2
        if rows is not None:
            last = last[np.asarray(rows, np.int64)]
        return self.ends[last].astype(np.int64)

    def save(self, file: str | Path) -> None:
        """Write the corpus as safetensors."""
        arrays = {name: np.ascontiguousarray(getattr(self, name)) for name in _ARRAYS}
        save_file(arrays, Path(file))

    @classmethod
    def load(cls, file: str | Path) -> Corpus:
        """Read a corpus written by :meth:`save`.

        Raises
        ------
        InputError
            If the file is missing or is not a corpus.
        """
        try:
            arrays = load_file(Path(file))
            return cls(**{name: arrays[name] for name in _ARRAYS})
        except (OSError, SafetensorError, KeyError) as error:
            raise InputError(
                f"the tokenised corpus cannot be read ({error})",
                file=file,
                remedy="Delete its folder; it will be built again.",
            ) from error


def with_special_tokens(
    ids: NDArray[np.int32], counts: NDArray[np.int64], widths: NDArray[np.int32]
) -> Corpus:
    """Add [CLS] and [SEP] to rows of contiguous, non-overlapping tokens.

    Parameters
    ----------
    ids
        Token ids, flat, shape ``(counts.sum(),)``.
    counts
        Number of tokens per row, shape ``(n,)``.
    widths
        Number of bases per token, flat like `ids`.
    """
    offsets = np.concatenate(([0], np.cumsum(counts + 2)))
    inner = np.ones(int(offsets[-1]), bool)
    inner[offsets[:-1]] = False
    inner[offsets[1:] - 1] = False
    result = Corpus(
        ids=np.empty(inner.size, np.int32),
        offsets=offsets,
        starts=np.zeros(inner.size, np.int32),
        ends=np.zeros(inner.size, np.int32),
    )
    result.ids[offsets[:-1]] = CLS_ID
    result.ids[offsets[1:] - 1] = SEP_ID
    result.ids[inner] = ids
    total = np.concatenate(([0], np.cumsum(widths, dtype=np.int64)))
    ends = total[1:] - np.repeat(total[np.cumsum(counts) - counts], counts)
    result.ends[inner] = ends
    result.starts[inner] = ends - widths
    return result


def concatenate(parts: Iterable[Corpus]) -> Corpus:
    """Join the tokens of consecutive rows."""
    parts = list(parts)
    if len(parts) == 1:
        return parts[0]
    empty = np.empty(0, np.int32)
    lengths = np.concatenate([np.empty(0, np.int64), *(part.num_tokens() for part in parts)])
    return Corpus(
        ids=np.concatenate([empty, *(part.ids for part in parts)]),
        offsets=np.concatenate(([0], np.cumsum(lengths))),
        starts=np.concatenate([empty, *(part.starts for part in parts)]),
        ends=np.concatenate([empty, *(part.ends for part in parts)]),
    )


class Batch(NamedTuple):
    """Rows of a corpus, padded to the longest row, which has T tokens."""

    ids: NDArray[np.int64]
    """Token ids, shape ``(B, T)``."""
    starts: NDArray[np.int32]
    """First base of each token, shape ``(B, T)``; 0 for special tokens and padding."""
    ends: NDArray[np.int32]
    """One past the last base of each token, shape ``(B, T)``; 0 for special tokens and padding."""
    lengths: NDArray[np.int64]
    """Number of tokens per row before padding, shape ``(B,)``."""


def epoch_plan(
    lengths: ArrayLike, *, batch_size: int, seed: int, epoch: int, bucket_batches: int = 50
) -> list[NDArray[np.int64]]:
    """Divide all rows into batches of rows of similar length, in random order.

    Rows are shuffled; each group of `bucket_batches` batches is sorted by length and divided into
    batches; then the batches are shuffled. A remainder is drawn from all rows regardless of
    length, and comes last.

    Parameters
    ----------
    lengths
        Sequence length in tokens of each row, shape ``(n,)``.
    batch_size
        Rows per batch.
    seed, epoch
        The plan depends only on these and on `lengths`; `epoch` may be -1.
    bucket_batches
        Number of batches sorted together: a larger number gives less padding and less random
        batches.

    Returns
    -------
    batches
        Row numbers, each exactly once.

    Examples
    --------
    >>> plan = epoch_plan([10, 11, 30, 31], batch_size=2, seed=0, epoch=0)
    >>> sorted(sorted(batch.tolist()) for batch in plan)
    [[0, 1], [2, 3]]
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
    """Gather rows of a corpus in the given order, padded to the longest row.

    Parameters
    ----------
    corpus
        The tokens.
    rows
        Row numbers, shape ``(B,)``.
    pad_id
        Id of the padding token.
    """
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
    # Padding points to the first [CLS] of the corpus, which has no bases.
    places[~inside] = 0
    ids = np.where(inside, corpus.ids[places], pad_id).astype(np.int64)
    return Batch(ids, corpus.starts[places], corpus.ends[places], lengths)
