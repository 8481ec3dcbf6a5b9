"""Find the class of a classifier whose `config.json` names none, if its weights are unambiguous."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import (
    MODEL_FOR_MULTIPLE_CHOICE_MAPPING,
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
    MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING,
)

from dnasweep.models.encoder.forward import POOLER
from dnasweep.models.pretrained.settings import settings_of
from dnasweep.models.pretrained.weight_files import StoredTensor
from dnasweep.models.pretrained.weight_match import check_size, weightless

_OTHERS = (MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING, MODEL_FOR_MULTIPLE_CHOICE_MAPPING)
"""Other heads whose weights may have the same names as those of a classifier."""


def only_classifier(
    config: Mapping[str, Any], stored: Mapping[str, StoredTensor], directory: Path
) -> str | None:
    """Return the name of the transformers sequence classifier whose head matches the stored weights.

    Parameters
    ----------
    config
        Contents of `config.json`.
    stored
        Stored weights, see :func:`~dnasweep.models.pretrained.weight_files.read_headers`.
    directory
        Directory of the model, for error messages.

    Returns
    -------
    name
        None if there is no such class, or if a class with another head, such as a token classifier, has the
        same weights.

    Raises
    ------
    InputError
        If transformers has no such kind of model.
    """
    settings = settings_of(config, directory)
    if type(settings) not in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING:
        return None
    kind: Any = MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING[type(settings)]
    check_size(kind, settings, stored, directory)
    found = _head(kind, {name: weight.shape for name, weight in stored.items()})
    if _head_of(kind, settings) != found:
        return None
    others = [kinds[type(settings)] for kinds in _OTHERS if type(settings) in kinds]
    return None if any(_head_of(one, settings) == found for one in others) else str(kind.__name__)


def _head_of(kind: Any, settings: Any) -> dict[str, tuple[int, ...]]:
    weights = weightless(kind, copy.deepcopy(settings)).state_dict()
    return _head(kind, {name: tuple(value.shape) for name, value in weights.items()})


def _head(kind: Any, weights: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the weights of the head, including a pooler, which only some heads have."""
    encoder = f"{kind.base_model_prefix}."
    return {
        name: shape
        for name, shape in weights.items()
        if not name.startswith(encoder) or name.startswith(f"{encoder}{POOLER[0]}")
    }
