"""The classes of bases: logits of tokens given to the bases that they cover."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from dnasweep.models.encoder.forward import last_hidden_state


def base_logits(
    model: Any, ids: Tensor, attention: Tensor | None, starts: Tensor, ends: Tensor
) -> Tensor:
    """Return the class logits of each base, (rows, bases of the longest, classes), fp32.

    A base has those of its place in the token that covers it, and where tokens overlap, the mean.

    Parameters
    ----------
    model
        A classifier of bases.
    ids, attention
        As for :func:`~dnasweep.models.encoder.forward.last_hidden_state`; rows are read as a whole.
    starts, ends
        First base of each token, and one past its last, (rows, tokens); both 0 for special tokens and
        padding.
    """
    states = last_hidden_state(model, ids, attention)
    places = int(model.config.bases_per_token)
    each = model.classifier(model.dropout(states)).float().unflatten(-1, (places, -1))
    rows, bases, widest = len(ids), int(ends.max()), int((ends - starts).max())
    place = torch.arange(widest, device=ids.device)
    base = starts[..., None] + place
    there = base < ends[..., None]
    row = torch.arange(rows, device=ids.device)[:, None, None]
    index = (row * bases + base)[there]
    logits = each[:, :, place.clamp(max=places - 1)][there]
    total = logits.new_zeros(rows * bases, logits.shape[-1]).index_add(0, index, logits)
    count = logits.new_zeros(rows * bases).index_add(0, index, torch.ones_like(logits[:, 0]))
    return (total / count.clamp(min=1)[:, None]).view(rows, bases, -1)


def flat_predictions(predicted: Tensor, ends: Tensor, bases: int) -> Tensor:
    """Return predictions of bases as rows of one width, (rows, bases x classes), 0 beyond the end of a row.

    Parameters
    ----------
    predicted
        (rows, bases of the longest, classes).
    ends
        As for :func:`base_logits`.
    bases
        Bases of a row of the result, at least those of the longest.
    """
    place = torch.arange(predicted.shape[1], device=predicted.device)
    there = place < ends.amax(1)[:, None]
    own = torch.where(there[..., None], predicted, 0.0)
    return F.pad(own, (0, 0, 0, bases - own.shape[1])).flatten(1)
