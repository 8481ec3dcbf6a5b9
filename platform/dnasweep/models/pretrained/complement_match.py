"""Check that the complements of tokens in `config.json` are those that the weights were trained with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import safe_open

from dnasweep.errors import InputError
from dnasweep.models.families.registry import CADUCEUS
from dnasweep.models.pretrained.config_file import CONFIG_FILE, config_misfit, read_settings
from dnasweep.models.pretrained.weight_files import StoredTensor
from dnasweep.tokens.model_files import reading

_MAP = "complement_map"


def check_complements(settings: Any, stored: Mapping[str, StoredTensor], directory: Path) -> None:
    """Refuse a Caduceus of both strands whose `config.json` and weights disagree on complements.

    The authors' code reads them from the weights. If the weights lack them, it takes the values of `config.json`
    in the order in which they are written, whatever their keys.

    Parameters
    ----------
    settings
        Configuration of the model; models of other families are not checked.
    stored
        All weights of the directory.
    directory
        Directory of the model.

    Raises
    ------
    InputError
        For such a disagreement.
    """
    if settings.model_type != CADUCEUS.model_type or not settings.rcps:
        return
    expected = settings.complements()
    maps = [weight for name, weight in stored.items() if name.endswith(_MAP)]
    for weight in maps:
        path = directory / weight.file
        with reading(path), safe_open(path, framework="pt") as file:
            found = file.get_tensor(weight.name).tolist()
        if found != expected:
            raise config_misfit(
                f"{weight.name} of {weight.file} is not the {_MAP} of {CONFIG_FILE}", directory
            )
    of_hub = read_settings(directory).get("model_type") != CADUCEUS.model_type
    written = list(settings.complement_map.values())
    if of_hub and not maps and [*written, *range(len(written), len(expected))] != expected:
        raise InputError(
            f"{_MAP} of {CONFIG_FILE} does not list all ids in order from 0, and the weights do not contain it",
            file=directory,
            remedy="Write the complement of every id to it, in order from 0.",
        )
