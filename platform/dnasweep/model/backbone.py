"""Encoders from elsewhere: any that transformers' own classes run, as the start of a classifier.

Only the safe formats are read, and no code that comes with a model is ever run.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import (
    MODEL_FOR_MASKED_LM_MAPPING,
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
    MODEL_MAPPING,
    AutoConfig,
    PreTrainedConfig,
    PreTrainedModel,
)

from dnasweep.config import ModelConfig
from dnasweep.errors import InputError
from dnasweep.language.tokenizers import DnaTokenizer
from dnasweep.model.alibi import AlibiRobertaConfig, AlibiRobertaForSequenceClassification
from dnasweep.model.architecture import FRESH, check_fits, load_encoder, name_classes, set_windows
from dnasweep.model.architectures import load_model
from dnasweep.model.capacity import ALIBI, UNBOUNDED, WINDOWS, tokens_at_once
from dnasweep.model.checkpoint import read_config

_DROPOUT = (
    "hidden_dropout_prob",
    "classifier_dropout",
    "classifier_dropout_prob",
    "dropout",
    "seq_classif_dropout",
    "embedding_dropout",
    "mlp_dropout",
)
_ATTENTION_DROPOUT = ("attention_probs_dropout_prob", "attention_dropout")


def describe(directory: Path) -> ModelConfig:
    """Return size and kind of the encoder in a model directory.

    Raises
    ------
    InputError
        When it is no checkpoint, or none of an encoder that transformers itself can run.
    """
    config = _encoder_config(directory)
    tokens = tokens_at_once(json.loads((directory / "config.json").read_text(encoding="utf-8")))
    hidden = int(config.hidden_size)
    alibi = config.model_type == ALIBI
    return ModelConfig(
        layers=int(config.num_hidden_layers),
        hidden=hidden,
        heads=int(config.num_attention_heads),
        intermediate=int(getattr(config, "intermediate_size", 4 * hidden)),
        max_tokens=None if tokens == UNBOUNDED else tokens,
        family="roberta" if alibi else str(config.model_type),
        embedding=int(getattr(config, "embedding_size", hidden)),
        positions="alibi" if alibi else "learned",
    )


def build_on_checkpoint(
    directory: Path,
    config: ModelConfig,
    *,
    tokenizer: DnaTokenizer,
    num_tokens: int,
    num_labels: int = 2,
    dropout: float,
    seed: int,
    label_names: Sequence[str] | None = None,
) -> PreTrainedModel:
    """Return a classifier whose encoder is that of a model directory, and whose head is new.

    Parameters
    ----------
    directory
        A model saved by transformers, with any head or none.
    config
        As :func:`describe` returns it; its `max_tokens` and `windows` count.
    tokenizer, num_tokens, num_labels, label_names
        As for :func:`dnasweep.model.architecture.build_classifier`.
    dropout
        Probability in encoder and head; the attention weights have none.
    seed
        Of the head, and of a pooler that the directory does not have.

    Raises
    ------
    InputError
        When the directory, the vocabulary or the length of the sequences does not fit.
    """
    settings = _encoder_config(directory)
    _check_vocabulary(settings, tokenizer, directory)
    # A checkpoint may say of itself how it reads long sequences; here the configuration says.
    if hasattr(settings, WINDOWS):
        setattr(settings, WINDOWS, None)
    if config.max_tokens is not None:
        if config.windows == "none":
            check_fits(config.max_tokens, num_tokens)
        set_windows(settings, config, config.max_tokens)
    settings.pad_token_id = tokenizer.pad_id
    for names, value in ((_DROPOUT, dropout), (_ATTENTION_DROPOUT, 0.0)):
        for name in names:
            if hasattr(settings, name):
                setattr(settings, name, value)
    name_classes(settings, num_labels, label_names)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if settings.model_type == ALIBI:
            model: PreTrainedModel = AlibiRobertaForSequenceClassification(settings)
            load_encoder(model, directory)
            return model
        kind: Any = MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING[type(settings)]
        model = kind(settings)
        _take_over(model, directory, settings)
    return model


def _take_over(model: PreTrainedModel, directory: Path, settings: PreTrainedConfig) -> None:
    """Put the encoder of a directory into a classifier; a pooler it lacks stays as initialised."""
    kind: Any = MODEL_MAPPING[type(settings)]
    found, missing = load_model(kind, directory, config=settings)
    lacking = [name for name in missing if not name.startswith(FRESH)]
    if lacking:
        raise InputError(
            f"its weights are not those of the {settings.model_type} encoder that config.json "
            f"describes: {', '.join(lacking[:3])}{' ...' if len(lacking) > 3 else ''} "
            f"{'is' if len(lacking) == 1 else 'are'} missing or of another shape",
            file=directory,
            remedy="Models that bring code of their own (DNABERT-2 is one) cannot be read; use "
            "one of transformers' own kinds.",
        )
    weights = {k: v for k, v in found.state_dict().items() if k not in missing}
    left = model.base_model.load_state_dict(weights, strict=False).missing_keys
    assert all(name.startswith(FRESH) for name in left), left


def _encoder_config(directory: Path) -> Any:
    found = read_config(directory)
    if found.get("model_type") == ALIBI:
        return AlibiRobertaConfig.from_pretrained(directory)
    try:
        config = AutoConfig.from_pretrained(
            directory, local_files_only=True, trust_remote_code=False
        )
    except Exception as error:  # strict dataclasses of transformers raise errors of many kinds
        own = "auto_map" in found
        raise InputError(
            f"transformers itself has no model of the kind {found.get('model_type')!r}"
            + (", and code that comes with a model is never run" if own else ""),
            file=directory,
            remedy="Use a model of a kind that transformers has, such as BERT, RoBERTa or ESM.",
        ) from error
    is_encoder = (
        type(config) in MODEL_FOR_MASKED_LM_MAPPING
        and type(config) in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING
        and not config.is_encoder_decoder
        and not getattr(config, "is_decoder", False)
    )
    if not is_encoder:
        raise InputError(
            f"a {config.model_type} model is no encoder that reads both sides of a base",
            file=directory,
            remedy="Use a masked language model, such as BERT, RoBERTa or ESM.",
        )
    return config


def _check_vocabulary(settings: Any, tokenizer: DnaTokenizer, directory: Path) -> None:
    if tokenizer.vocab_size > int(settings.vocab_size):
        raise InputError(
            f"the tokenizer has ids up to {tokenizer.vocab_size - 1} and the model has "
            f"{settings.vocab_size} token embeddings",
            file=directory,
            remedy="Give the model with the vocabulary it was trained with.",
        )
    if settings.pad_token_id not in (None, tokenizer.pad_id):
        raise InputError(
            f"config.json says the padding token is {settings.pad_token_id}, the tokenizer "
            f"{tokenizer.pad_id}",
            file=directory,
            remedy="Give the model with the vocabulary it was trained with.",
        )
