"""Refuse a checkpoint that contains the same weight twice, with different values.

transformers' classes would use both, and the authors' code one of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dnasweep.errors import InputError
from dnasweep.tokens.model_files import AGAIN


def check_copies(model: Any, weights: Mapping[str, Tensor], directory: Path) -> None:
    """Refuse weights that should be copies of others, but differ from them.

    Parameters
    ----------
    model
        Model created from the weights by transformers.
    weights
        Weights of the directory by name.
    directory
        Directory of the model, for the error message.

    Raises
    ------
    InputError
        With the names of two such weights.
    """
    # Of two tied weights with different values, transformers ties neither.
    tied = model.get_expanded_tied_weights_keys(all_submodels=True)
    for copy, original in tied.items():
        if copy not in model.all_tied_weights_keys:
            own = (
                'If you know that the head has weights of its own, write "tie_word_embeddings": false '
                "in config.json."
            )
            always = getattr(model.config, "always_tied", False)
            _refuse(copy, original, directory, AGAIN if always else own)
    for copy, original in _stored_copies(model, weights):
        if not torch.equal(weights[copy].float(), weights[original].float()):
            _refuse(copy, original, directory, AGAIN)


def _stored_copies(model: Any, weights: Mapping[str, Tensor]) -> Iterator[tuple[str, str]]:
    """Yield the names of weights that a class ignores as copies, and of those that it reads."""
    for pattern, replacement in getattr(model, "stored_copies", ()):
        for name in weights:
            original = re.sub(pattern, replacement, name)
            if original != name and original in weights:
                yield name, original


def _refuse(copy: str, original: str, directory: Path, remedy: str) -> None:
    raise InputError(
        f"its weights {copy} and {original} should be the same, but differ",
        file=directory,
        remedy=remedy,
    )
