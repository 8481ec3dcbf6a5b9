"""Class probabilities of sequences, in the order given, whatever the batch size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from dnasweep.config import AVERAGED
from dnasweep.errors import InputError
from dnasweep.models.encoder.capacity import capacity
from dnasweep.models.encoder.forward import class_logits
from dnasweep.models.encoder.precision import Precision, autocast, best_device
from dnasweep.models.pretrained.checkpoint import load_classifier
from dnasweep.models.strands import mean_logits, strands_of
from dnasweep.tokens.loading import load_tokenizer
from dnasweep.tokens.tokenizers import DnaTokenizer


def predict_probabilities(
    model: PreTrainedModel | str | Path,
    tokenizer: DnaTokenizer | None,
    sequences: Sequence[str],
    *,
    batch_size: int = 64,
    device: torch.device | str | None = None,
    dtype: Precision = "auto",
) -> np.ndarray:
    """Return softmax probabilities, (sequences, classes), float64.

    A model that was trained to call by both strands (`average_reverse_complement` in its
    configuration) calls by the mean of their logits.

    Sequences of similar length share a batch, so that little is padded. The result depends on the
    batch size and on the other sequences only by rounding (about 1e-6 in fp32).

    Parameters
    ----------
    model
        A classifier, or the directory of one. A model is moved to the device and back.
    tokenizer
        The model's; None loads the one in the model directory.
    sequences
        DNA.
    batch_size
        Sequences in a forward pass.
    device
        Default: the GPU where there is one.
    dtype
        Arithmetic; `auto` is bf16 on GPUs that have it.

    Raises
    ------
    InputError
        When a sequence has more tokens than the model can read or gets logits that are not finite
        (row counted from 1), or the directory is no checkpoint.
    """
    if not isinstance(model, PreTrainedModel):
        tokenizer = load_tokenizer(Path(model)) if tokenizer is None else tokenizer
        model = load_classifier(model)
    if tokenizer is None:
        raise ValueError("a model without its directory needs its tokenizer")
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}, use at least 1")
    chosen = best_device() if device is None else torch.device(device)
    home, training = model.device, model.training
    average = bool(getattr(model.config, AVERAGED, False))
    nn.Module.to(model, chosen).eval()
    try:
        logits = [
            _logits(model, tokenizer, strand, batch_size, chosen, dtype)
            for strand in strands_of(sequences, average=average)
        ]
    finally:
        nn.Module.to(model, home).train(training)
    return mean_logits(logits).softmax(-1).numpy()


def _logits(
    model: PreTrainedModel,
    tokenizer: DnaTokenizer,
    sequences: Sequence[str],
    batch_size: int,
    device: torch.device,
    dtype: Precision,
) -> Tensor:
    if len(sequences) == 0:
        return torch.zeros(0, int(model.config.num_labels or 2), dtype=torch.float64)
    encoded = tokenizer.encode(list(sequences))
    lengths = np.diff(encoded.offsets)
    limit = capacity(model.config.to_dict())
    if lengths.max() > limit:
        row = int(np.argmax(lengths > limit))
        raise InputError(
            f"the sequence has {lengths[row]} tokens and the model reads at most {limit}",
            row=row + 1,
            remedy="Shorten the sequence, or use a model trained on longer ones.",
        )
    return token_logits(
        model,
        encoded.ids,
        encoded.offsets,
        pad_id=tokenizer.pad_id,
        batch_size=batch_size,
        device=device,
        dtype=dtype,
    )


def token_logits(
    model: PreTrainedModel,
    ids: np.ndarray,
    offsets: np.ndarray,
    *,
    pad_id: int,
    batch_size: int,
    device: torch.device,
    dtype: Precision = "auto",
    forward: Callable[[Tensor, Tensor | None], Tensor] | None = None,
) -> Tensor:
    """Return the class logits of rows of tokens, (rows, classes), float64, on the CPU.

    Rows of similar length share a batch, so that little is padded.

    Parameters
    ----------
    model
        A classifier in evaluation mode on `device`.
    ids, offsets
        Flat token ids; row i is `offsets[i]:offsets[i + 1]`.
    pad_id
        The tokenizer's padding token.
    batch_size
        Rows in a forward pass.
    device
        Where the model is.
    dtype
        Arithmetic; `auto` is bf16 on GPUs that have it.
    forward
        Returns the logits of a batch; None: :func:`dnasweep.models.encoder.forward.class_logits`.

    Raises
    ------
    InputError
        When a logit is no finite number (row counted from 1).
    """
    run = partial(class_logits, model) if forward is None else forward
    lengths = np.diff(offsets)
    found = torch.zeros(len(lengths), int(model.config.num_labels or 2), dtype=torch.float64)
    order = np.argsort(lengths, kind="stable")
    with torch.inference_mode(), autocast(device, dtype):
        for i in range(0, len(order), batch_size):
            rows = order[i : i + batch_size]
            padded, attention = _pad(ids, offsets, lengths, rows, pad_id)
            logits = run(padded.to(device), None if attention is None else attention.to(device))
            found[torch.from_numpy(rows)] = logits.double().cpu()
    bad = ~torch.isfinite(found).all(1)
    if bad.any():
        raise InputError(
            f"what the model computes for the sequence is no finite number (nan or inf), and so "
            f"for {int(bad.sum())} of {len(found)}",
            row=int(bad.nonzero()[0, 0]) + 1,
            remedy="Use --precision fp32, or another model.",
        )
    return found


def _pad(
    flat: np.ndarray, offsets: np.ndarray, lengths: np.ndarray, rows: np.ndarray, pad_id: int
) -> tuple[Tensor, Tensor | None]:
    """Return padded ids (rows, tokens) and, where anything is padded, which tokens are real."""
    width = int(lengths[rows].max())
    columns = np.arange(width)
    real = columns < lengths[rows][:, None]
    source = np.minimum(offsets[rows][:, None] + columns, len(flat) - 1)
    ids = np.where(real, flat[source], pad_id).astype(np.int64)
    return torch.from_numpy(ids), None if real.all() else torch.from_numpy(real)
