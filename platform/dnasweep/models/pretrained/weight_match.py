"""Check that the weights of a directory match `config.json`, before a model is created."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.modules import module as registration

from dnasweep.errors import InputError
from dnasweep.models.families.registry import family_of
from dnasweep.models.pretrained.config_file import KNOWN, config_misfit
from dnasweep.models.pretrained.weight_files import StoredTensor
from dnasweep.tokens.model_files import AGAIN, MERGE, first_line

_SPARE = 200
"""Maximum number of weights, such as those of heads and poolers, that a file may lack."""
_LARGE = 1 << 20
"""Settings up to this value are always allowed; larger ones must not exceed the largest dimension of a weight."""
_OF_ADAPTERS = (".base_layer.", ".lora_", ".ia3_", ".modules_to_save.")
"""Parts of the names of weights of a model with an adapter that was not merged."""
_SHOWN = 3
"""Number of names shown in an error message."""


class _TooManyError(Exception):
    pass


def check_size(
    kind: Any, settings: Any, stored: Mapping[str, StoredTensor], directory: Path
) -> None:
    """Refuse a configuration that does not match the stored weights.

    Names and shapes are compared with those of a model on torch's `meta` device, which needs no memory.
    The construction of that model stops once it has many more weights than the files, so a wrong setting
    costs nothing.

    Parameters
    ----------
    kind
        Model class of transformers.
    settings
        Configuration of the model.
    stored
        All weights of the directory, see :func:`~dnasweep.models.pretrained.weight_files.read_headers`.
    directory
        Directory of the model, for error messages.

    Raises
    ------
    InputError
        For a mismatch, with the settings or weights.
    """
    largest = max([_LARGE, *(size for weight in stored.values() for size in weight.shape)])
    for name, value in vars(settings).items():
        if isinstance(value, int) and abs(value) > largest:
            raise config_misfit(
                f"config.json says that {name} is {value}, but no weight is that large", directory
            )
    skeleton = _skeleton(kind, settings, len(stored), directory)
    prefix = f"{kind.base_model_prefix}."
    shapes = {name: weight.shape for name, weight in stored.items()}
    for name, value in skeleton.items():
        spellings = dict.fromkeys((name, name.removeprefix(prefix), prefix + name))
        stored_as = [one for one in spellings if one in shapes]
        if len([one for one in stored_as if one == name or one not in skeleton]) > 1:
            raise InputError(
                f"{' and '.join(stored_as)} are one weight of the model, and both are stored",
                file=directory,
                remedy=AGAIN,
            )
        found = shapes[stored_as[0]] if stored_as else None
        if found is not None and found != tuple(value.shape):
            raise config_misfit(
                f"the weight {name} has the shape {list(found)}, but config.json requires "
                f"{list(value.shape)}",
                directory,
            )
    described = sum(value.numel() for value in skeleton.values())
    stored_numbers = sum(math.prod(weight.shape) for weight in stored.values())
    if described > 4 * stored_numbers + _LARGE:
        raise config_misfit(
            f"config.json describes a model of {described} numbers, but its files have "
            f"{stored_numbers}",
            directory,
        )


def refuse_misfit(
    model_type: str, directory: Path, *, missing: list[str], unexpected: list[str]
) -> None:
    """Raise `InputError` if a class and the files of a directory have different weights.

    Parameters
    ----------
    model_type, directory
        Type and directory of the model, for the error message.
    missing
        Names of weights of the class that the files lack.
    unexpected
        Names of weights of the files that the class lacks.
    """
    if not missing and not unexpected:
        return
    parts = []
    if missing:
        parts.append(f"{_named(missing)} missing or of another shape")
    if unexpected:
        parts.append(f"{_named(unexpected)} unknown to it")
    of_adapter = any(part in name for name in unexpected for part in _OF_ADAPTERS)
    raise InputError(
        f"its weights are not those of {_whose(model_type)} that config.json describes: "
        + "; ".join(parts),
        file=directory,
        remedy=MERGE if of_adapter else KNOWN,
    )


def _whose(model_type: str) -> str:
    family = family_of({"model_type": model_type})
    return f"transformers' own {model_type}" if family is None else f"the {family.name}"


def _named(names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{shown}{more} {'is' if len(names) == 1 else 'are'}"


def weightless(kind: Any, settings: Any) -> nn.Module:
    """Return a model on the `meta` device, whose weights have shapes but need no memory."""
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        return kind(settings)


def _skeleton(kind: Any, settings: Any, num_stored: int, directory: Path) -> dict[str, Any]:
    try:
        with _at_most(4 * num_stored + _SPARE):
            return weightless(kind, settings).state_dict()
    except _TooManyError:
        raise config_misfit(
            f"config.json describes a model of many more weights than the {num_stored} there are",
            directory,
        ) from None
    except Exception as error:  # a class may raise anything for unexpected settings
        raise config_misfit(
            f"transformers cannot make a {kind.__name__} of config.json ({first_line(error)})",
            directory,
        ) from error


@contextmanager
def _at_most(number: int) -> Iterator[None]:
    """Stop the construction of a model at more than `number` weights, or 20 times as many modules."""

    def stop_after(most: int) -> Callable[..., None]:
        numbers = itertools.count(1)

        def count(*_: Any) -> None:
            if next(numbers) > most:
                raise _TooManyError

        return count

    hooks = (
        registration.register_module_parameter_registration_hook(stop_after(number)),
        registration.register_module_module_registration_hook(stop_after(20 * number)),
    )
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
