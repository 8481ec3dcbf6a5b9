"""Turns keyword arguments into the options of a command, with the same checks and messages."""

from __future__ import annotations

import difflib
import os
import types
from collections.abc import Collection, Iterable
from dataclasses import fields
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
import pandas as pd

from dnasweep.errors import InputError
from dnasweep.sweeps.built_in import built_in_defaults

Options = TypeVar("Options")


def make_options(kind: type[Options], given: dict[str, Any]) -> Options:
    """Return options of a command from keyword arguments; those that are None keep their default.

    Without data files, the defaults are those for the built-in data. A single value is accepted wherever
    the command takes a list.

    Parameters
    ----------
    kind
        Dataclass of the options.
    given
        Names and values.

    Raises
    ------
    InputError
        For an unknown option, with the most similar known one, and for a value of the wrong type or
        out of range.
    """
    # --dry-run prints a plan for people; from Python, a run on little data tells more.
    known = {field.name for field in fields(kind)} - {"dry_run"}  # type: ignore[arg-type]
    refuse_unknown(given, known)
    hints = get_type_hints(kind, include_extras=True)
    values = {n: _fitting(n, v, hints[n]) for n, v in given.items() if v is not None}
    try:
        return kind(**{**built_in_defaults(kind, values), **values})
    except InputError:
        raise
    except (TypeError, ValueError) as error:
        raise InputError(str(error)) from error


def refuse_unknown(given: Iterable[str], known: Collection[str]) -> None:
    """Refuse the first name that is not a known option.

    Raises
    ------
    InputError
        Names the most similar option or, if there is none, all options.
    """
    if unknown := [name for name in given if name not in known]:
        near = difflib.get_close_matches(unknown[0], sorted(known), n=1, cutoff=0.5)
        raise InputError(
            f"there is no option {unknown[0]!r}",
            remedy=f"Did you mean {near[0]!r}?" if near else f"Use {', '.join(sorted(known))}.",
        )


def _fitting(name: str, value: Any, hint: Any) -> Any:
    """Return a value as the command line would read it."""
    kinds = _kinds(hint)
    if any(get_origin(kind) is tuple for kind in kinds):
        several = isinstance(
            value, list | tuple | set | frozenset | range | np.ndarray | pd.Series
        )
        parts = list(value) if several else [value]
        (inner,) = {get_args(kind)[0] for kind in kinds if get_origin(kind) is tuple}
        return tuple(_fitting(name, part, inner) for part in parts)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    plain = tuple(kind for kind in kinds if isinstance(kind, type))
    if float in plain and isinstance(value, int) and not isinstance(value, bool):
        return value
    wrong = isinstance(value, bool) and bool not in plain
    if plain and (wrong or not isinstance(value, plain)) and len(plain) == len(kinds):
        wanted = " or ".join(kind.__name__ for kind in plain if kind is not types.NoneType)
        raise InputError(f"{name} is {value!r}", remedy=f"Give it as {wanted}.")
    choices = [one for kind in kinds if not isinstance(kind, type) for one in get_args(kind)]
    if choices and len(plain) == sum(k is types.NoneType for k in plain) and value not in choices:
        raise InputError(f"{name} is {value!r}", remedy=f"Use {', '.join(map(str, choices))}.")
    return value


def _kinds(hint: Any) -> list[Any]:
    """Return the alternatives of a union type, without annotations."""
    if get_origin(hint) is Annotated:
        return _kinds(get_args(hint)[0])
    if get_origin(hint) in (Union, types.UnionType):
        return [kind for part in get_args(hint) for kind in _kinds(part)]
    return [hint]
