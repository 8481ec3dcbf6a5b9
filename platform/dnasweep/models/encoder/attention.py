"""Attention of the first token to all tokens.

Fused attention returns no weights. For a RoBERTa, weights are computed separately, layer by layer,
only at the first token if that is sufficient. All other models run their own `forward`,
temporarily with transformers' `eager` attention, which returns weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor
from transformers.models.roberta.modeling_roberta import RobertaLayer

from dnasweep.errors import InputError
from dnasweep.models.encoder.roberta import is_roberta, last_layer, layer_inputs
from dnasweep.models.families.registry import family_of

Layers = Literal["last", "all", "rollout"]
MAX_WEIGHTS = 1 << 26
"""Maximum number of attention weights in memory at a time, for complete matrices: 256 MB."""


def max_rows(model: Any, tokens: int, layers: Layers) -> int:
    """Return how many rows of `tokens` tokens fit within `MAX_WEIGHTS`, at least 1.

    Parameters
    ----------
    model
        A transformers model.
    tokens
        Number of tokens in each row.
    layers
        As for :func:`first_token_attention`.
    """
    config = model.config
    heads = int(getattr(config, "num_attention_heads", 1))
    if is_roberta(model):
        matrix = tokens * (tokens if layers == "rollout" else 1)
        return max(1, MAX_WEIGHTS // (heads * matrix))
    number = int(getattr(config, "num_hidden_layers", 1))
    return max(1, MAX_WEIGHTS // (number * heads * tokens**2))


def first_token_attention(
    model: Any, ids: Tensor, attention: Tensor | None, layers: Layers
) -> Tensor:
    """Return the attention of the first token to every token, (rows, tokens), mean over heads.

    Parameters
    ----------
    model
        A classifier or masked language model of transformers, in evaluation mode.
    ids
        Token ids, (rows, tokens), with at most as many tokens as the model can read at once.
    attention
        True for real tokens, (rows, tokens); None without padding. Padding must be at the right
        end and gets attention 0.
    layers
        `last` is the attention of the last layer, as shown by DNABERT (Ji et al. 2021; its sum
        over heads is this mean times the number of heads). `all` is the mean over the layers.
        `rollout` follows attention through all layers: the product over layers of the average of
        the weights and the identity, which represents the residual connection (Abnar and Zuidema
        2020).

    Returns
    -------
    torch.Tensor
        float32; every row sums to 1.

    Raises
    ------
    InputError
        For a model that does not return its attention.
    """
    weights: Iterable[Tensor]
    if is_roberta(model):
        weights = _of_roberta(model.roberta, ids, attention, layers)
    else:
        every = _eager_attention(model, ids, attention)
        weights = every[-1:] if layers == "last" else every
    if layers == "rollout":
        return _rollout(layer.float().mean(1) for layer in weights)
    return torch.stack([_first(layer) for layer in weights]).mean(0)


def _of_roberta(
    roberta: Any, ids: Tensor, attention: Tensor | None, layers: Layers
) -> Iterator[Tensor]:
    """Yield the attention in the required layers, only at the first token except for rollout."""
    inputs = layer_inputs(roberta, ids, attention)
    for layer, x, mask in [last_layer(inputs)] if layers == "last" else inputs:
        yield _weights(layer, x, x if layers == "rollout" else x[:, :1], mask)


def _weights(layer: RobertaLayer, x: Tensor, queries: Tensor, mask: Tensor | None) -> Tensor:
    """Return the attention of `queries` (rows, m, hidden) to `x`, (rows, heads, m, tokens)."""
    part = layer.attention.self
    heads = (part.num_attention_heads, part.attention_head_size)
    query = part.query(queries).unflatten(-1, heads).transpose(1, 2)
    key = part.key(x).unflatten(-1, heads).transpose(1, 2)
    scores = (query @ key.transpose(-1, -2)).float() * heads[1] ** -0.5
    if mask is not None and mask.is_floating_point():
        scores = scores + mask[:, :, : queries.shape[1]]
    elif mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    return scores.softmax(-1)


def _first(weights: Tensor) -> Tensor:
    """Return the first of m queries of (rows, heads, m, tokens), averaged over heads."""
    return weights[:, :, 0].float().mean(1)


def _rollout(layers: Iterator[Tensor]) -> Tensor:
    """Return the first row of the product of layers' matrices, each (rows, tokens, tokens)."""
    flow: Tensor | None = None
    for matrix in layers:
        half = 0.5 * matrix + 0.5 * torch.eye(matrix.shape[-1], device=matrix.device)
        flow = half if flow is None else half @ flow
    assert flow is not None
    return flow[:, 0]


def _eager_attention(model: Any, ids: Tensor, attention: Tensor | None) -> tuple[Tensor, ...]:
    mask = None if attention is None else attention.long()
    with _eager(model):
        found = model(input_ids=ids, attention_mask=mask, output_attentions=True)
    weights = tuple(getattr(found, "attentions", None) or ())
    square = (ids.shape[1], ids.shape[1])
    if not weights or any(w is None or w.shape[-2:] != square for w in weights):
        family = family_of(model.config.to_dict())
        name = f"a {model.config.model_type} model" if family is None else family.name
        why = "does not return its attention" if family is None or family.attention else "has none"
        raise InputError(
            f"attention cannot be shown: {name} {why}",
            remedy="Use another estimator than attention.",
        )
    return weights


@contextmanager
def _eager(model: Any) -> Iterator[None]:
    """Let a transformers model compute attention in the way that returns its weights."""
    usual = model.config._attn_implementation
    model.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.set_attn_implementation(usual)
