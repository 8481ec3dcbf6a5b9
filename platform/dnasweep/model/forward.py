"""The forward pass through a HuggingFace RoBERTa, computing only what a loss or a call reads.

The result is that of the model's own `forward` at the positions asked for. What is left out: the
last layer's output at all other positions, the vocabulary projection there, the attention mask of
batches without padding, and the position bookkeeping. Every weight stays where transformers put
it, so the model can be saved, loaded and run by transformers alone.
"""

from __future__ import annotations

from typing import cast

import torch.nn.functional as F
from torch import Tensor
from transformers import RobertaForMaskedLM, RobertaForSequenceClassification, RobertaModel
from transformers.models.roberta.modeling_roberta import RobertaLayer


def embed(roberta: RobertaModel, ids: Tensor) -> Tensor:
    """Return the input embeddings, (rows, tokens, hidden); padding only at the right end."""
    part = roberta.embeddings
    first = part.padding_idx + 1
    positions = part.position_embeddings.weight[first : first + ids.shape[1]]
    x = part.word_embeddings(ids) + (positions + part.token_type_embeddings.weight[0])
    return part.dropout(part.LayerNorm(x))


def _attend(layer: RobertaLayer, x: Tensor, queries: Tensor, mask: Tensor | None) -> Tensor:
    """Attend from `queries` (rows, m, hidden) to `x` (rows, tokens, hidden)."""
    part = layer.attention.self
    heads = (-1, part.num_attention_heads, part.attention_head_size)
    context = F.scaled_dot_product_attention(
        part.query(queries).unflatten(-1, heads[1:]).transpose(1, 2),
        part.key(x).unflatten(-1, heads[1:]).transpose(1, 2),
        part.value(x).unflatten(-1, heads[1:]).transpose(1, 2),
        attn_mask=mask,
        dropout_p=part.dropout.p if part.training else 0.0,
    )
    return context.transpose(1, 2).flatten(2)


def _finish(layer: RobertaLayer, context: Tensor, residual: Tensor) -> Tensor:
    x = layer.attention.output(context, residual)
    return layer.output(layer.intermediate(x), x)


def _lower_layers(
    roberta: RobertaModel, ids: Tensor, attention: Tensor | None
) -> tuple[Tensor, Tensor | None, RobertaLayer]:
    mask = None if attention is None else attention[:, None, None, :]
    x = embed(roberta, ids)
    layers = cast(list[RobertaLayer], list(roberta.encoder.layer))
    *lower, last = layers
    for layer in lower:
        x = _finish(layer, _attend(layer, x, x, mask), x)
    return x, mask, last


def hidden_at(
    roberta: RobertaModel, ids: Tensor, attention: Tensor | None, positions: Tensor
) -> Tensor:
    """Return the last hidden state at chosen positions.

    Parameters
    ----------
    roberta
        The encoder.
    ids
        Token ids, (rows, tokens).
    attention
        True at real tokens, (rows, tokens); None when nothing is padded.
    positions
        Flat positions `row * tokens + token`, (m,).

    Returns
    -------
    torch.Tensor
        Shape (m, hidden).
    """
    x, mask, last = _lower_layers(roberta, ids, attention)
    context = _attend(last, x, x, mask).flatten(0, 1)[positions]
    return _finish(last, context, x.flatten(0, 1)[positions])


def hidden_first(roberta: RobertaModel, ids: Tensor, attention: Tensor | None) -> Tensor:
    """Return the last hidden state of the first token, (rows, hidden)."""
    x, mask, last = _lower_layers(roberta, ids, attention)
    first = x[:, :1]
    return _finish(last, _attend(last, x, first, mask), first).squeeze(1)


def masked_logits(
    model: RobertaForMaskedLM, ids: Tensor, attention: Tensor | None, positions: Tensor
) -> Tensor:
    """Return the vocabulary logits at flat `positions`, (m, vocabulary)."""
    return model.lm_head(hidden_at(model.roberta, ids, attention, positions))


def class_logits(
    model: RobertaForSequenceClassification, ids: Tensor, attention: Tensor | None
) -> Tensor:
    """Return the class logits, (rows, classes)."""
    return model.classifier(hidden_first(model.roberta, ids, attention).unsqueeze(1))
