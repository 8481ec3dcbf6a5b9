"""Logits of bases and bins, from those of the tokens that cover them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from dnasweep.devices import to_device
from dnasweep.models.encoder.forward import last_hidden_state
from dnasweep.models.encoder.packed import Packed
from dnasweep.tasks.registry import BINS_PER_ROW
from dnasweep.tokens.corpus import Corpus


class Spans(NamedTuple):
    """Base intervals of the tokens of rows."""

    starts: Tensor
    """First base of each token, (rows, tokens); 0 for special tokens and padding."""
    ends: Tensor
    """One past the last base; 0 for special tokens and padding."""
    sizes: tuple[int, int]
    """Numbers of bases of the longest row and of the widest token, or upper bounds; they are known
    without reading from a device."""

    def of(self, rows: Tensor | slice) -> Spans:
        """Return the spans of some rows."""
        return Spans(self.starts[rows], self.ends[rows], self.sizes)

    def to(self, device: torch.device) -> Spans:
        """Return the spans, which are on the CPU, on `device`."""
        return Spans(to_device(self.starts, device), to_device(self.ends, device), self.sizes)


def as_spans(starts: NDArray[np.integer[Any]], ends: NDArray[np.integer[Any]]) -> Spans:
    """Return the first base of each token and one past its last, (rows, tokens), as tensors."""
    sizes = (int(ends.max()), int((ends - starts).max()))
    return Spans(torch.from_numpy(starts), torch.from_numpy(ends), sizes)


def spans_of(corpus: Corpus, tokens: NDArray[np.int64], device: torch.device) -> Spans:
    """Return the bases of tokens of a corpus.

    Parameters
    ----------
    corpus
        Tokens of many rows.
    tokens
        Flat token numbers of some rows, (rows, tokens).
    device
        Device of the result.
    """
    starts, ends = (x[tokens].astype(np.int64) for x in (corpus.starts, corpus.ends))
    return as_spans(starts, ends).to(device)


def _over_bases(model: Any, token_logits: Tensor, spans: Spans) -> Tensor:
    """Return the logits of each base, (rows, bases of the longest, classes), from token logits.

    A base gets the logits of its position in the token that covers it; if tokens overlap, their
    mean.
    """
    starts, ends, (bases, widest) = spans
    places = int(model.config.bases_per_token)
    each = token_logits.float().unflatten(-1, (places, -1))
    rows = len(starts)
    place = torch.arange(widest, device=starts.device)
    base = starts[..., None] + place
    there = base < ends[..., None]
    row = torch.arange(rows, device=starts.device)[:, None, None]
    logits = each[:, :, place.clamp(max=places - 1)]
    return _means(logits, row * bases + base, there, rows * bases).view(rows, bases, -1)


def _means(logits: Tensor, index: Tensor, there: Tensor, number: int) -> Tensor:
    """Return the means of logits by index, (number, classes); 0 for an index without logits.

    Absent positions are added to an extra index, which is then removed, so shapes do not depend on
    values.
    """
    flat = torch.where(there, index, number).flatten()
    own = logits.flatten(0, -2)
    total = own.new_zeros(number + 1, own.shape[-1]).index_add(0, flat, own)
    count = own.new_zeros(number + 1).index_add(0, flat, torch.ones_like(own[:, 0]))
    return (total / count.clamp(min=1)[:, None])[:-1]


class Places(NamedTuple):
    """Logits of the bases or bins of each row."""

    logits: Tensor
    """Logits, (rows, positions of the longest, classes or outputs), fp32."""
    there: Tensor
    """Whether the row has the position, (rows, positions)."""


def place_logits(
    model: Any,
    ids: Tensor,
    attention: Tensor | None,
    spans: Spans,
    packed: Packed | None = None,
) -> Places:
    """Return the logits of each base or, for a model of bins, their means in each bin.

    Parameters
    ----------
    model
        A classifier of bases.
    ids, attention
        As for :func:`~dnasweep.models.encoder.forward.last_hidden_state`; rows are read as a whole.
    spans
        As for :func:`places_of`.
    packed
        As for :func:`~dnasweep.models.encoder.forward.last_hidden_state`.
    """
    states = last_hidden_state(model, ids, attention, packed)
    return places_of(model, model.classifier(model.dropout(states)), spans)


def places_of(model: Any, token_logits: Tensor, spans: Spans) -> Places:
    """Return the logits of each base or, for a model of bins, their means in each bin.

    Parameters
    ----------
    model
        A classifier of bases.
    token_logits
        Logits of the model's own forward pass, shape (rows, tokens, positions in a token x classes).
    spans
        Base intervals of the tokens. Rows have at least as many bases as bins.
    """
    logits = _over_bases(model, token_logits, spans)
    lengths = spans.ends.amax(1)[:, None]
    place = torch.arange(logits.shape[1], device=logits.device)
    there = place < lengths
    bins = getattr(model.config, BINS_PER_ROW, None)
    if not bins:
        return Places(logits, there)
    # Bin k starts at base k L / bins, rounded down, like the bins in training.
    row = torch.arange(len(logits), device=logits.device)[:, None]
    index = row * bins + ((place + 1) * bins - 1) // lengths
    means = _means(logits, index, there, len(logits) * bins).view(len(logits), bins, -1)
    return Places(means, there.new_ones(means.shape[:2]))


def flat_predictions(predicted: Tensor, there: Tensor, places: int) -> Tensor:
    """Return predictions of positions as rows of equal width, (rows, places x outputs), 0-filled.

    Parameters
    ----------
    predicted
        Predictions, (rows, positions of the longest, outputs).
    there
        Whether the row has the position, (rows, positions).
    places
        Number of positions per row of the result, at least that of the longest row.
    """
    own = torch.where(there[..., None], predicted, 0.0)
    return F.pad(own, (0, 0, 0, places - own.shape[1])).flatten(1)
