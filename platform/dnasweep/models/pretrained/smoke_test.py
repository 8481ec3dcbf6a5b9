"""A smoke test: run a model on two short rows before it is used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dnasweep.errors import InputError
from dnasweep.models.encoder.capacity import tokens_at_once
from dnasweep.models.encoder.forward import class_logits, last_hidden_state, masked_logits
from dnasweep.tasks.registry import BASES_PER_TOKEN
from dnasweep.tokens.model_files import first_line

_TOKENS = (9, 6)
"""Number of tokens of each of the two rows."""
_TOLERANCE = 1e-3
"""Largest difference between a row alone and in a batch, relative to the largest value, in fp32."""
_AHEAD = 1e-5
"""Largest influence of a token on what is predicted of those before it, relative to the largest value."""


def check_runs(model: Any, directory: Path) -> None:
    """Refuse a model that does not run, returns values that are not finite, or reads padding.

    Parameters
    ----------
    model
        A classifier or masked language model, on the CPU in fp32.
    directory
        Directory of the model, for error messages.

    Raises
    ------
    InputError
        With the reason.
    """
    training = model.training
    model.eval()
    try:
        with torch.inference_mode(), torch.random.fork_rng(devices=[]):
            alone, together = _values(model)
    except MemoryError:
        raise
    except Exception as error:  # a class may raise anything for an unexpected row
        raise InputError(
            f"transformers' {model.config.model_type} with these settings does not run on a row of "
            f"a few tokens ({first_line(error)})",
            file=directory,
            remedy="Use a model that reads rows of any length, such as BERT, RoBERTa or ESM.",
        ) from error
    finally:
        model.train(training)
    if not (torch.isfinite(alone).all() and torch.isfinite(together).all()):
        raise InputError(
            "the output of the model is not finite (nan or inf)",
            file=directory,
            remedy="Its training has diverged or a file is damaged: give another model.",
        )
    if (alone - together).abs().max() > _TOLERANCE * max(1.0, float(alone.abs().max())):
        raise InputError(
            "the output of the model for a row depends on other rows of the batch",
            file=directory,
            remedy="Use a model that ignores padding, such as BERT, RoBERTa or ESM.",
        )


def reads_ahead(model: Any) -> bool:
    """Return whether what a language model predicts of a token depends on that token or on later ones.

    This is so for a class of causal models on an encoder, such as `BertLMHeadModel` without `is_decoder`, and for
    XLNet.

    Parameters
    ----------
    model
        A causal language model, on the CPU in fp32.
    """
    known = _known_ids(model.config)
    row = [known[i % len(known)] for i in range(_TOKENS[1])]
    other = next(i for i in known if i != row[-1])
    with torch.inference_mode():
        first, second = (
            model(input_ids=torch.tensor([ids])).logits[0, :-1]
            for ids in (row, [*row[:-1], other])
        )
    return bool((first - second).abs().max() > _AHEAD * max(1.0, float(first.abs().max())))


def _known_ids(config: Any) -> list[int]:
    """Return ids of tokens without the roles of padding and masking."""
    special = {getattr(config, f"{role}_token_id", None) for role in ("pad", "mask")}
    return [i for i in range(min(int(config.vocab_size), 64)) if i not in special]


def _values(model: Any) -> tuple[Tensor, Tensor]:
    """Return the logits of two rows, first each row alone and then both in one batch."""
    config = model.config
    limit = tokens_at_once(config.to_dict())
    long, short = (max(1, min(tokens, limit)) for tokens in _TOKENS)
    known = _known_ids(config)
    row = [known[i % len(known)] for i in range(long)]
    pad = int(config.pad_token_id or 0)
    ids = torch.tensor([row, row[:short] + [pad] * (long - short)])
    attention = torch.arange(long) < torch.tensor([[long], [short]])
    compute = _computed(model)
    together = compute(model, ids, None if long == short else attention)
    alone = [compute(model, ids[:1], None)[0], compute(model, ids[1:, :short], None)[0]]
    return torch.stack(alone), together


def _computed(model: Any) -> Callable[[Any, Tensor, Tensor | None], Tensor]:
    """Return a function for the tested outputs of a model: class logits, vocabulary logits or states."""
    if type(model).__name__.endswith("ForSequenceClassification"):
        return class_logits
    if getattr(model.config, BASES_PER_TOKEN, None):
        return _first_token_classes
    if model.base_model is model:
        return lambda model, ids, attention: last_hidden_state(model, ids, attention)[:, 0]
    return _first_token_logits


def _first_token_classes(model: Any, ids: Tensor, attention: Tensor | None) -> Tensor:
    """Return the base logits of the first token of each row."""
    return model.classifier(last_hidden_state(model, ids, attention)[:, 0])


def _first_token_logits(model: Any, ids: Tensor, attention: Tensor | None) -> Tensor:
    """Return the vocabulary logits at the first token of each row."""
    first = torch.arange(len(ids)) * ids.shape[1]
    return masked_logits(model, ids, attention, first)
