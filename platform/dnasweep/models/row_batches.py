"""Rows of a corpus run through a model in batches of similar length, in the order given."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dnasweep.devices import read_together, to_device
from dnasweep.models.encoder.precision import Precision, autocast
from dnasweep.models.training.rows import attention_mask
from dnasweep.tokens.corpus import Corpus, collate

Compute = Callable[[Tensor, Tensor | None, Tensor], Tensor]
"""Takes token ids (rows, tokens), a mask of real tokens (None: all) and the number of tokens per
row; returns numbers for each row, (rows, width)."""


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
        for rows, values in read_together((rows, compute(*b).double()) for rows, b in batches):
            found[torch.from_numpy(rows)] = values
    return found


def row_batches(
    corpus: Corpus,
    *,
    pad_id: int,
    batch_size: int,
    device: torch.device,
    progress: Callable[[int], None] = lambda done: None,
) -> Iterator[tuple[NDArray[np.int64], tuple[Tensor, Tensor | None, Tensor]]]:
    """Yield row numbers of similar length, and the arguments of :data:`Compute` for them.

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
            (
                to_device(torch.from_numpy(batch.ids), device),
                None if attention is None else to_device(attention, device),
                to_device(torch.from_numpy(np.asarray(batch.lengths)), device),
            ),
        )
        progress(start + len(rows))
