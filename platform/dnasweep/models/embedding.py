"""Embeddings of sequences: the last hidden states of an encoder, pooled over the tokens of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import PreTrainedModel

from dnasweep.errors import InputError
from dnasweep.models.encoder.capacity import tokens_at_once
from dnasweep.models.encoder.forward import last_hidden_state
from dnasweep.models.encoder.precision import Precision, best_device
from dnasweep.models.row_batches import check_lengths, compute_rows
from dnasweep.tokens.tokenizers import DnaTokenizer

Pooling = Literal["mean", "max", "first"]


def embed(
    model: PreTrainedModel,
    tokenizer: DnaTokenizer,
    sequences: Sequence[str],
    *,
    pooling: Pooling = "mean",
    batch_size: int = 64,
    device: torch.device | str | None = None,
    dtype: Precision = "auto",
    progress: Callable[[int], None] = lambda done: None,
) -> NDArray[np.float32]:
    """Return one vector per sequence, (sequences, hidden).

    Parameters
    ----------
    model
        A classifier or a masked language model of transformers; its encoder is used.
    tokenizer
        The model's.
    sequences
        DNA.
    pooling
        `mean` or `max` over the tokens of the sequence without [CLS] and [SEP], or the state of the
        `first` token, [CLS], which classifiers read.
    batch_size
        Sequences in a forward pass; changes values by rounding alone.
    device
        Default: the GPU where there is one.
    dtype
        Arithmetic; `auto` is bf16 on GPUs that have it.
    progress
        Called with the number of sequences done.

    Raises
    ------
    InputError
        When a sequence has more tokens than the model can read, or none (row counted from 1).
    """
    if pooling not in ("mean", "max", "first"):
        raise InputError(f"pooling is {pooling!r}", remedy="Use mean, max or first.")
    corpus = tokenizer.encode(list(sequences))
    # A row is read as a whole, never in windows.
    check_lengths(corpus, tokens_at_once(model.config.to_dict()))
    empty = corpus.num_tokens() <= 2
    if empty.any():
        raise InputError(
            "the sequence has no token", row=int(np.argmax(empty)) + 1, remedy="Leave it out."
        )
    if pooling == "first" and tokenizer.cls_id == tokenizer.pad_id:
        raise InputError(
            "rows of this model begin with no token of their own", remedy="Use the pooling mean."
        )
    chosen = best_device() if device is None else torch.device(device)
    nn.Module.to(model, chosen).eval()
    found = compute_rows(
        corpus,
        lambda ids, attention, lengths: _pool(
            last_hidden_state(model, ids, attention).float(), lengths, pooling
        ),
        width=int(model.config.hidden_size),
        pad_id=tokenizer.pad_id,
        batch_size=batch_size,
        device=chosen,
        dtype=dtype,
        progress=progress,
    )
    return found.float().numpy()


def _pool(states: Tensor, sizes: Tensor, pooling: Pooling) -> Tensor:
    """Return one vector per row of `states`, (rows, tokens, hidden), whose tokens are `sizes`, (rows,)."""
    if pooling == "first":
        return states[:, 0]
    places = torch.arange(states.shape[1], device=states.device)
    inner = ((places >= 1) & (places < sizes[:, None] - 1)).unsqueeze(-1)
    if pooling == "max":
        return states.masked_fill(~inner, -torch.inf).amax(1)
    return (states * inner).sum(1) / inner.sum(1)
