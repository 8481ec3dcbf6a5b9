"""Attention within the rows of a packed batch.

On GPUs with FlashAttention, in half precision, one kernel computes all rows whatever their lengths. It has no biases of
scores and no dropout of attention weights. With these, and elsewhere, rows are padded in blocks of similar length, see
:class:`~dnasweep.models.encoder.packed.Packed`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention.varlen import varlen_attn

from dnasweep.models.encoder.packed import Packed, from_slots, to_slots

MAX_HEAD_SIZE = 192
"""Maximum size of a head whose gradients FlashAttention computes on all GPUs that it supports."""


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    packed: Packed,
    *,
    bias: Tensor | None = None,
    dropout: float = 0.0,
) -> Tensor:
    """Return the attention of each token to the tokens of its row, (real tokens, heads x head size).

    Parameters
    ----------
    query, key, value
        Of each real token, (real tokens, heads, head size). The query may be that of the first token of each row
        alone, (rows, heads, head size); then the result is (rows, heads x head size).
    packed
        Where the rows are.
    bias
        Numbers to add to the scores of tokens by their places in a row, (1, heads, longest, longest).
    dropout
        Dropout probability of the attention weights.
    """
    first_only = len(query) != len(key)
    if bias is None and dropout == 0 and has_packed_kernel(query):
        offsets, longest = packed.offsets, packed.longest
        if first_only:
            one_each = torch.arange(len(query) + 1, dtype=torch.int32, device=query.device)
            found = varlen_attn(query, key, value, one_each, offsets, 1, longest)
        else:
            found = varlen_attn(query, key, value, offsets, offsets, longest, longest)
        assert isinstance(found, Tensor)
        return found.flatten(1)
    heads = query.shape[1:]
    rows = [number for number, _ in packed.blocks]
    slots = [number * width for number, width in packed.blocks]
    keys, values = (to_slots(x.flatten(1), packed).split(slots) for x in (key, value))
    if first_only:
        queries = query.flatten(1).index_select(0, packed.order).split(rows)
    else:
        queries = to_slots(query.flatten(1), packed).split(slots)
    blocks = zip(rows, queries, keys, values, packed.real.split(slots), strict=True)
    context = torch.cat(
        [
            _attend_block(number, heads, q, k, v, real, bias, dropout)
            for number, q, k, v, real in blocks
        ]
    )
    if first_only:
        return context.index_select(0, packed.ranks)
    return from_slots(context, packed)


def _attend_block(
    rows: int,
    heads: torch.Size,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    real: Tensor,
    bias: Tensor | None,
    dropout: float,
) -> Tensor:
    """Return the attention of a block, (rows x queries per row, hidden)."""
    q, k, v = (x.view(rows, -1, *heads).transpose(1, 2) for x in (query, key, value))
    mask = real.view(rows, 1, 1, -1)
    if bias is not None:
        own = bias[:, :, : q.shape[2], : k.shape[2]].to(q.dtype)
        mask = own.masked_fill(~mask, -torch.inf)
    context = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=dropout)
    return context.transpose(1, 2).flatten(2).flatten(0, 1)


def has_packed_kernel(query: Tensor) -> bool:
    """Return whether torch has a kernel for packed rows of this type on this device.

    Parameters
    ----------
    query
        Shape (..., head size).
    """
    if query.device.type != "cuda" or torch.version.hip is not None:
        return False
    if query.dtype not in (torch.float16, torch.bfloat16):
        return False
    size = query.shape[-1]
    if size % 8 or size > MAX_HEAD_SIZE:
        return False
    return torch.cuda.get_device_capability(query.device) >= (8, 0)
