"""The encoder of a pretrained checkpoint as the start of a classifier.

Any encoder that transformers' own classes support can be used, as can the families of
:mod:`dnasweep.models.families`. Only safe formats are read, and code that comes with
a model is never run.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from transformers import (
    MODEL_FOR_MASKED_LM_MAPPING,
    MODEL_FOR_MULTIPLE_CHOICE_MAPPING,
    MODEL_FOR_PRETRAINING_MAPPING,
    MODEL_FOR_QUESTION_ANSWERING_MAPPING,
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
    MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING,
    MODEL_MAPPING,
    PreTrainedConfig,
    PreTrainedModel,
)

from dnasweep.config import ModelConfig
from dnasweep.errors import InputError
from dnasweep.models.encoder.alibi import AlibiRobertaForSequenceClassification
from dnasweep.models.encoder.capacity import (
    ALIBI,
    UNBOUNDED,
    WINDOWS,
    check_fits,
    tokens_at_once,
)
from dnasweep.models.encoder.forward import POOLER, set_windows
from dnasweep.models.families.classes import classes_by_type
from dnasweep.models.families.registry import recognise
from dnasweep.models.pretrained.base_classifier import base_classifier, set_base_head
from dnasweep.models.pretrained.checkpoint import load_encoder
from dnasweep.models.pretrained.class_names import name_classes
from dnasweep.models.pretrained.config_file import (
    CONFIG_FILE,
    config_misfit,
    read_config,
    read_settings,
)
from dnasweep.models.pretrained.dropout import set_dropout
from dnasweep.models.pretrained.heads import is_of_classifier
from dnasweep.models.pretrained.model_class import (
    LoadedModel,
    attention_of,
    load_model,
    prepare,
)
from dnasweep.models.pretrained.settings import settings_of
from dnasweep.models.pretrained.smoke_test import check_runs
from dnasweep.models.pretrained.vocabulary_match import check_vocabulary
from dnasweep.models.pretrained.weight_files import is_counter, read_headers
from dnasweep.models.pretrained.weight_match import check_size, refuse_misfit, weightless
from dnasweep.tokens.model_files import first_line
from dnasweep.tokens.tokenizers import DnaTokenizer

_HEADS = (
    MODEL_FOR_MASKED_LM_MAPPING,
    MODEL_FOR_PRETRAINING_MAPPING,
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
    MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING,
    MODEL_FOR_QUESTION_ANSWERING_MAPPING,
    MODEL_FOR_MULTIPLE_CHOICE_MAPPING,
)
"""Heads of transformers that a checkpoint may contain; they are discarded."""


def describe(directory: Path) -> ModelConfig:
    """Return the size and kind of the encoder in a model directory.

    Raises
    ------
    InputError
        If the directory is not a checkpoint of an encoder that transformers itself can run.
    """
    config = _encoder_config(directory)
    recognise(read_config(directory), read_headers(directory), directory)
    path = directory / CONFIG_FILE
    alibi = config.model_type == ALIBI
    try:
        tokens = tokens_at_once(config.to_dict())
        hidden = int(config.hidden_size)
        return ModelConfig(
            layers=int(config.num_hidden_layers),
            hidden=hidden,
            # An FNet has no attention heads.
            heads=int(getattr(config, "num_attention_heads", 1)),
            intermediate=int(getattr(config, "intermediate_size", 4 * hidden)),
            max_tokens=None if tokens == UNBOUNDED else tokens,
            family="roberta" if alibi else str(config.model_type),
            embedding=int(getattr(config, "embedding_size", hidden)),
            positions="alibi" if alibi else "learned",
        )
    except ValueError as error:
        reason = error.reason if isinstance(error, InputError) else first_line(error)
        raise config_misfit(reason, path) from error
    except (TypeError, AttributeError) as error:
        raise InputError(
            f"a {config.model_type} model is not described by layers of one size "
            f"({first_line(error)})",
            file=path,
            remedy="Use a model of another kind, such as BERT, RoBERTa or ESM.",
        ) from error


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
    head: Literal["row", "bases"] = "row",
    places: int = 1,
    bias: bool = False,
) -> PreTrainedModel:
    """Return a classifier with the encoder of a model directory and a new head.

    Parameters
    ----------
    directory
        Directory of a model saved by transformers, with or without a head.
    config
        Configuration returned by :func:`describe`; `max_tokens` and `windows` may be changed.
    tokenizer, num_tokens, num_labels, label_names, head, places
        As for :func:`dnasweep.models.architecture.build_classifier`.
    dropout
        Dropout probability in encoder and head; attention weights get no dropout.
    seed
        Seed of the head, and of a pooler if the directory lacks one.
    bias
        Give the last layer of HyenaDNA and Caduceus a bias, which their authors' classifiers lack.

    Raises
    ------
    InputError
        If the directory, the vocabulary or the length of the sequences does not fit.
    """
    settings = _encoder_config(directory)
    check_vocabulary(settings, tokenizer, directory)
    # `config`, not the checkpoint, determines how long sequences are read.
    if hasattr(settings, WINDOWS):
        setattr(settings, WINDOWS, None)
    if config.max_tokens is not None:
        if config.windows == "none":
            check_fits(config.max_tokens, num_tokens)
        set_windows(settings, config.windows, config.max_tokens)
    settings.pad_token_id = tokenizer.pad_id
    set_dropout(settings, dropout)
    name_classes(settings, num_labels, label_names)
    # The directory may have had another head.
    if hasattr(settings, "score_bias"):
        settings.score_bias = bias
    set_base_head(settings, tokenizer if head == "bases" else None, places)
    alibi = settings.model_type == ALIBI
    kind: Any = base_classifier(settings) if head == "bases" else _classifier_class(settings)
    settings._attn_implementation = attention_of(kind)
    # The head is always new, even if the directory has one.
    stored = {k: v for k, v in read_headers(directory).items() if not is_of_classifier(k)}
    check_size(kind, settings, stored, directory)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: PreTrainedModel = kind(settings)
        if alibi:
            load_encoder(model, directory)
        else:
            _copy_encoder(model, directory, settings)
            prepare(model)
    check_runs(model, directory)
    return model


def new_parts(model: PreTrainedModel, directory: Path) -> list[str]:
    """Return the parts of a classifier without weights in a directory: its head, and possibly a pooler.

    Parameters
    ----------
    model
        Model returned by :func:`build_on_checkpoint`.
    directory
        Directory of the encoder.
    """
    stored = {name.removeprefix(f"{model.base_model_prefix}.") for name in read_headers(directory)}
    parts = []
    for name, _ in model.named_parameters():
        bare = name.removeprefix(f"{model.base_model_prefix}.")
        if bare == name or (bare.startswith(POOLER) and bare not in stored):
            parts.append(name.removesuffix(bare) + bare.split(".")[0])
    return list(dict.fromkeys(parts))


def check_encoder_weights(found: LoadedModel, settings: Any, directory: Path) -> None:
    """Refuse an encoder with missing weights, or a directory with weights of neither encoder nor head.

    Parameters
    ----------
    found
        Encoder returned by :func:`~dnasweep.models.pretrained.model_class.load_model`.
    settings
        Configuration of the model.
    directory
        Directory of the model, for the error message.

    Raises
    ------
    InputError
        For such weights, with their names.
    """
    refuse_misfit(
        settings.model_type,
        directory,
        missing=_not_fresh(found.missing),
        unexpected=_of_no_known_head(found.unexpected, settings),
    )


def _copy_encoder(model: PreTrainedModel, directory: Path, settings: PreTrainedConfig) -> None:
    """Copy the encoder of a directory into a classifier; a pooler it lacks stays as initialised."""
    family = classes_by_type(settings.model_type)
    kind: Any = MODEL_MAPPING[type(settings)] if family is None else family.encoder
    found = load_model(kind, directory, copy.deepcopy(settings))
    check_encoder_weights(found, settings, directory)
    weights = {k: v for k, v in found.model.state_dict().items() if k not in found.missing}
    left = model.base_model.load_state_dict(weights, strict=False).missing_keys
    refuse_misfit(settings.model_type, directory, missing=_not_fresh(left), unexpected=[])


def _not_fresh(names: list[str]) -> list[str]:
    """Return the names of weights that are neither freshly initialised with a head nor counters."""
    return [name for name in names if not name.startswith(POOLER) and not is_counter(name)]


def _of_no_known_head(names: list[str], settings: PreTrainedConfig) -> list[str]:
    """Return the names of weights that belong to no head of transformers for this kind of encoder."""
    if not names:
        return []
    heads = {"classifier.weight", "classifier.bias"}  # from a classifier of bases
    plain = copy.deepcopy(settings)
    plain.num_labels = 2  # names do not depend on it, and some heads allow no other number
    for head in _heads_of(plain):
        prefix = f"{head.base_model_prefix}."
        known = weightless(head, copy.deepcopy(plain)).state_dict()
        heads.update(name for name in known if not name.startswith(prefix))
    return [name for name in names if name not in heads and not is_counter(name)]


def _heads_of(settings: PreTrainedConfig) -> list[Any]:
    """Return the existing classes with a head for a kind of encoder."""
    family = classes_by_type(settings.model_type)
    if family is not None:
        return [family.language_model, family.classifier]
    found: list[Any] = []
    for kinds in _HEADS:
        if type(settings) in kinds:
            kind: Any = kinds[type(settings)]
            found += kind if isinstance(kind, tuple) else (kind,)
    return found


def _classifier_class(settings: PreTrainedConfig) -> Any:
    family = classes_by_type(settings.model_type)
    if family is not None:
        return family.classifier
    if settings.model_type == ALIBI:
        return AlibiRobertaForSequenceClassification
    return MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING[type(settings)]


def _encoder_config(directory: Path) -> Any:
    config = settings_of(read_settings(directory), directory)
    if config.model_type == ALIBI or classes_by_type(config.model_type) is not None:
        return config
    is_encoder = (
        type(config) in MODEL_FOR_MASKED_LM_MAPPING
        and type(config) in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING
        and not config.is_encoder_decoder
        and not getattr(config, "is_decoder", False)
        and not isinstance(MODEL_MAPPING[type(config)], tuple)
    )
    if not is_encoder:
        raise InputError(
            f"a {config.model_type} model is not a bidirectional encoder of every token",
            file=directory,
            remedy="Use a masked language model, such as BERT, RoBERTa or ESM.",
        )
    return config
