"""Models on disk: plain HuggingFace directories, safetensors only.

Directories written by :func:`export` open with `AutoModelForMaskedLM` or `AutoModelForSequenceClassification`
and `AutoTokenizer`, using transformers alone. Nothing is ever unpickled from a path given by a user. The
state of a training run in progress is handled in :mod:`dnasweep.models.training.train_state`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel
from transformers.utils import logging

from dnasweep.errors import InputError
from dnasweep.models.encoder.forward import POOLER
from dnasweep.models.families.classes import classes_of
from dnasweep.models.families.registry import recognise
from dnasweep.models.pretrained.base_classifier import base_classifier
from dnasweep.models.pretrained.class_names import check_classes, check_single_output
from dnasweep.models.pretrained.config_file import read_config
from dnasweep.models.pretrained.dropout import set_dropout
from dnasweep.models.pretrained.heads import OF_BASES, UNKNOWN, Head, check_head, kind_of
from dnasweep.models.pretrained.model_class import class_named, load_model, masked_class
from dnasweep.models.pretrained.settings import settings_of
from dnasweep.models.pretrained.smoke_test import check_runs
from dnasweep.models.pretrained.vocabulary_match import check_own_vocabulary
from dnasweep.models.pretrained.weight_files import is_counter, read_headers, read_tensors
from dnasweep.models.pretrained.weight_match import refuse_misfit
from dnasweep.tasks.last_layer import compute_exactly, output_layers
from dnasweep.tasks.registry import BASES_PER_TOKEN, task_of_model
from dnasweep.tokens.loading import has_tokenizer, load_tokenizer
from dnasweep.tokens.tokenizers import DnaTokenizer


def export(model: PreTrainedModel, tokenizer: DnaTokenizer | None, directory: str | Path) -> Path:
    """Write model and tokenizer as a plain HuggingFace directory and return it.

    Parameters
    ----------
    model
        A masked language model or a classifier; weights keep their precision.
    tokenizer
        Tokenizer of the model; None writes only the model.
    directory
        Directory to write; created if missing, and existing files of the same names are replaced.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    # Writing a single file is fast.
    logging.disable_progress_bar()
    model.save_pretrained(directory, max_shard_size="50GB")
    if tokenizer is not None:
        tokenizer.save(directory)
    return directory


def read_weights(directory: str | Path) -> dict[str, Tensor]:
    """Return the weights of a model directory by name, on the CPU.

    Raises
    ------
    InputError
        As :func:`read_config`, and for damaged files and values that are not finite.
    """
    directory = Path(directory)
    read_config(directory)
    return read_tensors(directory)


def load_classifier(directory: str | Path) -> PreTrainedModel:
    """Return the classifier in `directory`, in fp32, in evaluation mode, on the CPU.

    If it predicts numbers, its last layer is always computed in fp32.

    Raises
    ------
    InputError
        If the directory is not a checkpoint of a classifier that transformers itself can run, if its
        weights do not match its class, or if it does not run.
    """
    model = _load(Path(directory), "classifier")
    task = task_of_model(model.config.to_dict())
    if task.unit:
        places = getattr(model.config, BASES_PER_TOKEN, None) or 1
        # The last layer of a few kinds, such as Perceiver, is not outside their encoder.
        for layer in output_layers(model, task.num_outputs * places)[-1:]:
            compute_exactly(layer)
    return model


def open_classifier(
    model: PreTrainedModel | str | Path, tokenizer: DnaTokenizer | None = None
) -> tuple[PreTrainedModel, DnaTokenizer]:
    """Return a classifier and its tokenizer; either is loaded from the directory `model` if not given."""
    if not isinstance(model, PreTrainedModel):
        tokenizer = load_tokenizer(Path(model)) if tokenizer is None else tokenizer
        model = load_classifier(model)
    if tokenizer is None:
        raise ValueError("a model that is not given as a directory needs its tokenizer")
    return model, tokenizer


def load_masked_lm(directory: str | Path, *, dropout: float | None = None) -> PreTrainedModel:
    """Return the masked language model in `directory`; as :func:`load_classifier`.

    Parameters
    ----------
    directory
        A model directory.
    dropout
        Dropout probability for training; None uses that of the directory.
    """
    return _load(Path(directory), "masked", dropout)


def load_causal_lm(directory: str | Path) -> PreTrainedModel:
    """Return the causal language model in `directory`; as :func:`load_classifier`."""
    return _load(Path(directory), "causal")


def _load(directory: Path, wanted: Head, dropout: float | None = None) -> PreTrainedModel:
    config = read_config(directory)
    family = recognise(config, read_headers(directory), directory)
    found = kind_of(directory)
    check_head(found, wanted, directory)
    kind: Any = None
    settings = settings_of(config, directory)
    if dropout is not None:
        set_dropout(settings, dropout)
    if found.architecture.endswith(OF_BASES):
        kind = base_classifier(settings)
    elif family is not None:
        classes = classes_of(family)
        kind = classes.classifier if wanted == "classifier" else classes.language_model
    elif found.architecture != UNKNOWN:
        kind = class_named(found.architecture, str(config.get("model_type")), directory)
    check_classes(settings, directory)
    if wanted == "classifier":
        check_single_output(settings, directory)
    kind = masked_class(settings, directory) if kind is None else kind
    loaded = load_model(kind, directory, settings)
    refuse_misfit(
        str(settings.model_type),
        directory,
        missing=[name for name in loaded.missing if not is_counter(name)],
        unexpected=[name for name in loaded.unexpected if not is_counter(name)],
    )
    check_own_vocabulary(directory)
    needed = wanted == "classifier" and getattr(settings, "pad_token_id", 0) is None
    if needed and has_tokenizer(directory):
        # transformers' causal classifiers run only one row at a time without it.
        loaded.model.config.pad_token_id = load_tokenizer(directory).pad_id
    check_runs(loaded.model, directory)
    return loaded.model.eval()


def load_encoder(model: PreTrainedModel, directory: Path) -> None:
    """Copy the encoder weights from a model directory written by this platform into a classifier.

    Parameters
    ----------
    model
        A classifier of the same family and size, changed in place. A pooler that the directory
        lacks stays unchanged.
    directory
        Directory written by :func:`export`.

    Raises
    ------
    InputError
        If the weights do not match the classifier's encoder.
    """
    prefix = f"{model.base_model_prefix}."
    weights: dict[str, Tensor] = {
        name.removeprefix(prefix): value.to(torch.float32)
        for name, value in read_weights(directory).items()
        if name.startswith(prefix)
    }
    result = model.base_model.load_state_dict(weights, strict=False)
    missing = [name for name in result.missing_keys if not name.startswith(POOLER)]
    if missing or result.unexpected_keys:
        names = ", ".join([*missing, *result.unexpected_keys][:3])
        raise InputError(
            f"the encoder's weights do not match a {model.config.model_type} encoder ({names})",
            file=directory,
            remedy="Use a directory written by the pretraining stage.",
        )
