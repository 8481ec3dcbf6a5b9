"""Load the model of a directory with any head, for computing embeddings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import MODEL_MAPPING, PreTrainedModel

from dnasweep.errors import InputError
from dnasweep.models.families.classes import classes_by_type
from dnasweep.models.families.registry import recognise
from dnasweep.models.pretrained.checkpoint import (
    load_causal_lm,
    load_classifier,
    load_masked_lm,
)
from dnasweep.models.pretrained.config_file import read_config
from dnasweep.models.pretrained.encoder import check_encoder_weights
from dnasweep.models.pretrained.heads import kind_of
from dnasweep.models.pretrained.model_class import load_model
from dnasweep.models.pretrained.settings import settings_of
from dnasweep.models.pretrained.smoke_test import check_runs
from dnasweep.models.pretrained.vocabulary_match import check_own_vocabulary
from dnasweep.models.pretrained.weight_files import read_headers


def load_any(directory: str | Path) -> PreTrainedModel:
    """Return the model of a directory with its head, or only its encoder, in fp32 on the CPU.

    Parameters
    ----------
    directory
        A model directory.

    Raises
    ------
    InputError
        As :func:`~dnasweep.models.pretrained.checkpoint.load_classifier`.
    """
    directory = Path(directory)
    read_config(directory)
    head = kind_of(directory).head
    if head == "none":
        return _bare_encoder(directory)
    loaders = {"classifier": load_classifier, "masked": load_masked_lm, "causal": load_causal_lm}
    return loaders[head](directory)


def _bare_encoder(directory: Path) -> PreTrainedModel:
    config = read_config(directory)
    recognise(config, read_headers(directory), directory)
    settings = settings_of(config, directory)
    family = classes_by_type(settings.model_type)
    if family is None and type(settings) not in MODEL_MAPPING:
        raise InputError(
            f"transformers has no encoder of the kind {settings.model_type!r} without a head",
            file=directory,
            remedy="Give the model with its head, as written by save_pretrained.",
        )
    kind: Any = MODEL_MAPPING[type(settings)] if family is None else family.encoder
    if isinstance(kind, tuple):
        # Funnel has two encoders.
        named = config.get("architectures") or []
        kind = next((one for one in kind if one.__name__ in named), kind[0])
    found = load_model(kind, directory, settings)
    check_encoder_weights(found, settings, directory)
    check_own_vocabulary(directory)
    check_runs(found.model, directory)
    return found.model.eval()
