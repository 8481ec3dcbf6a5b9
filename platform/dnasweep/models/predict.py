"""Class probabilities of sequences, in the order given, whatever the batch size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from dnasweep.config import AVERAGED
from dnasweep.devices import best_device
from dnasweep.errors import InputError
from dnasweep.models.encoder.bases import as_spans, flat_predictions, place_logits
from dnasweep.models.encoder.capacity import capacity
from dnasweep.models.encoder.forward import class_logits
from dnasweep.models.encoder.precision import Precision, autocast
from dnasweep.models.pretrained.checkpoint import open_classifier
from dnasweep.models.row_batches import compute_rows, row_batches
from dnasweep.models.row_checks import check_lengths
from dnasweep.models.strands import mean_logits, strands_of
from dnasweep.tasks.registry import task_of_model
from dnasweep.tokens.corpus import collate
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
    """Return softmax probabilities, (sequences, classes), float64; for a model of bases or bins,
    their predictions, (sequences, positions of the longest x outputs), 0 beyond the end.

    A model that was trained to average both strands (`average_reverse_complement` in its
    configuration) uses the mean of their logits.

    Sequences of similar length share a batch to reduce padding. The result depends on the
    batch size and on the other sequences only by rounding (about 1e-6 in fp32).

    Parameters
    ----------
    model
        A classifier, or the directory of one. A model is moved to the device and back.
    tokenizer
        Tokenizer of the model; None loads the one in the model directory.
    sequences
        DNA sequences.
    batch_size
        Number of sequences per forward pass.
    device
        Device. Default: the GPU, if there is one.
    dtype
        Precision; `auto` is bf16 on GPUs that support it.

    Raises
    ------
    InputError
        If a sequence has more tokens than the model can read or has logits that are not finite
        (row counted from 1), or if the directory is not a checkpoint.
    """
    model, tokenizer = open_classifier(model, tokenizer)
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}, use at least 1")
    chosen = best_device() if device is None else torch.device(device)
    home, training = model.device, model.training
    average = bool(getattr(model.config, AVERAGED, False))
    task = task_of_model(model.config.to_dict())
    nn.Module.to(model, chosen).eval()
    try:
        if task.head == "bases":
            return _of_places(model, tokenizer, sequences, batch_size, chosen, dtype)
        logits = [
            _logits(model, tokenizer, strand, batch_size, chosen, dtype)
            for strand in strands_of(sequences, average=average)
        ]
    finally:
        nn.Module.to(model, home).train(training)
    return task.predictions(mean_logits(logits)).numpy()


def _of_places(
    model: PreTrainedModel,
    tokenizer: DnaTokenizer,
    sequences: Sequence[str],
    batch_size: int,
    device: torch.device,
    dtype: Precision,
) -> np.ndarray:
    """Return predictions for bases or bins, (sequences, positions of the longest x outputs)."""
    corpus = tokenizer.encode(list(sequences))
    check_lengths(corpus, capacity(model.config.to_dict()))
    task, bases = task_of_model(model.config.to_dict()), corpus.num_bases()
    if (bases < task.places).any():
        raise InputError(
            f"the sequence has fewer bases than the model has bins ({task.places})",
            row=int(np.argmax(bases < task.places)) + 1,
            remedy="Give sequences of the length that the model was trained on.",
        )
    places = task.places if task.places > 1 else int(bases.max(initial=0))
    found = np.zeros((len(corpus), places * task.num_outputs))
    with torch.inference_mode(), autocast(device, dtype):
        for rows, batch in row_batches(
            corpus, pad_id=tokenizer.pad_id, batch_size=batch_size, device=device
        ):
            tokens = collate(corpus, rows, tokenizer.pad_id)
            spans = as_spans(tokens.starts, tokens.ends).to(device)
            of_row = place_logits(model, batch.ids, batch.attention, spans, batch.packed)
            predicted = task.predictions(of_row.logits.double())
            found[rows] = flat_predictions(predicted, of_row.there, places).cpu().numpy()
    _check_finite(torch.from_numpy(found))
    return found


def _logits(
    model: PreTrainedModel,
    tokenizer: DnaTokenizer,
    sequences: Sequence[str],
    batch_size: int,
    device: torch.device,
    dtype: Precision,
) -> Tensor:
    """Return the class logits of sequences, (sequences, classes), float64, on the CPU."""
    corpus = tokenizer.encode(sequences)
    check_lengths(corpus, capacity(model.config.to_dict()))
    found = compute_rows(
        corpus,
        lambda batch: class_logits(model, batch.ids, batch.attention, batch.packed),
        width=int(model.config.num_labels or 2),
        pad_id=tokenizer.pad_id,
        batch_size=batch_size,
        device=device,
        dtype=dtype,
    )
    _check_finite(found)
    return found


def _check_finite(found: Tensor) -> None:
    """Raise `InputError` for the first row with numbers that are not finite."""
    bad = ~torch.isfinite(found).all(1)
    if bad.any():
        raise InputError(
            f"the model's output for the sequence is not finite (nan or inf), as for "
            f"{int(bad.sum())} of {len(found)} sequences",
            row=int(bad.nonzero()[0, 0]) + 1,
            remedy="Use --precision fp32, or another model.",
        )
