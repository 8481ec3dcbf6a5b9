"""The platform's encoders and classifiers: plain Hugging Face models of a given size and seed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
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
from dnasweep.config.model import CONVNET
from dnasweep.errors import InputError
from dnasweep.models.encoder.alibi import (
    AlibiRobertaForMaskedLM,
    AlibiRobertaForSequenceClassification,
    make_config,
)
from dnasweep.models.encoder.capacity import ALIBI, check_fits
from dnasweep.models.encoder.convnet import ConvNetConfig, ConvNetForSequenceClassification
from dnasweep.models.encoder.forward import set_windows
from dnasweep.models.pretrained.base_classifier import base_classifier, set_base_head
from dnasweep.models.pretrained.checkpoint import load_encoder
from dnasweep.models.pretrained.class_names import name_classes
from dnasweep.models.pretrained.config_file import read_config
from dnasweep.tokens.loading import load_tokenizer
from dnasweep.tokens.tokenizers import DnaTokenizer

POSITION_MULTIPLE = 8

_MASKED_LMS: dict[str, Any] = {
    "roberta": RobertaForMaskedLM,
    "albert": AlbertForMaskedLM,
    ALIBI: AlibiRobertaForMaskedLM,
}
_CLASSIFIERS: dict[str, Any] = {
    "roberta": RobertaForSequenceClassification,
    "albert": AlbertForSequenceClassification,
    ALIBI: AlibiRobertaForSequenceClassification,
    CONVNET: ConvNetForSequenceClassification,
}


def _settings(
    config: ModelConfig, tokenizer: DnaTokenizer, max_tokens: int, dropout: float
) -> PreTrainedConfig:
    settings: dict[str, Any] = {
        "vocab_size": tokenizer.vocab_size,
        "hidden_size": config.hidden,
        "num_hidden_layers": config.layers,
        "hidden_dropout_prob": dropout,
        "pad_token_id": tokenizer.pad_id,
    }
    if config.family == CONVNET:
        return ConvNetConfig(**settings)
    settings |= {
        "num_attention_heads": config.heads,
        "intermediate_size": config.intermediate,
        "type_vocab_size": 1,
        # With dropout of attention weights, attention cannot use its fused implementation; that
        # costs far more than the regularisation is worth.
        "attention_probs_dropout_prob": 0.0,
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
        Tokenizer, which determines the vocabulary size and the special tokens.
    num_tokens
        Length of the longest sequence in tokens, including special tokens. Without
        `config.max_tokens` the model gets this many positions, rounded up to a multiple of 8.
    dropout
        Dropout probability, applied everywhere in the encoder except to attention weights.
    seed
        Seed of the initial weights; torch's global generator is not changed.

    Raises
    ------
    InputError
        If `num_tokens` is more than `config.max_tokens` and windows are not used.
    """
    max_tokens = _max_tokens(config, num_tokens)
    settings = _settings(config, tokenizer, max_tokens, dropout)
    set_windows(settings, config.windows, max_tokens)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _MASKED_LMS[settings.model_type](settings)


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
    head: Literal["row", "bases"] = "row",
    places: int = 1,
) -> PreTrainedModel:
    """Return a classifier whose encoder is taken from a masked language model or initialised.

    Parameters
    ----------
    config, tokenizer, num_tokens, dropout
        As for :func:`build_masked_lm`.
    num_labels
        Number of classes.
    seed
        Seed of the head, and of the encoder if none is given.
    encoder
        Directory of a masked language model saved by
        :func:`dnasweep.models.pretrained.checkpoint.export`; the classifier has the same number of
        positions.
    label_names
        Names of the classes, in order; default `LABEL_0`, `LABEL_1`...
    head
        Head: logits for a row, or for each of its bases.
    places
        Number of bins per row in which bases are averaged; 1: no bins.

    Raises
    ------
    InputError
        If the sequences do not fit, `encoder` is not a checkpoint, or its size or vocabulary
        differs from that of the classifier.
    """
    if encoder is None:
        max_tokens = _max_tokens(config, num_tokens)
    else:
        max_tokens = _check_encoder(Path(encoder), config, tokenizer, num_tokens)
    settings = _settings(config, tokenizer, max_tokens, dropout)
    set_windows(settings, config.windows, max_tokens)
    name_classes(settings, num_labels, label_names)
    kind = _CLASSIFIERS[settings.model_type]
    if head == "bases":
        set_base_head(settings, tokenizer, places)
        kind = base_classifier(settings)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: PreTrainedModel = kind(settings)
    if encoder is not None:
        load_encoder(model, Path(encoder))
    return model


def _check_encoder(
    encoder: Path, config: ModelConfig, tokenizer: DnaTokenizer, num_tokens: int
) -> int:
    """Return the encoder's number of positions, after checking that it is the requested
    encoder."""
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
                f"the encoder has {name} {found.get(name)}, but the classifier needs {value}",
                file=encoder,
                remedy="Use the model size and the tokenizer that the encoder was pretrained with.",
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
