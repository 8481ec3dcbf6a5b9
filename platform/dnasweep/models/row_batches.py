"""Rows of a corpus run through a model in batches of similar length, in the order given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dnasweep.devices import read_together, to_device
from dnasweep.models.encoder.packed import Packed, pack
from dnasweep.models.encoder.precision import Precision, autocast
from dnasweep.models.training.rows import attention_mask
from dnasweep.tokens.corpus import Corpus, collate


class RowBatch(NamedTuple):
    """Rows of similar length, on the device."""

    ids: Tensor
    """Token ids, (rows, tokens), with padding at the right end."""
    attention: Tensor | None
    """True for real tokens, (rows, tokens); None without padding."""
    lengths: Tensor
    """Number of tokens per row, (rows,)."""
    packed: Packed | None
    """Where the real tokens are; None if there is too little padding for computing only these."""


Compute = Callable[[RowBatch], Tensor]
"""Returns numbers for each row of a batch, (rows, width)."""


def compute_rows(
    corpus: Corpus,
    compute: Compute,
    *,
    width: int,
    pad_id: int,
    batch_size: int,
    device: torch.device,
    dtype: Precision,
    progress: Callable[[int], None] = lambda done: None,
) -> Tensor:
    """Return a model's results for each row, (rows, width), float64, on the CPU.

    Rows of similar length share a batch to reduce padding.

    Parameters
    ----------
    corpus
        Tokenised rows.
    compute
        Runs the model on a batch.
    width
        Number of values per row.
    pad_id
        Id of the padding token.
    batch_size
        Number of rows per forward pass.
    device, dtype
        Device of the model, and its number type.
    progress
        Called with the number of finished rows.
    """
    found = torch.zeros(len(corpus), width, dtype=torch.float64)
    with torch.inference_mode(), autocast(device, dtype):
        batches = row_batches(
            corpus, pad_id=pad_id, batch_size=batch_size, device=device, progress=progress
        )
        for rows, values in read_together(
            (rows, compute(batch).double()) for rows, batch in batches
        ):
            found[torch.from_numpy(rows)] = values
    return found


def row_batches(
    corpus: Corpus,
    *,
    pad_id: int,
    batch_size: int,
    device: torch.device,
    progress: Callable[[int], None] = lambda done: None,
) -> Iterator[tuple[NDArray[np.int64], RowBatch]]:
    """Yield the numbers of rows of similar length, and these rows as a batch.

    Parameters
    ----------
    corpus, pad_id, batch_size, device, progress
        As for :func:`compute_rows`.
    """
    order = np.argsort(corpus.num_tokens(), kind="stable")
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        batch = collate(corpus, rows, pad_id)
        attention = attention_mask(batch.lengths, batch.ids.shape[1])
        yield (
            rows,
            RowBatch(
                ids=to_device(torch.from_numpy(batch.ids), device),
                attention=None if attention is None else to_device(attention, device),
                lengths=to_device(torch.from_numpy(np.asarray(batch.lengths)), device),
                packed=pack(attention, device),
            ),
        )
        progress(start + len(rows))
