"""Encoders and classifiers: plain HuggingFace RoBERTa models, sized, seeded and checked here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import RobertaConfig, RobertaForMaskedLM, RobertaForSequenceClassification

from dnasweep.config import ModelConfig
from dnasweep.errors import InputError
from dnasweep.language.tokenizers import DnaTokenizer
from dnasweep.model.checkpoint import read_config, read_weights

POSITION_MULTIPLE = 8


def num_parameters(model: nn.Module) -> int:
    """Return the number of trainable weights, tied ones counted once."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def check_fits(max_tokens: int, num_tokens: int) -> None:
    """Raise :class:`InputError` where a model of `max_tokens` positions cannot hold the data."""
    if num_tokens > max_tokens:
        raise InputError(
            f"the longest sequence has {num_tokens} tokens and the model holds {max_tokens}",
            remedy=f"Use --max-tokens {num_tokens} or more, a tokenizer with longer tokens, "
            "or shorter sequences.",
        )


def _roberta_config(
    config: ModelConfig, tokenizer: DnaTokenizer, max_tokens: int, dropout: float
) -> RobertaConfig:
    return RobertaConfig(
        vocab_size=tokenizer.vocab_size,
        hidden_size=config.hidden,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        intermediate_size=config.intermediate,
        # RoBERTa's first real position is pad_token_id + 1.
        max_position_embeddings=max_tokens + tokenizer.pad_id + 1,
        type_vocab_size=1,
        hidden_dropout_prob=dropout,
        # Dropout of attention weights keeps attention off its fused path, which costs far more
        # than it regularises.
        attention_probs_dropout_prob=0.0,
        pad_token_id=tokenizer.pad_id,
        bos_token_id=tokenizer.cls_id,
        eos_token_id=tokenizer.sep_id,
        attn_implementation="sdpa",  # type: ignore[call-arg]
    )


def _max_tokens(config: ModelConfig, num_tokens: int) -> int:
    if config.max_tokens is None:
        return -(-num_tokens // POSITION_MULTIPLE) * POSITION_MULTIPLE
    check_fits(config.max_tokens, num_tokens)
    return config.max_tokens


def build_masked_lm(
    config: ModelConfig,
    *,
    tokenizer: DnaTokenizer,
    num_tokens: int,
    dropout: float,
    seed: int,
) -> RobertaForMaskedLM:
    """Return a freshly initialised masked language model.

    Parameters
    ----------
    config
        Size of the encoder.
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
        When `num_tokens` is more than `config.max_tokens`.
    """
    settings = _roberta_config(config, tokenizer, _max_tokens(config, num_tokens), dropout)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return RobertaForMaskedLM(settings)


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
) -> RobertaForSequenceClassification:
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
        :func:`dnasweep.model.checkpoint.export`; the classifier takes over its positions.
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
    settings = _roberta_config(config, tokenizer, max_tokens, dropout)
    names = [f"LABEL_{i}" for i in range(num_labels)] if label_names is None else label_names
    if len(names) != num_labels:
        raise ValueError(f"{len(names)} label names for {num_labels} labels")
    settings.id2label = dict(enumerate(names))
    settings.label2id = {name: i for i, name in enumerate(names)}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = RobertaForSequenceClassification(settings)
    if encoder is not None:
        _load_encoder(model, Path(encoder))
    return model


def _check_encoder(
    encoder: Path, config: ModelConfig, tokenizer: DnaTokenizer, num_tokens: int
) -> int:
    """Return the tokens the encoder holds, once it is known to be the one asked for."""
    found = read_config(encoder)
    wanted = {
        "num_hidden_layers": config.layers,
        "hidden_size": config.hidden,
        "num_attention_heads": config.heads,
        "intermediate_size": config.intermediate,
        "vocab_size": tokenizer.vocab_size,
        "pad_token_id": tokenizer.pad_id,
    }
    for name, value in wanted.items():
        if found.get(name) != value:
            raise InputError(
                f"the encoder has {name} {found.get(name)} and the classifier needs {value}",
                file=encoder,
                remedy="Use the model size and the tokenizer the encoder was pretrained with.",
            )
    saved = encoder / "tokenizer.json"
    if saved.is_file() and DnaTokenizer.load(encoder).tokens != tokenizer.tokens:
        raise InputError(
            "the encoder was pretrained with another vocabulary",
            file=encoder,
            remedy="Use the tokenizer saved beside the encoder.",
        )
    max_tokens = int(found["max_position_embeddings"]) - tokenizer.pad_id - 1
    check_fits(max_tokens, num_tokens)
    if config.max_tokens is not None:
        check_fits(config.max_tokens, num_tokens)
    return max_tokens


def _load_encoder(model: RobertaForSequenceClassification, encoder: Path) -> None:
    prefix = "roberta."
    weights: dict[str, Tensor] = {
        name.removeprefix(prefix): value.to(torch.float32)
        for name, value in read_weights(encoder).items()
        if name.startswith(prefix)
    }
    result = model.roberta.load_state_dict(weights, strict=False)
    if result.missing_keys or result.unexpected_keys:
        names = ", ".join([*result.missing_keys, *result.unexpected_keys][:3])
        raise InputError(
            f"the encoder's weights do not match a RoBERTa encoder ({names})",
            file=encoder,
            remedy="Use a directory written by the pretraining stage.",
        )
