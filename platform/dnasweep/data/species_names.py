"""Interpret names of species in data, and report the interpretation to the user."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from dnasweep.data.catalogue import Catalogue, spelled
from dnasweep.data.species import SPECIES, find, known, resolve
from dnasweep.errors import InputError

_SHOWN = 8
_COMPARED = 100


class Named(NamedTuple):
    """Interpretation of a species name."""

    key: str | None
    """Canonical name, empty for an empty cell; None if the name is invalid."""
    reason: str = ""
    """Why the name is invalid."""
    remedy: str = ""
    """Remedy for an invalid name."""


def read_names(
    names: Iterable[str], *, known_only: bool = False, catalogue: Catalogue | None = None
) -> dict[str, Named]:
    """Return the interpretation of each name.

    Parameters
    ----------
    names
        Cells of a column.
    known_only
        Whether unknown names are invalid; otherwise each is treated as a separate species.
    catalogue
        Catalogue of known species; None for the built-in one.
    """
    found: dict[str, Named] = {}
    for name in names:
        try:
            key = (
                find(name, catalogue) if known_only and name else name and resolve(name, catalogue)
            )
        except InputError as error:
            found[name] = Named(None, error.reason, error.remedy or "")
            continue
        found[name] = (
            Named(key) if key is not None else Named(None, f"species {name!r} is not known")
        )
    return found


def tell_names(names: Iterable[str], catalogue: Catalogue | None = None) -> list[str]:
    """Return sentences on how names were interpreted, if this is not obvious.

    Names of the eight built-in species, and canonical and scientific names, are obvious.

    Parameters
    ----------
    names
        Cells of a column, or a name given as an option.
    catalogue
        Catalogue of known species; None for the built-in one.
    """
    catalogue = catalogue or known()
    readings, own, doubtful = [], [], []
    for name in dict.fromkeys(names):
        try:
            key = resolve(name, catalogue)
        except InputError:
            continue
        if key not in catalogue.species:
            own.append(_own(key, catalogue))
            # A column that does not contain species may have too many names to compare.
            if len(own) <= _COMPARED and (near := catalogue.near_misses(name)):
                meant = " or ".join(f"{n} ({catalogue.species[n].latin})" for n in near)
                doubtful.append(f"species {name!r} is taken as {key}; did you mean {meant}?")
        elif key not in SPECIES and spelled(name) != spelled(catalogue.species[key].latin):
            readings.append(f"{name} as {key}")
    said = []
    if readings:
        said.append(f"species read: {_listed(readings)}")
    if own:
        unique = list(dict.fromkeys(own))
        said.append(f"species not known, each taken as one of its own: {_listed(unique)}")
    return said + doubtful[:_SHOWN]


def _own(key: str, catalogue: Catalogue) -> str:
    clade = catalogue.place(key)[0]
    return f"{key} (in the genus {catalogue.clades[clade].name})" if clade else key


def _listed(items: list[str]) -> str:
    return ", ".join(items[:_SHOWN]) + (f" and {len(items) - _SHOWN} more" * (len(items) > _SHOWN))
