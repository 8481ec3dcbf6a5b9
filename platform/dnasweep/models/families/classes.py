"""The classes that implement the models of a family."""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

from dnasweep.models.families.family import Family
from dnasweep.models.families.registry import (
    CADUCEUS,
    DNABERT2,
    FAMILIES,
    GENA,
    HYENADNA,
    NUCLEOTIDE_TRANSFORMER,
)

RELOAD = (
    "{} in the architecture of dnasweep, which transformers does not have: load it with "
    "dnasweep.models.pretrained.checkpoint.load_classifier or load_masked_lm, or call "
    "dnasweep.models.families.classes.register() before AutoModel's from_pretrained."
)
"""Written into `config.json` as `how_to_load`, with the family's name."""
_PLACES = {
    DNABERT2.model_type: ("dnabert2", "DnaBert2"),
    GENA.model_type: ("gena", "Gena"),
    HYENADNA.model_type: ("hyenadna", "HyenaDna"),
    CADUCEUS.model_type: ("caduceus", "Caduceus"),
    NUCLEOTIDE_TRANSFORMER.model_type: ("nucleotide_transformer", "NucleotideTransformer"),
}
"""Module and prefix of the class names, by model type."""


class FamilyClasses(NamedTuple):
    """The classes of a family."""

    config: Any
    """Its configuration."""
    encoder: Any
    """The encoder alone."""
    language_model: Any
    """The encoder with its language model head."""
    classifier: Any
    """The encoder with a classification head."""


def classes_of(family: Family) -> FamilyClasses:
    """Return the classes of a family."""
    name, start = _PLACES[family.model_type]
    module = importlib.import_module(f"dnasweep.models.families.{name}")
    head = "ForMaskedLM" if family.objective == "masked" else "ForCausalLM"
    return FamilyClasses(
        getattr(module, f"{start}Config"),
        getattr(module, f"{start}Model"),
        getattr(module, f"{start}{head}"),
        getattr(module, f"{start}ForSequenceClassification"),
    )


def classes_by_type(model_type: str) -> FamilyClasses | None:
    """Return the classes for a model type defined by this platform; None for other types."""
    family = next((one for one in FAMILIES if one.model_type == model_type), None)
    return None if family is None else classes_of(family)


def register() -> None:
    """Register these models with transformers' Auto classes."""
    from transformers import (
        AutoConfig,
        AutoModel,
        AutoModelForCausalLM,
        AutoModelForMaskedLM,
        AutoModelForSequenceClassification,
    )

    for family in FAMILIES:
        found = classes_of(family)
        AutoConfig.register(family.model_type, found.config, exist_ok=True)
        AutoModel.register(found.config, found.encoder, exist_ok=True)
        masked = family.objective == "masked"
        auto: Any = AutoModelForMaskedLM if masked else AutoModelForCausalLM
        auto.register(found.config, found.language_model, exist_ok=True)
        AutoModelForSequenceClassification.register(found.config, found.classifier, exist_ok=True)
