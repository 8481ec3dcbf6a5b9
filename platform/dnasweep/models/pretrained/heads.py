"""Which head the model of a directory has: as config.json says, and where that leaves it open, by its weights.

A `config.json` of the hub may name no class (DNABERT-2), or every class that its authors have (the Nucleotide
Transformer v2), so that its name alone would make a classifier of a masked language model.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from dnasweep.errors import InputError
from dnasweep.models.families.family import Family
from dnasweep.models.families.registry import CADUCEUS, family_of
from dnasweep.models.pretrained.config_file import CONFIG_FILE, read_settings

CLASSIFIER = "ForSequenceClassification"
"""What the names of classifiers' classes end with."""
OF_BASES = "ForBaseClassification"
"""What the names of classifiers of bases end with."""
MASKED = "ForMaskedLM"
"""What the names of masked language models' classes end with."""
CAUSAL = ("ForCausalLM", "LMHeadModel")
"""What the names of causal language models' classes end with."""
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
"""What the names of weights of either head begin with, in transformers and in the families."""


class ModelKind(NamedTuple):
    """The head of a model, and its class."""

    head: Head
    """What it computes; `none`: an encoder alone, or a head of another purpose."""
    architecture: str
    """Name of its class as `config.json` has it, or what to call it where it names none."""


def kind_of(directory: Path) -> ModelKind:
    """Return which head the model in a directory has.

    Parameters
    ----------
    directory
        A model directory. Its weights are looked at, by name, only where `config.json` names no class
        or several.

    Raises
    ------
    InputError
        When `config.json` is missing or damaged, and where the weights are looked at, for weights that
        cannot be read.
    """
    config = read_settings(directory)
    named = [str(name) for name in config.get("architectures") or []]
    if len(named) == 1:
        return ModelKind(_head_named(named[0]), named[0])
    # Imported here because most models do not need their weights, and so torch, for this.
    from dnasweep.models.pretrained.weight_files import read_headers

    stored = read_headers(directory)
    found = kind_by_weights(config, stored)
    if found.architecture == UNKNOWN and any(map(is_of_classifier, stored)):
        from dnasweep.models.pretrained.unnamed_classifier import only_classifier

        name = only_classifier(config, stored, directory)
        return found if name is None else ModelKind("classifier", name)
    return found


def kind_by_weights(config: Mapping[str, Any], weights: Iterable[str]) -> ModelKind:
    """Return which head a model has whose `config.json` names no class, or several.

    Parameters
    ----------
    config
        Contents of `config.json`.
    weights
        Names of its weights.
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
    """Raise `InputError` unless a model has the head wanted.

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
            f"Where you know its class of transformers, name it in {CONFIG_FILE}, such as "
            f'"architectures": ["Bert{CLASSIFIER}"].'
        )
    raise InputError(
        f"the directory has {kind.architecture}, not {_NAMED[wanted]}",
        file=directory,
        remedy=remedy,
    )


def is_of_classifier(weight: str) -> bool:
    """Return whether a weight of this name is of a classification head."""
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
    # The language model's head of a Caduceus is its embedding, and not stored.
    if any(_WORDS.match(name) for name in weights) or family is CADUCEUS:
        return "masked" if family is None else family.objective
    return "none"
