"""Frequencies of rotary positions as they are stored.

Earlier versions of transformers, which the authors' code builds on, store them with each layer and read them from
there. A checkpoint in half precision has them rounded, and was used with the rounded ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dnasweep.errors import InputError
from dnasweep.models.families.registry import NUCLEOTIDE_TRANSFORMER
from dnasweep.tokens.model_files import AGAIN

_OF_LAYER = ".attention.self.rotary_embeddings.inv_freq"
_KINDS = ("esm", NUCLEOTIDE_TRANSFORMER.model_type)


def set_frequencies(model: Any, weights: Mapping[str, Tensor], directory: Path) -> None:
    """Give an ESM the frequencies that are stored with its layers.

    Parameters
    ----------
    model
        A model with any head, changed in place; other kinds and models without rotary positions are not changed.
    weights
        Weights of the directory by name.
    directory
        Directory of the model, for the error message.

    Raises
    ------
    InputError
        If the layers have different frequencies.
    """
    stored = {name: value for name, value in weights.items() if name.endswith(_OF_LAYER)}
    if model.config.model_type not in _KINDS or not stored:
        return
    rotary = model.base_model.rotary_embeddings
    if rotary is None:
        return
    first = next(iter(stored.values())).float()
    for name, value in stored.items():
        if value.shape != rotary.inv_freq.shape or not torch.equal(value.float(), first):
            raise InputError(
                f"its weight {name} is not that of the other layers, or of another size",
                file=directory,
                remedy=AGAIN,
            )
    with torch.no_grad():
        rotary.inv_freq.copy_(first)
