"""Determine the head of a model from config.json or, if that is not conclusive, from its weights.

A `config.json` on the hub may name no class (DNABERT-2), or all classes of its authors (the Nucleotide
Transformer v2), in which case the names alone would make a masked language model look like a classifier.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from dnasweep.errors import InputError
from dnasweep.models.families.family import Family
from dnasweep.models.families.registry import CADUCEUS, family_of
from dnasweep.models.pretrained.class_names import check_outputs
from dnasweep.models.pretrained.config_file import CONFIG_FILE, read_settings

CLASSIFIER = "ForSequenceClassification"
"""Suffix of the class names of classifiers."""
OF_BASES = "ForBaseClassification"
"""Suffix of the class names of classifiers of bases."""
MASKED = "ForMaskedLM"
"""Suffix of the class names of masked language models."""
CAUSAL = ("ForCausalLM", "LMHeadModel")
"""Suffixes of the class names of causal language models."""
UNKNOWN = "a model of unknown kind"

Head = Literal["classifier", "masked", "causal", "none"]
_NAMED: dict[Head, str] = {
    "classifier": f"a classifier (...{CLASSIFIER})",
    "masked": f"a masked language model (...{MASKED})",
    "causal": f"a causal language model (...{CAUSAL[0]})",
}
_CLASSES = re.compile(r"(classifier|score|logits_proj)\.")
_WORDS = re.compile(
    r"(cls\.predictions|lm_head|generator_lm_head|predictions|vocab_projector|vocab_layer_norm)\."
)
"""Patterns of weight names of each head, in transformers and in the families."""


class ModelKind(NamedTuple):
    """The head of a model, and its class."""

    head: Head
    """Kind of head; `none` for an encoder without a head, or with any other head."""
    architecture: str
    """Name of the class in `config.json`, or a description if it names none."""


def kind_of(directory: Path) -> ModelKind:
    """Return which head the model in a directory has.

    Parameters
    ----------
    directory
        A model directory. Names of weights are read only if `config.json` names no class or several.

    Raises
    ------
    InputError
        If `config.json` is missing or damaged, if the weights are needed and cannot be read, or if the outputs of a
        classifier are not known.
    """
    config = read_settings(directory)
    found = _kind_of(config, directory)
    if found.head == "classifier":
        check_outputs(config, directory)
    return found


def _kind_of(config: Mapping[str, Any], directory: Path) -> ModelKind:
    named = [str(name) for name in config.get("architectures") or []]
    if len(named) == 1:
        return ModelKind(_head_named(named[0]), named[0])
    # Imported here because most models need neither weights nor torch for this.
    from dnasweep.models.pretrained.weight_files import read_headers

    stored = read_headers(directory)
    found = kind_by_weights(config, stored)
    if found.architecture == UNKNOWN and any(map(is_of_classifier, stored)):
        from dnasweep.models.pretrained.unnamed_classifier import only_classifier

        name = only_classifier(config, stored, directory)
        return found if name is None else ModelKind("classifier", name)
    return found


def kind_by_weights(config: Mapping[str, Any], weights: Iterable[str]) -> ModelKind:
    """Return the head of a model whose `config.json` names no class or several.

    Parameters
    ----------
    config
        Contents of `config.json`.
    weights
        Names of the weights of the model.
    """
    named = [str(name) for name in config.get("architectures") or []]
    family = family_of(config)
    head = _head_of(list(weights), family)
    said = next((name for name in named if _head_named(name) == head), None)
    if said is not None:
        return ModelKind(head, said)
    if not named and (family is not None or head in ("masked", "none")):
        called = UNKNOWN if family is None else f"a {family.name}"
        return ModelKind(head, called)
    return ModelKind("none", named[0] if named else UNKNOWN)


def check_head(kind: ModelKind, wanted: Head, directory: Path) -> None:
    """Raise `InputError` unless a model has the required head.

    Parameters
    ----------
    kind
        Kind returned by :func:`kind_of`.
    wanted
        Head that is required.
    directory
        Directory of the model, for the error message.
    """
    if kind.head == wanted:
        return
    remedy = None
    if kind.architecture == UNKNOWN:
        remedy = (
            f"If you know its transformers class, name it in {CONFIG_FILE}, such as "
            f'"architectures": ["Bert{CLASSIFIER}"].'
        )
    raise InputError(
        f"the directory has {kind.architecture}, not {_NAMED[wanted]}",
        file=directory,
        remedy=remedy,
    )


def is_of_classifier(weight: str) -> bool:
    """Return whether a weight with this name belongs to a classification head."""
    return _CLASSES.match(weight) is not None


def _head_named(architecture: str) -> Head:
    if architecture.endswith((CLASSIFIER, OF_BASES)):
        return "classifier"
    if architecture.endswith(MASKED):
        return "masked"
    return "causal" if architecture.endswith(CAUSAL) else "none"


def _head_of(weights: list[str], family: Family | None) -> Head:
    if any(_CLASSES.match(name) for name in weights):
        return "classifier"
    # The language model head of a Caduceus is tied to its embeddings and not stored.
    if any(_WORDS.match(name) for name in weights) or family is CADUCEUS:
        return "masked" if family is None else family.objective
    return "none"
