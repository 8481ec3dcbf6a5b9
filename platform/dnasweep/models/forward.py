"""The forward pass of any encoder, computing only what a loss or a call reads.

A RoBERTa is run here, layer by layer: the result is that of the model's own `forward` at the
positions asked for. What is left out: the last layer's output at all other positions, the
vocabulary projection there, the attention mask of batches without padding, and the position
bookkeeping. Every weight stays where transformers put it, so the model can be saved, loaded and run
by transformers alone. Every other model runs its own `forward`.

Where a model's configuration says so, sequences longer than it holds are read in windows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import RobertaForMaskedLM, RobertaForSequenceClassification, RobertaModel
from transformers.models.roberta.modeling_roberta import RobertaLayer

from dnasweep.errors import InputError
from dnasweep.models.bias import attention_bias
from dnasweep.models.capacity import ALIBI, WINDOWS
from dnasweep.models.windows import Cut, cut, mean_over_windows, nearest

_VOCABULARY_HEADS = {"bert": "cls", "albert": "predictions", "esm": "lm_head"}
_FIRST_TOKEN_HEADS = ("esm", "electra", "xlm-roberta", "camembert")
_POOLED_HEADS = ("bert", "albert")
_LEAVE_PADDING_OUT = frozenset(
    "albert bert camembert data2vec-text deberta deberta-v2 distilbert electra ernie esm eurobert "
    "gte jina_embeddings_v3 layoutlm megatron-bert modernbert mpnet nomic_bert rembert roberta "
    "roberta-prelayernorm roc_bert roformer xlm-roberta xlm-roberta-xl".split()
)
"""Kinds that give a row the same values however far it is padded. Others let padding into
convolutions, Fourier transforms or landmarks, and get rows of one length at a time."""


def is_lean(model: Any) -> bool:
    """Return whether the model is a RoBERTa, run layer by layer here."""
    return isinstance(model, RobertaForMaskedLM | RobertaForSequenceClassification)


def embed(roberta: RobertaModel, ids: Tensor | None, words: Tensor | None = None) -> Tensor:
    """Return the input embeddings, (rows, tokens, hidden); padding only at the right end.

    Parameters
    ----------
    words
        Word embeddings in place of `ids`, (rows, tokens, hidden).
    """
    part = roberta.embeddings
    x = part.word_embeddings(ids) if words is None else words
    place = part.token_type_embeddings.weight[0]
    # A model whose attention is biased by distance has no embeddings of positions.
    if part.position_embeddings is not None:
        first = part.padding_idx + 1
        place = part.position_embeddings.weight[first : first + x.shape[1]] + place
    return part.dropout(part.LayerNorm(x + place))


def _attend(layer: RobertaLayer, x: Tensor, queries: Tensor, mask: Tensor | None) -> Tensor:
    """Attend from `queries` (rows, m, hidden) to `x` (rows, tokens, hidden)."""
    part = layer.attention.self
    heads = (-1, part.num_attention_heads, part.attention_head_size)
    query = part.query(queries).unflatten(-1, heads[1:]).transpose(1, 2)
    if mask is not None and mask.is_floating_point():
        mask = mask[:, :, : queries.shape[1]].to(query.dtype)
    context = F.scaled_dot_product_attention(
        query,
        part.key(x).unflatten(-1, heads[1:]).transpose(1, 2),
        part.value(x).unflatten(-1, heads[1:]).transpose(1, 2),
        attn_mask=mask,
        dropout_p=part.dropout.p if part.training else 0.0,
    )
    return context.transpose(1, 2).flatten(2)


def _finish(layer: RobertaLayer, context: Tensor, residual: Tensor) -> Tensor:
    x = layer.attention.output(context, residual)
    return layer.output(layer.intermediate(x), x)


def layer_inputs(
    roberta: RobertaModel,
    ids: Tensor | None,
    attention: Tensor | None,
    words: Tensor | None = None,
) -> Iterator[tuple[RobertaLayer, Tensor, Tensor | None]]:
    """Yield each layer, what it reads (rows, tokens, hidden), and its attention mask.

    The mask is of booleans, or of floats to add to the scores; None where there is none. The last
    layer is not run.
    """
    x = embed(roberta, ids, words)
    mask = None if attention is None else attention[:, None, None, :]
    if roberta.embeddings.position_embeddings is None:
        bias = attention_bias(roberta, x.shape[1])
        mask = bias if mask is None else bias.masked_fill(~mask, -torch.inf)
    layers = cast(list[RobertaLayer], list(roberta.encoder.layer))
    for layer in layers[:-1]:
        yield layer, x, mask
        x = _finish(layer, _attend(layer, x, x, mask), x)
    yield layers[-1], x, mask


def _lower_layers(
    roberta: RobertaModel, ids: Tensor | None, attention: Tensor | None, words: Tensor | None
) -> tuple[Tensor, Tensor | None, RobertaLayer]:
    last, x, mask = deque(layer_inputs(roberta, ids, attention, words), maxlen=1)[0]
    return x, mask, last


def logits_at_masked(
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
    x, mask, last = _lower_layers(roberta, ids, attention, None)
    context = _attend(last, x, x, mask).flatten(0, 1)[positions]
    return _finish(last, context, x.flatten(0, 1)[positions])


def masked_first(
    roberta: RobertaModel,
    ids: Tensor | None,
    attention: Tensor | None,
    words: Tensor | None = None,
) -> Tensor:
    """Return the last hidden state of the first token, (rows, hidden)."""
    x, mask, last = _lower_layers(roberta, ids, attention, words)
    first = x[:, :1]
    return _finish(last, _attend(last, x, first, mask), first).squeeze(1)


def masked_logits(model: Any, ids: Tensor, attention: Tensor | None, positions: Tensor) -> Tensor:
    """Return the vocabulary logits at flat `positions`, (m, vocabulary).

    Parameters
    ----------
    model
        A masked language model of transformers.
    ids, attention, positions
        As for :func:`logits_at_masked`. In a row read in windows, each position is judged in the window
        whose middle is nearest.
    """
    tokens = _window_tokens(model, ids)
    if tokens is not None:
        windows = cut(ids, attention, tokens, _pad(model))
        positions = nearest(windows, positions, ids.shape[1])
        ids, attention = windows.ids, windows.attention
    if is_lean(model):
        return model.lm_head(logits_at_masked(model.roberta, ids, attention, positions))
    head = _VOCABULARY_HEADS.get(model.config.model_type)
    if head is None:
        return _run(model, ids, attention, "logits").flatten(0, 1)[positions]
    hidden = _run(model.base_model, ids, attention, "last_hidden_state")
    return getattr(model, head)(hidden.flatten(0, 1)[positions])


def class_logits(model: Any, ids: Tensor, attention: Tensor | None) -> Tensor:
    """Return the class logits, (rows, classes).

    Parameters
    ----------
    model
        A classifier of transformers.
    ids
        Token ids, (rows, tokens).
    attention
        True at real tokens, (rows, tokens); None when nothing is padded. Padding is at the right
        end only.
    """
    tokens = _window_tokens(model, ids)
    if tokens is None:
        return _whole_logits(model, ids, attention)
    windows = cut(ids, attention, tokens, _pad(model))
    if pool_of(model) == "hidden":
        hidden = _of_windows(_summary, model, windows, len(ids))
        return _class_head(model, mean_over_windows(hidden, windows))
    # Differences of mean logits are mean differences of logits: of two classes, the mean log odds.
    return mean_over_windows(_of_windows(_whole_logits, model, windows, len(ids)), windows)


def _of_windows(
    compute: Callable[[Any, Tensor, Tensor | None], Tensor], model: Any, windows: Cut, rows: int
) -> Tensor:
    """Return what `compute` gives for each window, (windows, columns).

    Without gradients, as many windows go together as the batch had rows, so that evaluation and
    prediction need no more memory for long sequences than for others.
    """
    if torch.is_grad_enabled():
        return compute(model, windows.ids, windows.attention)
    ids = windows.ids.split(rows)
    nothing = [None] * len(ids)
    real = nothing if windows.attention is None else windows.attention.split(rows)
    return torch.cat([compute(model, *part) for part in zip(ids, real, strict=True)])


def pool_of(model: Any) -> str | None:
    """Return what is averaged over the windows of a long sequence; None where there are none."""
    settings = getattr(model.config, WINDOWS, None)
    return None if settings is None else str(settings["pool"])


def check_pooling(model_type: str, pool: str) -> None:
    """Raise :class:`InputError` where hidden states of a kind of model cannot be averaged."""
    known = ("roberta", ALIBI, *_FIRST_TOKEN_HEADS, *_POOLED_HEADS)
    if pool == "hidden" and model_type not in known:
        raise InputError(
            f"what the head of a {model_type} model reads is not known here, so it cannot be "
            "averaged over windows",
            remedy="Use --windows log-odds.",
        )


def _window_tokens(model: Any, ids: Tensor) -> int | None:
    """Return the tokens a window, where a batch needs windows."""
    settings = getattr(model.config, WINDOWS, None)
    if settings is None or ids.shape[1] <= settings["tokens"]:
        return None
    return int(settings["tokens"])


def _pad(model: Any) -> int:
    return int(model.config.pad_token_id or 0)


def _run(model: Any, ids: Tensor, attention: Tensor | None, output: str) -> Tensor:
    """Return an output of a model's own forward pass, (rows, ...)."""
    if attention is None:
        return getattr(model(input_ids=ids), output)
    if model.config.model_type in _LEAVE_PADDING_OUT:
        return getattr(model(input_ids=ids, attention_mask=attention.long()), output)
    lengths = attention.sum(1)
    found, places = [], []
    for length in lengths.unique().tolist():
        rows = (lengths == length).nonzero()[:, 0]
        value = getattr(model(input_ids=ids[rows, :length]), output)
        # Token by token: filled up again.
        missing = ids.shape[1] - length
        found.append(F.pad(value, (0, 0, 0, missing)) if value.ndim == 3 else value)
        places.append(rows)
    return torch.cat(found)[torch.cat(places).argsort()]


def _whole_logits(model: Any, ids: Tensor, attention: Tensor | None) -> Tensor:
    if is_lean(model):
        return _class_head(model, masked_first(model.roberta, ids, attention))
    return _run(model, ids, attention, "logits")


def _summary(model: Any, ids: Tensor, attention: Tensor | None) -> Tensor:
    """Return what the classification head reads of each row, (rows, hidden)."""
    if is_lean(model):
        return masked_first(model.roberta, ids, attention)
    if model.config.model_type in _POOLED_HEADS:
        return _run(model.base_model, ids, attention, "pooler_output")
    return _run(model.base_model, ids, attention, "last_hidden_state")[:, 0]


def _class_head(model: Any, summary: Tensor) -> Tensor:
    if model.config.model_type in _POOLED_HEADS:
        return model.classifier(model.dropout(summary))
    return model.classifier(summary.unsqueeze(1))
