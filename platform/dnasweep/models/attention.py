"""How much the first token attends to every other: batch by batch, no more kept than is asked for.

Fused attention gives no weights. Of a RoBERTa they are computed beside it, layer by layer, at the
first token alone where that is enough; every other model runs its own `forward` with attention as
transformers writes it out (`eager`), for this call only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor
from transformers.models.roberta.modeling_roberta import RobertaLayer

from dnasweep.errors import InputError
from dnasweep.models.forward import is_lean, layer_inputs

Layers = Literal["last", "all", "rollout"]
MAX_WEIGHTS = 1 << 26
"""Attention weights held at once, where whole matrices are needed: 256 MB."""


def most_rows(model: Any, tokens: int, layers: Layers) -> int:
    """Return how many rows of `tokens` tokens keep within `MAX_WEIGHTS`, at least 1."""
    config = model.config
    heads = int(getattr(config, "num_attention_heads", 1))
    if is_lean(model):
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
        Token ids, (rows, tokens), no more tokens than the model reads at once.
    attention
        True at real tokens, (rows, tokens); None when nothing is padded. Padding, at the right end
        only, is attended to by 0.
    layers
        `last` is the last layer's, as DNABERT shows it (Ji et al. 2021; its sum over heads is this
        mean times their number). `all` is the mean over the layers. `rollout` follows attention
        through all layers: the product of half the weights and half the identity, which stands for
        the residual connection (Abnar and Zuidema 2020).

    Returns
    -------
    torch.Tensor
        float32; every row sums to 1.

    Raises
    ------
    InputError
        For a model that does not tell its attention.
    """
    if is_lean(model):
        return _lean(model.roberta, ids, attention, layers)
    weights = _written_out(model, ids, attention)
    if layers == "last":
        return _first(weights[-1])
    if layers == "all":
        return torch.stack([_first(one) for one in weights]).mean(0)
    return _rollout(one.float().mean(1) for one in weights)


def _lean(roberta: Any, ids: Tensor, attention: Tensor | None, layers: Layers) -> Tensor:
    inputs = layer_inputs(roberta, ids, attention)
    if layers == "rollout":
        return _rollout(weights_of(layer, x, x, mask).mean(1) for layer, x, mask in inputs)
    if layers == "all":
        found = [_first(weights_of(layer, x, x[:, :1], mask)) for layer, x, mask in inputs]
        return torch.stack(found).mean(0)
    last, x, mask = deque(inputs, maxlen=1)[0]
    return _first(weights_of(last, x, x[:, :1], mask))


def weights_of(layer: RobertaLayer, x: Tensor, queries: Tensor, mask: Tensor | None) -> Tensor:
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
    """Return the first row of (rows, heads, m, tokens), mean over heads."""
    return weights[:, :, 0].float().mean(1)


def _rollout(layers: Iterator[Tensor]) -> Tensor:
    """Return the first row of the product of layers' matrices, each (rows, tokens, tokens)."""
    flow: Tensor | None = None
    for matrix in layers:
        half = 0.5 * matrix + 0.5 * torch.eye(matrix.shape[-1], device=matrix.device)
        flow = half if flow is None else half @ flow
    assert flow is not None
    return flow[:, 0]


def _written_out(model: Any, ids: Tensor, attention: Tensor | None) -> tuple[Tensor, ...]:
    mask = None if attention is None else attention.long()
    with eager(model):
        found = model(input_ids=ids, attention_mask=mask, output_attentions=True)
    weights = tuple(getattr(found, "attentions", None) or ())
    square = (ids.shape[1], ids.shape[1])
    if not weights or any(one is None or one.shape[-2:] != square for one in weights):
        raise InputError(
            f"a {model.config.model_type} model does not tell the attention of every token to "
            "every token",
            remedy="Use another estimator than attention.",
        )
    return weights


@contextmanager
def eager(model: Any) -> Iterator[None]:
    """Have a model of transformers compute attention in a way that gives its weights."""
    usual = model.config._attn_implementation
    model.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.set_attn_implementation(usual)
