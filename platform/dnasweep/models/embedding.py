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
from dnasweep.models.encoder.capacity import capacity
from dnasweep.models.encoder.forward import last_hidden_state
from dnasweep.models.encoder.precision import Precision, autocast, best_device
from dnasweep.models.training.rows import attention_mask
from dnasweep.tokens.corpus import collate
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
    lengths = corpus.num_tokens()
    limit = capacity(model.config.to_dict())
    for wrong, reason in ((lengths > limit, f"more than the {limit} tokens that the model reads"),
                          (lengths <= 2, "no token")):  # fmt: skip
        if wrong.any():
            raise InputError(
                f"the sequence has {reason}",
                row=int(np.argmax(wrong)) + 1,
                remedy="Leave it out, or use a model trained on such sequences.",
            )
    chosen = best_device() if device is None else torch.device(device)
    found = np.empty((len(lengths), int(model.config.hidden_size)), np.float32)
    nn.Module.to(model, chosen).eval()
    order = np.argsort(lengths, kind="stable")
    with torch.inference_mode(), autocast(chosen, dtype):
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            batch = collate(corpus, rows, tokenizer.pad_id)
            attention = attention_mask(batch.lengths, batch.ids.shape[1])
            states = last_hidden_state(
                model,
                torch.from_numpy(batch.ids).to(chosen),
                None if attention is None else attention.to(chosen),
            )
            sizes = torch.as_tensor(np.asarray(batch.lengths), device=chosen)
            found[rows] = _pool(states.float(), sizes, pooling).cpu().numpy()
            progress(start + len(rows))
    return found


def _pool(states: Tensor, sizes: Tensor, pooling: Pooling) -> Tensor:
    """Return one vector per row of `states`, (rows, tokens, hidden), whose tokens are `sizes`, (rows,)."""
    if pooling == "first":
        return states[:, 0]
    places = torch.arange(states.shape[1], device=states.device)
    inner = ((places >= 1) & (places < sizes[:, None] - 1)).unsqueeze(-1)
    if pooling == "max":
        return states.masked_fill(~inner, -torch.inf).amax(1)
    return (states * inner).sum(1) / inner.sum(1)
