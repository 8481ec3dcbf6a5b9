"""The forward pass of any encoder: vocabulary logits at chosen positions, and class logits of rows.

A RoBERTa is run layer by layer (:mod:`dnasweep.models.encoder.roberta`), which computes only the
required outputs, and gives the same numbers as the model's own `forward`; of a batch that is
packed, it computes only real tokens (:mod:`dnasweep.models.encoder.unpadded`). All other models
run their own `forward`. If a model's configuration says so, sequences that are too long for the model
are divided into windows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from dnasweep.config.model import CONVNET
from dnasweep.errors import InputError
from dnasweep.models.encoder import unpadded
from dnasweep.models.encoder.capacity import ALIBI, WINDOWS
from dnasweep.models.encoder.packed import Packed
from dnasweep.models.encoder.roberta import first_hidden_state, hidden_states_at, is_roberta
from dnasweep.models.encoder.windows import Windows, cut, mean_over_windows, nearest
from dnasweep.models.families.registry import (
    CADUCEUS,
    DNABERT2,
    FAMILIES,
    GENA,
    NUCLEOTIDE_TRANSFORMER,
)

POOLER = ("pooler.",)
"""Prefixes of encoder weights that a classifier trains together with its head, and that masked
language models do not have."""
_VOCABULARY_HEADS = {
    "bert": "cls",
    "albert": "predictions",
    "esm": "lm_head",
    DNABERT2.model_type: "cls",
    GENA.model_type: "cls",
    NUCLEOTIDE_TRANSFORMER.model_type: "lm_head",
    CADUCEUS.model_type: "lm_head",
}
_FIRST_TOKEN_HEADS = (
    "esm",
    "electra",
    "xlm-roberta",
    "camembert",
    NUCLEOTIDE_TRANSFORMER.model_type,
)
_POOLED_HEADS = ("bert", "albert", DNABERT2.model_type, GENA.model_type)
_IGNORE_PADDING = frozenset(
    "albert bert camembert data2vec-text deberta deberta-v2 distilbert electra ernie esm eurobert "
    "gte jina_embeddings_v3 layoutlm megatron-bert modernbert mpnet nomic_bert rembert roberta "
    "roberta-prelayernorm roc_bert roformer xlm-roberta xlm-roberta-xl".split()
) | {CONVNET, *(family.model_type for family in FAMILIES)}
"""Model types whose values for a row do not depend on padding. In others, padding affects
convolutions, Fourier transforms or landmarks, so they are given rows of equal length."""


def masked_logits(
    model: Any,
    ids: Tensor,
    attention: Tensor | None,
    positions: Tensor,
    packed: Packed | None = None,
) -> Tensor:
    """Return the vocabulary logits at flat `positions`, (m, vocabulary).

    Parameters
    ----------
    model
        A transformers masked language model.
    ids
        Token ids, shape (rows, tokens).
    attention
        True for real tokens, shape (rows, tokens); None without padding.
    positions
        Flat positions `row * tokens + token`, (m,). In a row that is read in windows, the logits
        of a position come from the window whose middle is nearest.
    packed
        Where the real tokens are, if only these are to be computed; `positions` must then be
        positions of real tokens. Only a RoBERTa that does not read in windows uses it.
    """
    tokens = _window_tokens(model, ids)
    if tokens is not None:
        packed = None
        windows = cut(ids, attention, tokens, _pad_id(model))
        positions = nearest(windows, positions, ids.shape[1])
        ids, attention = windows.ids, windows.attention
    if is_roberta(model):
        if packed is not None:
            return model.lm_head(unpadded.hidden_states_at(model.roberta, ids, packed, positions))
        return model.lm_head(hidden_states_at(model.roberta, ids, attention, positions))
    head = _VOCABULARY_HEADS.get(model.config.model_type)
    if head is None:
        return _run(model, ids, attention, "logits").flatten(0, 1)[positions]
    hidden = _run(model.base_model, ids, attention, "last_hidden_state")
    return getattr(model, head)(hidden.flatten(0, 1)[positions])


def token_logits(model: Any, ids: Tensor) -> Tensor:
    """Return the vocabulary logits of every token, (rows, tokens, vocabulary).

    Parameters
    ----------
    model
        A transformers language model; rows are read as a whole, never in windows.
    ids
        Token ids of rows without padding, (rows, tokens).
    """
    return _run(model, ids, None, "logits")


def class_logits(
    model: Any, ids: Tensor, attention: Tensor | None, packed: Packed | None = None
) -> Tensor:
    """Return the class logits, (rows, classes).

    Parameters
    ----------
    model
        A transformers classifier.
    ids
        Token ids, shape (rows, tokens).
    attention
        True for real tokens, (rows, tokens); None without padding. Padding must be at the right
        end.
    packed
        As for :func:`masked_logits`.
    """
    if getattr(model.config, "bases_per_token", None):
        raise ValueError("a classifier of bases has no logits of rows")
    tokens = _window_tokens(model, ids)
    if tokens is None:
        return _row_logits(model, ids, attention, packed)
    windows = cut(ids, attention, tokens, _pad_id(model))
    if pool_of(model) == "hidden":
        states = _of_windows(_head_input, model, windows, len(ids))
        return _class_head(model, mean_over_windows(states, windows))
    # The difference of mean logits is the mean difference of logits: for two classes, the mean log
    # odds.
    return mean_over_windows(_of_windows(_row_logits, model, windows, len(ids)), windows)


def last_hidden_state(
    model: Any, ids: Tensor, attention: Tensor | None, packed: Packed | None = None
) -> Tensor:
    """Return the encoder's last hidden state of every token, (rows, tokens, hidden).

    Parameters
    ----------
    model
        A transformers model with any head; rows are read as a whole, never in windows.
    ids
        Token ids, shape (rows, tokens).
    attention
        True for real tokens, shape (rows, tokens); None without padding.
    packed
        As for :func:`masked_logits`; the states of padding are then 0.
    """
    if is_roberta(model):
        if packed is not None:
            return unpadded.all_hidden_states(model.roberta, ids, packed)
        positions = torch.arange(ids.numel(), device=ids.device)
        states = hidden_states_at(model.roberta, ids, attention, positions)
        return states.unflatten(0, tuple(ids.shape))
    return _run(model.base_model, ids, attention, "last_hidden_state")


def _of_windows(
    compute: Callable[[Any, Tensor, Tensor | None], Tensor],
    model: Any,
    windows: Windows,
    rows: int,
) -> Tensor:
    """Return the result of `compute` for each window, (windows, columns).

    Without gradients, a forward pass has as many windows as the batch has rows, so evaluation and
    prediction need no more memory for long sequences than for others.
    """
    if torch.is_grad_enabled():
        return compute(model, windows.ids, windows.attention)
    ids = windows.ids.split(rows)
    unpadded = [None] * len(ids)
    attention = unpadded if windows.attention is None else windows.attention.split(rows)
    return torch.cat([compute(model, *part) for part in zip(ids, attention, strict=True)])


def set_windows(settings: Any, pool: str, tokens: int) -> None:
    """Let a model read sequences of more than `tokens` tokens in windows, unless `pool` is `none`.

    Parameters
    ----------
    settings
        Configuration of a transformers model; changed in place.
    pool
        Quantity averaged over the windows: `log-odds`, `hidden`, or `none` for no windows.
    tokens
        Number of tokens per window, including special tokens.

    Raises
    ------
    InputError
        If the hidden states of this type of model cannot be averaged.
    """
    if pool == "none":
        return
    known = ("roberta", ALIBI, *_FIRST_TOKEN_HEADS, *_POOLED_HEADS)
    if pool == "hidden" and settings.model_type not in known:
        raise InputError(
            f"what the head of a {settings.model_type} model reads is not known here, so it cannot "
            "be averaged over windows",
            remedy="Use --windows log-odds.",
        )
    setattr(settings, WINDOWS, {"pool": pool, "tokens": tokens})


def pool_of(model: Any) -> str | None:
    """Return the quantity averaged over the windows of a long sequence; None without windows."""
    settings = getattr(model.config, WINDOWS, None)
    return None if settings is None else str(settings["pool"])


def _window_tokens(model: Any, ids: Tensor) -> int | None:
    """Return the number of tokens per window if a batch must be read in windows, else None."""
    settings = getattr(model.config, WINDOWS, None)
    if settings is None or ids.shape[1] <= settings["tokens"]:
        return None
    return int(settings["tokens"])


def _pad_id(model: Any) -> int:
    return int(model.config.pad_token_id or 0)


def _run(model: Any, ids: Tensor, attention: Tensor | None, output: str) -> Tensor:
    """Return an output of a model's own forward pass, (rows, ...)."""
    if attention is None:
        return _checked(getattr(model(input_ids=ids), output), ids, output)
    if model.config.model_type in _IGNORE_PADDING:
        return getattr(model(input_ids=ids, attention_mask=attention.long()), output)
    lengths = attention.sum(1)
    values, order = [], []
    for length in lengths.unique().tolist():
        rows = (lengths == length).nonzero()[:, 0]
        value = _checked(
            getattr(model(input_ids=ids[rows, :length]), output), ids[rows, :length], output
        )
        # Values of tokens are padded again to the width of the batch.
        missing = ids.shape[1] - length
        values.append(F.pad(value, (0, 0, 0, missing)) if value.ndim == 3 else value)
        order.append(rows)
    return torch.cat(values)[torch.cat(order).argsort()]


def _checked(value: Tensor, ids: Tensor, output: str) -> Tensor:
    """Refuse hidden states that are not one for each token, such as those of a Funnel encoder without a decoder."""
    if output == "last_hidden_state" and value.shape[1] != ids.shape[1]:
        raise InputError(
            f"the model has {value.shape[1]} hidden states for {ids.shape[1]} tokens, so which bases one is of is "
            "not known",
            remedy="Use a model with one hidden state for each token, such as BERT, RoBERTa or ESM.",
        )
    return value


def _row_logits(
    model: Any, ids: Tensor, attention: Tensor | None, packed: Packed | None = None
) -> Tensor:
    if is_roberta(model):
        if packed is not None:
            return _class_head(model, unpadded.first_hidden_state(model.roberta, ids, packed))
        return _class_head(model, first_hidden_state(model.roberta, ids, attention))
    return _run(model, ids, attention, "logits")


def _head_input(model: Any, ids: Tensor, attention: Tensor | None) -> Tensor:
    """Return the input of the classification head for each row, (rows, hidden)."""
    if is_roberta(model):
        return first_hidden_state(model.roberta, ids, attention)
    if model.config.model_type in _POOLED_HEADS:
        return _run(model.base_model, ids, attention, "pooler_output")
    return _run(model.base_model, ids, attention, "last_hidden_state")[:, 0]


def _class_head(model: Any, state: Tensor) -> Tensor:
    if model.config.model_type in _POOLED_HEADS:
        return model.classifier(model.dropout(state))
    return model.classifier(state.unsqueeze(1))
