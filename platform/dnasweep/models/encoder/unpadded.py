"""A RoBERTa layer by layer over the real tokens of a packed batch.

The outputs are those of :mod:`dnasweep.models.encoder.roberta` for the padded batch, up to rounding; dropout draws
other elements.
"""

from __future__ import annotations

from typing import Any, cast

import torch.nn.functional as F
from torch import Tensor
from transformers import RobertaModel
from transformers.models.roberta.modeling_roberta import RobertaLayer

from dnasweep.models.encoder.packed import Packed
from dnasweep.models.encoder.packed_attention import attend
from dnasweep.models.encoder.roberta import after_attention, attention_bias


def _embed(roberta: RobertaModel, ids: Tensor, packed: Packed) -> Tensor:
    """Return the input of the first layer, (real tokens, hidden)."""
    part = roberta.embeddings
    x = part.word_embeddings(ids.flatten().index_select(0, packed.indices))
    x = x + part.token_type_embeddings.weight[0]
    if part.position_embeddings is not None:
        first = part.padding_idx + 1
        weight = part.position_embeddings.weight[first : first + packed.longest]
        if len(weight) < packed.longest:
            raise ValueError(
                f"a row has {packed.longest} tokens, but the model has {len(weight)} positions"
            )
        x = x + F.embedding(packed.places, weight)
    return part.dropout(part.LayerNorm(x))


def _attend(
    layer: RobertaLayer, x: Tensor, queries: Tensor, packed: Packed, bias: Tensor | None
) -> Tensor:
    """Attend from `queries`, all tokens or the first of each row, to the tokens `x` of the same row."""
    part = layer.attention.self
    heads = (part.num_attention_heads, part.attention_head_size)
    return attend(
        part.query(queries).unflatten(-1, heads),
        part.key(x).unflatten(-1, heads),
        part.value(x).unflatten(-1, heads),
        packed,
        bias=bias,
        dropout=part.dropout.p if part.training else 0.0,
    )


def _last_layer(
    roberta: Any, ids: Tensor, packed: Packed
) -> tuple[RobertaLayer, Tensor, Tensor | None]:
    """Run all layers except the last; return it, its input (real tokens, hidden) and the bias of scores."""
    x = _embed(roberta, ids, packed)
    bias = None
    if roberta.embeddings.position_embeddings is None:
        bias = attention_bias(roberta, packed.longest)
    layers = cast(list[RobertaLayer], list(roberta.encoder.layer))
    for layer in layers[:-1]:
        x = after_attention(layer, _attend(layer, x, x, packed, bias), x)
    return layers[-1], x, bias


def hidden_states_at(roberta: Any, ids: Tensor, packed: Packed, positions: Tensor) -> Tensor:
    """Return the last hidden states at chosen positions, (m, hidden).

    Parameters
    ----------
    roberta
        RoBERTa encoder.
    ids
        Token ids of the padded batch, (rows, tokens).
    packed
        Where its real tokens are.
    positions
        Flat positions `row * tokens + token` of real tokens in the padded batch, (m,).
    """
    layer, x, bias = _last_layer(roberta, ids, packed)
    at = packed.at(positions)
    return after_attention(layer, _attend(layer, x, x, packed, bias)[at], x[at])


def all_hidden_states(roberta: Any, ids: Tensor, packed: Packed) -> Tensor:
    """Return the last hidden states of all tokens, (rows, tokens, hidden); 0 for padding.

    Parameters
    ----------
    roberta, ids, packed
        As for :func:`hidden_states_at`.
    """
    layer, x, bias = _last_layer(roberta, ids, packed)
    states = after_attention(layer, _attend(layer, x, x, packed, bias), x)
    padded = states.new_zeros(ids.numel(), states.shape[1])
    return padded.index_copy(0, packed.indices, states).unflatten(0, tuple(ids.shape))


def first_hidden_state(roberta: Any, ids: Tensor, packed: Packed) -> Tensor:
    """Return the last hidden state of the first token, (rows, hidden).

    Parameters
    ----------
    roberta, ids, packed
        As for :func:`hidden_states_at`.
    """
    layer, x, bias = _last_layer(roberta, ids, packed)
    first = x.index_select(0, packed.offsets[:-1])
    return after_attention(layer, _attend(layer, x, first, packed, bias), first)
