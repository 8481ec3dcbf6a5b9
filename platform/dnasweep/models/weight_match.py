"""Whether the weights of a directory are those that `config.json` describes, before any is made."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.modules import module as registration

from dnasweep.errors import InputError
from dnasweep.models.weight_files import StoredTensor
from dnasweep.tokens.model_files import first_line

_SPARE = 200
"""Weights of heads and poolers that a file may lack."""
_LARGE = 1 << 20
"""What no size of a model needs a weight for: beyond it a setting has to show in a shape."""
SHOWN = 3
"""Names an error shows."""


class _TooManyError(Exception):
    pass


def check_size(
    kind: Any, settings: Any, stored: Mapping[str, StoredTensor], directory: Path
) -> None:
    """Refuse a configuration that describes another model than the weights there are.

    Names and shapes are compared with those of a model without memory, and making that stops when it
    has far more weights than the files, so that a wrong setting costs nothing.

    Parameters
    ----------
    kind
        Class of transformers.
    settings
        Its configuration.
    stored
        All weights of the directory, see :func:`~dnasweep.models.weight_files.read_headers`.
    directory
        Named in errors.

    Raises
    ------
    InputError
        Naming settings or weights.
    """
    largest = max([_LARGE, *(size for one in stored.values() for size in one.shape)])
    for name, value in vars(settings).items():
        if isinstance(value, int) and abs(value) > largest:
            raise InputError(
                f"config.json says that {name} is {value}, and no weight is that large",
                file=directory,
                remedy="Give the model with the config.json it was saved with.",
            )
    skeleton = _skeleton(kind, settings, len(stored), directory)
    prefix = f"{kind.base_model_prefix}."
    shapes = {name: one.shape for name, one in stored.items()}
    for name, value in skeleton.items():
        places = (name, name.removeprefix(prefix), prefix + name)
        found = next((shapes[place] for place in places if place in shapes), None)
        if found is not None and found != tuple(value.shape):
            raise InputError(
                f"the weight {name} has the shape {list(found)}, and by config.json it would have "
                f"{list(value.shape)}",
                file=directory,
                remedy="Give the model with the config.json it was saved with.",
            )
    described = sum(value.numel() for value in skeleton.values())
    held = sum(math.prod(one.shape) for one in stored.values())
    if described > 4 * held + _LARGE:
        raise InputError(
            f"config.json describes a model of {described} numbers, and its files hold {held}",
            file=directory,
            remedy="Give the model with the config.json it was saved with.",
        )


def refuse_misfit(
    model_type: str, directory: Path, *, missing: list[str], unexpected: list[str]
) -> None:
    """Raise `InputError` where a class lacks weights of the files, or the files some of the class."""
    if not missing and not unexpected:
        return
    parts = []
    if missing:
        parts.append(f"{_named(missing)} missing or of another shape")
    if unexpected:
        parts.append(f"{_named(unexpected)} unknown to it")
    raise InputError(
        f"its weights are not those of transformers' own {model_type} that config.json describes: "
        + "; ".join(parts),
        file=directory,
        remedy="Models that need code of their own (DNABERT-2, GENA-LM and the Nucleotide "
        "Transformer v2 are some) are not read; use one of transformers' own kinds.",
    )


def _named(names: list[str]) -> str:
    shown = ", ".join(names[:SHOWN])
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{shown}{more} {'is' if len(names) == 1 else 'are'}"


def weightless(kind: Any, settings: Any) -> nn.Module:
    """Return a model whose weights have shapes and no memory."""
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        return kind(settings)


def _skeleton(kind: Any, settings: Any, num_stored: int, directory: Path) -> dict[str, Any]:
    try:
        with _at_most(4 * num_stored + _SPARE):
            return weightless(kind, settings).state_dict()
    except _TooManyError:
        raise InputError(
            f"config.json describes a model of many more weights than the {num_stored} there are",
            file=directory,
            remedy="Give the model with the config.json it was saved with.",
        ) from None
    except Exception as error:  # of any kind, from whatever a class does with its settings
        raise InputError(
            f"transformers cannot make a {kind.__name__} of config.json ({first_line(error)})",
            file=directory,
            remedy="Give the model with the config.json it was saved with.",
        ) from error


@contextmanager
def _at_most(number: int) -> Iterator[None]:
    """Stop the making of a model when it has more weights, or far more parts, than so many."""
    counted = [0, 0]

    def count_weight(*_: Any) -> None:
        counted[0] += 1
        if counted[0] > number:
            raise _TooManyError

    def count_part(*_: Any) -> None:
        counted[1] += 1
        if counted[1] > 20 * number:
            raise _TooManyError

    hooks = (
        registration.register_module_parameter_registration_hook(count_weight),
        registration.register_module_module_registration_hook(count_part),
    )
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
