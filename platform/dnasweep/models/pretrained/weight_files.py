"""The weights of a model directory: safetensors files, whose headers are checked before they are read.

The header of a file contains the names and shapes of its weights, so a model can be refused before any weight
is read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import safe_open
from torch import Tensor

from dnasweep.errors import InputError
from dnasweep.models.pretrained.config_file import CONFIG_FILE
from dnasweep.tokens.model_files import (
    AGAIN,
    INDEX_FILE,
    WEIGHTS_FILE,
    check_pieces,
    raise_missing,
    read_index,
    read_json,
    reading,
    refuse_pointer,
)

_FLOATS = ("F64", "F32", "F16", "BF16")
_FROM_TWO = ("yoso", "mra", "nystromformer")
"""Kinds of models whose positions count from 2."""
# Counters that some files contain, and the complement map of Caduceus, which is also in config.json.
_COUNTERS = ("position_ids", "token_type_ids", "num_batches_tracked", "complement_map")


_WRAPPERS = ("module.", "_orig_mod.")
"""Prefixes that DataParallel and torch.compile add to every weight name."""
_ATTRIBUTES = ("model.", "base_model.", "backbone.", "net.", "encoder.")
"""Prefixes added by modules that wrap a model, such as those of Lightning and peft."""
_ENCODERS = re.compile(
    r"(\w*bert\w*|roberta|\w*former|esm|electra|deberta|mpnet|fnet|hyena|caduceus|model)[.]"
)


class StoredTensor(NamedTuple):
    """A weight as described in the header of a file."""

    file: str
    """Name of the file."""
    name: str
    """Name in the file."""
    shape: tuple[int, ...]
    """Its shape."""
    dtype: str
    """Data type as named by safetensors: `F32`, `BF16`..."""


def is_counter(name: str) -> bool:
    """Return whether a stored array is a counter, for example of positions, rather than a weight."""
    return name.endswith(_COUNTERS)


def read_headers(directory: Path) -> dict[str, StoredTensor]:
    """Return all weights of a model directory by name, as described in the headers of its files.

    Raises
    ------
    InputError
        If a file is missing, damaged or not in safetensors format, or an index does not match its files.
    """
    in_pieces = not (directory / WEIGHTS_FILE).is_file()
    index = read_index(directory / INDEX_FILE) if in_pieces else None
    files = [WEIGHTS_FILE] if index is None else sorted(set(index.values()))
    headers = {name: _header(directory / name) for name in files}
    if index is not None:
        check_pieces(headers, index, directory / INDEX_FILE)
    found = {weight: stored for one in headers.values() for weight, stored in one.items()}
    for weight, stored in found.items():
        if stored.dtype not in _FLOATS and not is_counter(weight):
            raise InputError(
                f"the weight {weight} of {stored.file} is stored as {stored.dtype}",
                file=directory,
                remedy=f"Weights are read from {', '.join(_FLOATS)}; quantised ones are not.",
            )
    return _unwrapped(found)


def _unwrapped(found: dict[str, StoredTensor]) -> dict[str, StoredTensor]:
    """Return the weights under the names they had before a trainer wrapped the model."""
    for wrapper in (*_WRAPPERS, *_ATTRIBUTES):
        bare = {name.removeprefix(wrapper): stored for name, stored in found.items()}
        if not found or not all(name.startswith(wrapper) for name in found):
            continue
        # LLaMA, HyenaDNA without a head and other models have such names themselves.
        again = any(all(name.startswith(one) for name in bare) for one in _WRAPPERS)
        if again or wrapper in _WRAPPERS or any(map(_ENCODERS.match, bare)):
            return _unwrapped(bare)
    return found


def read_tensors(
    directory: Path, headers: Mapping[str, StoredTensor] | None = None
) -> dict[str, Tensor]:
    """Return the weights of a model directory by name, on the CPU, in the precision stored.

    Counters such as `position_ids` are left out.

    Raises
    ------
    InputError
        As :func:`read_headers`, for a weight with values that are not finite, and for stored positions that do not
        count from where those of the model begin, or types of tokens other than 0, with which the authors' code would compute.
    """
    headers = read_headers(directory) if headers is None else headers
    files = sorted({stored.file for stored in headers.values()})
    weights: dict[str, Tensor] = {}
    for name in files:
        path = directory / name
        with reading(path), safe_open(path, framework="pt") as file:
            for weight, stored in headers.items():
                if stored.file == name and stored.dtype in _FLOATS:
                    weights[weight] = file.get_tensor(stored.name)
                elif stored.file == name:
                    _check_counter(weight, file.get_tensor(stored.name), path)
    for weight, value in weights.items():
        if not torch.isfinite(value).all():
            count = int((~torch.isfinite(value)).sum())
            raise InputError(
                f"the weight {weight} of {headers[weight].file} has {count} values that are not "
                "finite numbers (nan or inf)",
                file=directory,
                remedy="Its training has diverged or the file is damaged: give another model.",
            )
    return weights


def _check_counter(name: str, values: Tensor, path: Path) -> None:
    counted = values.flatten().tolist()
    reason = None
    if name.endswith(".position_ids"):
        kind = read_json(path.with_name(CONFIG_FILE)).get("model_type")
        first = 2 if kind in _FROM_TWO else 0
        if counted != list(range(first, first + len(counted))):
            reason = f"does not count positions from {first}"
    if name.endswith(".token_type_ids") and any(counted):
        reason = "is not 0 everywhere"
    if reason is not None:
        raise InputError(f"{name} of {path.name} {reason}", file=path.parent, remedy=AGAIN)


def _header(path: Path) -> dict[str, StoredTensor]:
    if not path.is_file():
        raise_missing(path)
    with reading(path):
        refuse_pointer(path)
        with safe_open(path, framework="pt") as file:
            parts = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            return {
                name: StoredTensor(path.name, name, tuple(part.get_shape()), str(part.get_dtype()))
                for name, part in parts.items()
            }
