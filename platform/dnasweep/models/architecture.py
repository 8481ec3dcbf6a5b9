"""Encoders and classifiers of our own: plain HuggingFace models, sized, seeded and checked here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    AlbertConfig,
    AlbertForMaskedLM,
    AlbertForSequenceClassification,
    PreTrainedConfig,
    PreTrainedModel,
    RobertaConfig,
    RobertaForMaskedLM,
    RobertaForSequenceClassification,
)

from dnasweep.config import ModelConfig
from dnasweep.errors import InputError
from dnasweep.models.alibi import (
    AlibiRobertaForMaskedLM,
    AlibiRobertaForSequenceClassification,
    make_config,
)
from dnasweep.models.capacity import ALIBI, WINDOWS
from dnasweep.models.checkpoint import read_config, read_weights
from dnasweep.models.forward import check_pooling
from dnasweep.tokens.loading import load_tokenizer
from dnasweep.tokens.tokenizers import DnaTokenizer

POSITION_MULTIPLE = 8
FRESH = ("pooler.",)
"""Parts of an encoder that a classifier trains with its head; masked language models lack them."""

_MASKED: dict[str, Any] = {
    "roberta": RobertaForMaskedLM,
    "albert": AlbertForMaskedLM,
    ALIBI: AlibiRobertaForMaskedLM,
}
_CLASSIFIERS: dict[str, Any] = {
    "roberta": RobertaForSequenceClassification,
    "albert": AlbertForSequenceClassification,
    ALIBI: AlibiRobertaForSequenceClassification,
}


def num_parameters(model: nn.Module) -> int:
    """Return the number of trainable weights, tied ones counted once."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def check_fits(max_tokens: int, num_tokens: int) -> None:
    """Raise :class:`InputError` where a model of `max_tokens` positions cannot hold the data."""
    if num_tokens > max_tokens:
        raise InputError(
            f"the longest sequence has {num_tokens} tokens and the model holds {max_tokens}",
            remedy=f"Use --max-tokens {num_tokens} or more, a tokenizer with longer tokens, "
            "shorter sequences, or --windows to read them in parts.",
        )


def _settings(
    config: ModelConfig, tokenizer: DnaTokenizer, max_tokens: int, dropout: float
) -> PreTrainedConfig:
    settings: dict[str, Any] = {
        "vocab_size": tokenizer.vocab_size,
        "hidden_size": config.hidden,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "intermediate_size": config.intermediate,
        "type_vocab_size": 1,
        "hidden_dropout_prob": dropout,
        # Dropout of attention weights keeps attention off its fused path, which costs far more
        # than it regularises.
        "attention_probs_dropout_prob": 0.0,
        "pad_token_id": tokenizer.pad_id,
        "bos_token_id": tokenizer.cls_id,
        "eos_token_id": tokenizer.sep_id,
        "attn_implementation": "sdpa",
    }
    if config.family == "albert":
        return AlbertConfig(
            **settings,
            embedding_size=config.embedding,
            num_hidden_groups=1,
            max_position_embeddings=max_tokens,
            classifier_dropout_prob=dropout,
        )
    if config.family != "roberta":
        raise ValueError(f"a {config.family} model can only be read from a checkpoint")
    # RoBERTa's first real position is pad_token_id + 1.
    settings["max_position_embeddings"] = max_tokens + tokenizer.pad_id + 1
    return make_config(settings) if config.positions == "alibi" else RobertaConfig(**settings)


def set_windows(settings: PreTrainedConfig, config: ModelConfig, tokens: int) -> None:
    """Have sequences of more than `tokens` tokens read in windows, where `config` says so."""
    if config.windows != "none":
        check_pooling(settings.model_type, config.windows)
        setattr(settings, WINDOWS, {"pool": config.windows, "tokens": tokens})


def _max_tokens(config: ModelConfig, num_tokens: int) -> int:
    if config.max_tokens is None:
        return -(-num_tokens // POSITION_MULTIPLE) * POSITION_MULTIPLE
    if config.windows == "none":
        check_fits(config.max_tokens, num_tokens)
    return config.max_tokens


def build_masked_lm(
    config: ModelConfig,
    *,
    tokenizer: DnaTokenizer,
    num_tokens: int,
    dropout: float,
    seed: int,
) -> PreTrainedModel:
    """Return a freshly initialised masked language model.

    Parameters
    ----------
    config
        Size and kind of the encoder.
    tokenizer
        Gives the vocabulary size and the special tokens.
    num_tokens
        Longest sequence in tokens, special tokens counted. Without `config.max_tokens` the model
        holds this many, rounded up to a multiple of 8.
    dropout
        Probability, everywhere in the encoder but in the attention weights.
    seed
        Of the initial weights; torch's global generator is left as it was.

    Raises
    ------
    InputError
        When `num_tokens` is more than `config.max_tokens` and there are no windows.
    """
    max_tokens = _max_tokens(config, num_tokens)
    settings = _settings(config, tokenizer, max_tokens, dropout)
    set_windows(settings, config, max_tokens)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _MASKED[settings.model_type](settings)


def build_classifier(
    config: ModelConfig,
    *,
    tokenizer: DnaTokenizer,
    num_tokens: int,
    num_labels: int = 2,
    dropout: float,
    seed: int,
    encoder: Path | None = None,
    label_names: Sequence[str] | None = None,
) -> PreTrainedModel:
    """Return a classifier, its encoder taken from a masked language model or initialised.

    Parameters
    ----------
    config, tokenizer, num_tokens, dropout
        As for :func:`build_masked_lm`.
    num_labels
        Classes.
    seed
        Of the head, and of the encoder where none is given.
    encoder
        Directory that holds a masked language model saved by
        :func:`dnasweep.models.checkpoint.export`; the classifier takes over its positions.
    label_names
        Names of the classes, in order; default `LABEL_0`, `LABEL_1`...

    Raises
    ------
    InputError
        When the sequences do not fit, `encoder` is no checkpoint, or its shape or vocabulary is
        another one.
    """
    if encoder is None:
        max_tokens = _max_tokens(config, num_tokens)
    else:
        max_tokens = _check_encoder(Path(encoder), config, tokenizer, num_tokens)
    settings = _settings(config, tokenizer, max_tokens, dropout)
    set_windows(settings, config, max_tokens)
    name_classes(settings, num_labels, label_names)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: PreTrainedModel = _CLASSIFIERS[settings.model_type](settings)
    if encoder is not None:
        load_encoder(model, Path(encoder))
    return model


def name_classes(
    settings: PreTrainedConfig, num_labels: int, label_names: Sequence[str] | None
) -> None:
    """Write the names of the classes into a configuration."""
    names = [f"LABEL_{i}" for i in range(num_labels)] if label_names is None else label_names
    if len(names) != num_labels:
        raise ValueError(f"{len(names)} label names for {num_labels} labels")
    settings.id2label = dict(enumerate(names))
    settings.label2id = {name: i for i, name in enumerate(names)}


def _check_encoder(
    encoder: Path, config: ModelConfig, tokenizer: DnaTokenizer, num_tokens: int
) -> int:
    """Return the tokens the encoder holds, once it is known to be the one asked for."""
    found = read_config(encoder)
    wanted: dict[str, Any] = {
        "model_type": ALIBI if config.positions == "alibi" else config.family,
        "num_hidden_layers": config.layers,
        "hidden_size": config.hidden,
        "num_attention_heads": config.heads,
        "intermediate_size": config.intermediate,
        "vocab_size": tokenizer.vocab_size,
        "pad_token_id": tokenizer.pad_id,
    }
    if config.family == "albert":
        wanted["embedding_size"] = config.embedding
    for name, value in wanted.items():
        if found.get(name) != value:
            raise InputError(
                f"the encoder has {name} {found.get(name)} and the classifier needs {value}",
                file=encoder,
                remedy="Use the model size and the tokenizer the encoder was pretrained with.",
            )
    saved = encoder / "tokenizer.json"
    if saved.is_file() and load_tokenizer(encoder).tokens != tokenizer.tokens:
        raise InputError(
            "the encoder was pretrained with another vocabulary",
            file=encoder,
            remedy="Use the tokenizer saved beside the encoder.",
        )
    offset = 0 if config.family == "albert" else tokenizer.pad_id + 1
    max_tokens = int(found["max_position_embeddings"]) - offset
    if config.windows == "none":
        if config.positions != "alibi":
            check_fits(max_tokens, num_tokens)
        if config.max_tokens is not None:
            check_fits(config.max_tokens, num_tokens)
    return max_tokens


def load_encoder(model: PreTrainedModel, directory: Path) -> None:
    """Put the encoder's weights of a model directory of the same family into a classifier."""
    prefix = f"{model.base_model_prefix}."
    weights: dict[str, Tensor] = {
        name.removeprefix(prefix): value.to(torch.float32)
        for name, value in read_weights(directory).items()
        if name.startswith(prefix)
    }
    result = model.base_model.load_state_dict(weights, strict=False)
    lacking = [name for name in result.missing_keys if not name.startswith(FRESH)]
    if lacking or result.unexpected_keys:
        names = ", ".join([*lacking, *result.unexpected_keys][:3])
        kind = str(model.config.model_type)
        raise InputError(
            f"the encoder's weights do not match a {kind} encoder ({names})",
            file=directory,
            remedy="Use a directory written by the pretraining stage.",
        )
