"""A RoBERTa layer by layer, with learned positions or with attention biased by distance (ALiBi).

Values that the caller does not use are not computed: the last layer's output at other positions,
the attention mask of batches without padding, the position ids. All weights remain in their place
in the transformers model, so it can be saved, loaded and run by transformers alone.

ALiBi (Press et al. 2022), is used here in both directions: the attention score of head h between
tokens i and j is reduced by slope(h) * |i - j|. The model has no other information about
positions, so it can read sequences of any length; its performance on lengths not used in training
must be tested.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import RobertaForMaskedLM, RobertaForSequenceClassification, RobertaModel
from transformers.models.roberta.modeling_roberta import RobertaLayer

from dnasweep.models.families.distance_bias import bias_of


def is_roberta(model: Any) -> bool:
    """Return whether the model is a RoBERTa, which this module runs layer by layer."""
    ours = bool(getattr(model, "layer_by_layer", False))
    return ours or isinstance(model, RobertaForMaskedLM | RobertaForSequenceClassification)


def attention_bias(roberta: Any, tokens: int) -> Tensor:
    """Return the bias of a model for `tokens` tokens; the model caches the longest one so far."""
    device = roberta.device
    kept: Tensor | None = getattr(roberta, "kept_bias", None)
    if kept is None or kept.device != device or kept.shape[-1] < tokens:
        # A tensor made in inference mode could not be used in training afterwards.
        with torch.inference_mode(False), torch.no_grad():
            kept = bias_of(int(roberta.config.num_attention_heads), tokens, device)
        roberta.kept_bias = kept
    return kept[:, :, :tokens, :tokens]


def embed(roberta: RobertaModel, ids: Tensor | None, embeddings: Tensor | None = None) -> Tensor:
    """Return the input of the first layer, (rows, tokens, hidden); padding only at the right end.

    Parameters
    ----------
    roberta
        RoBERTa encoder.
    ids
        Token ids, (rows, tokens); None if `embeddings` is given.
    embeddings
        Token embeddings to use instead of those of `ids`, (rows, tokens, hidden).
    """
    part = roberta.embeddings
    x = part.word_embeddings(ids) if embeddings is None else embeddings
    added = part.token_type_embeddings.weight[0]
    # A model with attention biased by distance has no position embeddings.
    if part.position_embeddings is not None:
        first = part.padding_idx + 1
        added = part.position_embeddings.weight[first : first + x.shape[1]] + added
    return part.dropout(part.LayerNorm(x + added))


def _attend(layer: RobertaLayer, x: Tensor, queries: Tensor, mask: Tensor | None) -> Tensor:
    """Attend from `queries` (rows, m, hidden) to `x` (rows, tokens, hidden)."""
    part = layer.attention.self
    heads = (part.num_attention_heads, part.attention_head_size)
    query = part.query(queries).unflatten(-1, heads).transpose(1, 2)
    if mask is not None and mask.is_floating_point():
        mask = mask[:, :, : queries.shape[1]].to(query.dtype)
    context = F.scaled_dot_product_attention(
        query,
        part.key(x).unflatten(-1, heads).transpose(1, 2),
        part.value(x).unflatten(-1, heads).transpose(1, 2),
        attn_mask=mask,
        dropout_p=part.dropout.p if part.training else 0.0,
    )
    return context.transpose(1, 2).flatten(2)


def after_attention(layer: RobertaLayer, context: Tensor, residual: Tensor) -> Tensor:
    """Return the output of a layer, shaped as `residual`.

    Parameters
    ----------
    layer
        A layer of the encoder.
    context
        Output of the attention, shape (..., hidden).
    residual
        Input at the same positions, shape (..., hidden).
    """
    x = layer.attention.output(context, residual)
    return layer.output(layer.intermediate(x), x)


def layer_inputs(
    roberta: RobertaModel,
    ids: Tensor | None,
    attention: Tensor | None,
    embeddings: Tensor | None = None,
) -> Iterator[tuple[RobertaLayer, Tensor, Tensor | None]]:
    """Yield each layer, its input (rows, tokens, hidden), and its attention mask.

    The last layer is not run.

    Parameters
    ----------
    roberta, ids, embeddings
        As for :func:`embed`.
    attention
        True for real tokens, shape (rows, tokens); None without padding.

    Yields
    ------
    tuple
        The mask is boolean, or has floats to add to the scores; None without a mask.
    """
    x = embed(roberta, ids, embeddings)
    mask = None if attention is None else attention[:, None, None, :]
    if roberta.embeddings.position_embeddings is None:
        bias = attention_bias(roberta, x.shape[1])
        mask = bias if mask is None else bias.masked_fill(~mask, -torch.inf)
    layers = cast(list[RobertaLayer], list(roberta.encoder.layer))
    for layer in layers[:-1]:
        yield layer, x, mask
        x = after_attention(layer, _attend(layer, x, x, mask), x)
    yield layers[-1], x, mask


def last_layer(
    inputs: Iterator[tuple[RobertaLayer, Tensor, Tensor | None]],
) -> tuple[RobertaLayer, Tensor, Tensor | None]:
    """Run all layers of :func:`layer_inputs` except the last; return it, its input and its mask."""
    return deque(inputs, maxlen=1)[0]


def hidden_states_at(
    roberta: RobertaModel, ids: Tensor, attention: Tensor | None, positions: Tensor
) -> Tensor:
    """Return the last hidden states at chosen positions, (m, hidden).

    Parameters
    ----------
    roberta
        RoBERTa encoder.
    ids
        Token ids, shape (rows, tokens).
    attention
        True for real tokens, shape (rows, tokens); None without padding.
    positions
        Flat positions `row * tokens + token`, (m,).
    """
    layer, x, mask = last_layer(layer_inputs(roberta, ids, attention))
    context = _attend(layer, x, x, mask).flatten(0, 1)[positions]
    return after_attention(layer, context, x.flatten(0, 1)[positions])


def first_hidden_state(
    roberta: RobertaModel,
    ids: Tensor | None,
    attention: Tensor | None,
    embeddings: Tensor | None = None,
) -> Tensor:
    """Return the last hidden state of the first token, (rows, hidden).

    Parameters
    ----------
    roberta, ids, attention, embeddings
        As for :func:`layer_inputs`.
    """
    layer, x, mask = last_layer(layer_inputs(roberta, ids, attention, embeddings))
    first = x[:, :1]
    return after_attention(layer, _attend(layer, x, first, mask), first).squeeze(1)
