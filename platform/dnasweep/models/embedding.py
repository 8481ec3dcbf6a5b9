"""Embeddings of sequences: last hidden states of an encoder, pooled over tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import PreTrainedModel

from dnasweep.devices import best_device, read_together
from dnasweep.errors import InputError
from dnasweep.models.encoder.forward import last_hidden_state
from dnasweep.models.encoder.precision import Precision, autocast
from dnasweep.models.row_batches import RowBatch, compute_rows, row_batches
from dnasweep.models.row_checks import POOLINGS, Pooling, encoded_rows
from dnasweep.tokens.corpus import Corpus
from dnasweep.tokens.tokenizers import DnaTokenizer


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
        A transformers model with or without a head; its encoder is used.
    tokenizer
        Tokenizer of the model.
    sequences
        DNA sequences.
    pooling
        `mean` or `max` over the tokens of the sequence without [CLS] and [SEP], the state of the
        `first` token, [CLS], which most classifiers use, or of the `last` token, which in a causal
        model has read the whole row: [SEP], or the last DNA token if rows end without [SEP].
    batch_size
        Number of sequences per forward pass; affects values only by rounding.
    device
        Device. Default: the GPU, if there is one.
    dtype
        Precision; `auto` is bf16 on GPUs that support it.
    progress
        Called with the number of completed sequences.

    Raises
    ------
    InputError
        If a sequence has more tokens than the model can read, or none (row counted from 1).
    """
    if pooling not in POOLINGS:
        raise InputError(f"pooling is {pooling!r}", remedy=f"Use one of {', '.join(POOLINGS)}.")
    corpus = encoded_rows(model.config.to_dict(), tokenizer, sequences, pooling=pooling)
    # If rows end without a special token, padding is in its place.
    after = 1 if tokenizer.has_last else 2
    chosen = best_device() if device is None else torch.device(device)
    nn.Module.to(model, chosen).eval()
    found = compute_rows(
        corpus,
        lambda batch: _pool(_states(model, batch), batch.lengths, pooling, after),
        width=int(model.config.hidden_size),
        pad_id=tokenizer.pad_id,
        batch_size=batch_size,
        device=chosen,
        dtype=dtype,
        progress=progress,
    )
    return found.float().numpy()


def embed_tokens(
    model: PreTrainedModel,
    tokenizer: DnaTokenizer,
    sequences: Sequence[str],
    *,
    batch_size: int = 64,
    device: torch.device | str | None = None,
    dtype: Precision = "auto",
    progress: Callable[[int], None] = lambda done: None,
) -> tuple[NDArray[np.float32], Corpus]:
    """Return one vector per DNA token, (tokens, hidden), and the corresponding tokens.

    Row i of the corpus has vectors for all tokens except the first and the last, which are
    special.

    Parameters
    ----------
    model, tokenizer, sequences, batch_size, device, dtype, progress
        As for :func:`embed`.

    Raises
    ------
    InputError
        As for :func:`embed`.
    """
    corpus = encoded_rows(model.config.to_dict(), tokenizer, sequences)
    chosen = best_device() if device is None else torch.device(device)
    nn.Module.to(model, chosen).eval()
    found: list[NDArray[np.float32]] = [np.empty((0, 0), np.float32)] * len(corpus)
    with torch.inference_mode(), autocast(chosen, dtype):
        batches = row_batches(
            corpus,
            pad_id=tokenizer.pad_id,
            batch_size=batch_size,
            device=chosen,
            progress=progress,
        )
        states = ((rows, _states(model, batch)) for rows, batch in batches)
        counts = corpus.num_tokens()
        for rows, part in read_together(states):
            for row, own in zip(rows, part.numpy(), strict=True):
                found[row] = own[1 : counts[row] - 1].copy()
    return np.concatenate(found), corpus


def _states(model: PreTrainedModel, batch: RowBatch) -> Tensor:
    return last_hidden_state(model, batch.ids, batch.attention, batch.packed).float()


def _pool(states: Tensor, sizes: Tensor, pooling: Pooling, after: int) -> Tensor:
    """Return one vector per row of `states`, (rows, tokens, hidden), with `sizes` tokens, (rows,).

    The last token of a row is `after` tokens from its end.
    """
    if pooling == "first":
        return states[:, 0]
    if pooling == "last":
        return states[torch.arange(len(states), device=states.device), sizes - after]
    places = torch.arange(states.shape[1], device=states.device)
    inner = ((places >= 1) & (places < sizes[:, None] - 1)).unsqueeze(-1)
    if pooling == "max":
        return states.masked_fill(~inner, -torch.inf).amax(1)
    return (states * inner).sum(1) / inner.sum(1)
