"""Configurations as canonical JSON, and the content keys that are hashes of it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

from dnasweep.errors import InputError


def canonical(value: Any) -> Any:
    """Return `value` as plain JSON types; a dataclass becomes a dictionary of its fields.

    Fields with the metadata `keyed` False are left out; other fields already represent them in the key. Those
    with `keyed` equal to "changed" are left out if they have their default: they were added later, and
    artefacts that were made without them are still found.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            f.name: canonical(getattr(value, f.name))
            for f in dataclasses.fields(value)
            if _is_keyed(f, getattr(value, f.name))
        }
    if isinstance(value, dict):
        return {str(k): canonical(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [canonical(v) for v in value]
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    raise TypeError(f"cannot key a {type(value).__name__}")


def _is_keyed(field: dataclasses.Field[Any], value: Any) -> bool:
    keyed = field.metadata.get("keyed", True)
    return value != field.default if keyed == "changed" else bool(keyed)


def content_key(*parts: Any) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of `parts` as canonical JSON."""
    text = json.dumps([canonical(p) for p in parts], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def require(condition: bool, name: str, value: Any, remedy: str) -> None:
    """Raise an :class:`InputError` that names the field and its value if a condition is false.

    Parameters
    ----------
    condition
        Condition that must hold.
    name, value
        The field and its value.
    remedy
        What to use instead.
    """
    if not condition:
        raise InputError(f"{name} is {value!r}", remedy=remedy)


def save_json(value: Any) -> str:
    """Return `value` as readable canonical JSON."""
    return json.dumps(canonical(value), indent=2, sort_keys=True) + "\n"
