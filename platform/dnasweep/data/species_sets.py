"""Sets of species by name: single ones, clades, relatives, complements and unions of these."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence

from dnasweep.data.catalogue import Catalogue
from dnasweep.data.species import (
    GROUPS,
    SPECIES,
    close_relatives,
    find,
    in_order,
    known,
    resolve,
)
from dnasweep.errors import InputError

_RELATIVE = ("close-", "not-")
_CLADE = re.compile(r"clade\s*:\s*(.+)", re.IGNORECASE)


def _universe(among: Sequence[str]) -> tuple[str, ...]:
    """Return the species from which sets are formed: those of the data and, if any of the eight built-in
    species occurs, all eight.

    A set of these eight thus contains the same species whichever of them occur in the data.
    """
    return in_order({*among, *SPECIES} if set(among) & set(SPECIES) or not among else among)


def _set_name(name: str, universe: Sequence[str], catalogue: Catalogue) -> str:
    """Return the canonical spelling of a set name without `+`."""
    if match := _CLADE.fullmatch(name.strip()):
        return f"clade:{_clade_named(match[1], catalogue)}"
    text = re.sub(r"[\s_]+", "-", name.strip().lower())
    if text in (*GROUPS, "invertebrates", "all"):
        return text
    for prefix in _RELATIVE:
        if text.startswith(prefix):
            return prefix + _member(name.strip()[len(prefix) :], universe, catalogue)
    return _member(name, universe, catalogue)


def _member(name: str, universe: Sequence[str], catalogue: Catalogue) -> str:
    """Return a species that is known or occurs in the data."""
    key = find(name, catalogue)
    if key is None:
        with contextlib.suppress(InputError):
            own = resolve(name, catalogue)
            key = own if own in universe else None
    if key is None:
        near = " or ".join(catalogue.near_misses(name))
        raise InputError(
            f"species set {name!r} is not known" + (f"; did you mean {near}?" if near else ""),
            remedy="Use a species, "
            + ", ".join((*GROUPS, "invertebrates", "all"))
            + ", clade:NAME "
            "of the NCBI taxonomy, close-SPECIES, not-SPECIES, or several joined by +.",
        )
    return key


def _clade_named(name: str, catalogue: Catalogue) -> str:
    found = catalogue.clade_names.get(" ".join(re.split(r"[\s_]+", name.strip().lower())))
    if found is None:
        raise InputError(
            f"clade {name.strip()!r} is not known",
            remedy="Use the NCBI taxonomy's name of a clade of known species, such as "
            "clade:Brassicales, or join the species by +.",
        )
    return catalogue.clades[min(found)].name


def _members(
    name: str, among: Sequence[str], universe: tuple[str, ...], catalogue: Catalogue
) -> tuple[str, ...]:
    """Return the species of a set by its canonical name."""
    if name == "all":
        return universe
    if name == "invertebrates":
        inside = _of_clade("Vertebrata", universe, catalogue)
        return tuple(s for s in _of_clade("Metazoa", universe, catalogue) if s not in inside)
    if name in GROUPS:
        return _of_clade(GROUPS[name], universe, catalogue)
    if name.startswith("clade:"):
        return _of_clade(name.removeprefix("clade:"), universe, catalogue)
    if name.startswith("not-"):
        return tuple(s for s in universe if s != name.removeprefix("not-"))
    if name.startswith("close-"):
        key = name.removeprefix("close-")
        # Among the eight species, sets are the same as without data.
        only_eight = {key, *among} <= set(SPECIES)
        return close_relatives(key, SPECIES if only_eight else in_order(among), catalogue)
    return (name,)


def _of_clade(clade: str, species: Sequence[str], catalogue: Catalogue) -> tuple[str, ...]:
    clades = catalogue.clade_names.get(clade.lower(), frozenset())
    return tuple(s for s in species if not clades.isdisjoint(catalogue.lineage(s)))


def _named(
    name: str, among: Sequence[str] | None, catalogue: Catalogue | None
) -> tuple[str, tuple[str, ...]]:
    """Return the canonical name of a union of sets, and its species."""
    catalogue = catalogue or known()
    among = tuple(SPECIES) if among is None else among
    universe = _universe(among)
    names: list[str] = []
    members: list[str] = []
    for part in str(name).split("+"):
        canonical = _set_name(part, universe, catalogue)
        found = _members(canonical, among, universe, catalogue)
        if not found:
            raise InputError(
                f"species set {part.strip()!r} has none of the species of the data",
                remedy=f"Name some of {', '.join(among)}.",
            )
        names.append(canonical)
        members += found
    return "+".join(names), tuple(dict.fromkeys(members))


def species_set(
    name: str, among: Sequence[str] | None = None, catalogue: Catalogue | None = None
) -> tuple[str, ...]:
    """Return the species of a named set, each once and in a fixed order.

    Parameters
    ----------
    name
        A species, a name of `GROUPS`, `invertebrates`, `all`, `clade:NAME` with a name of the NCBI
        taxonomy, `close-X` (X, then its relatives as :func:`close_relatives` finds them), `not-X`
        (all but X), or several of these joined by `+`, such as `human+mouse` or `plants+chicken`; a
        union keeps the order written.
    among
        Species of the data, from which the set is formed; if they include any of the eight built-in
        species, all eight are included. None for the eight.
    catalogue
        Catalogue of known species; None for :func:`known`.

    Raises
    ------
    InputError
        For an unknown or empty set.

    Examples
    --------
    >>> species_set("rodents"), species_set("human+chicken")
    (('mouse', 'rat'), ('human', 'chicken'))
    >>> species_set("grasses", among=("arabidopsis_thaliana", "oryza_sativa", "zea_mays"))
    ('oryza_sativa', 'zea_mays')
    """
    return _named(name, among, catalogue)[1]


def pretraining_stages(
    name: str, among: Sequence[str] | None = None, catalogue: Catalogue | None = None
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the stages of a pretraining schedule: canonical set name and species of each.

    `none` has no stage (random initialisation), a species set is one stage, and sets joined by
    `-then-`, such as `all-then-close-human`, follow one another.

    Parameters
    ----------
    name
        Names as for :func:`species_set`.
    among, catalogue
        As for :func:`species_set`.

    Raises
    ------
    InputError
        For a stage that is not a species set.

    Examples
    --------
    >>> pretraining_stages("rodents-then-mouse")
    (('rodents', ('mouse', 'rat')), ('mouse', ('mouse',)))
    """
    text = str(name).strip()
    if text.lower() == "none":
        return ()
    stages = re.split(r"[-_\s]then[-_\s]", text, flags=re.IGNORECASE)
    return tuple(_named(stage, among, catalogue) for stage in stages)


def members_among(
    name: str, species: tuple[str, ...], catalogue: Catalogue | None
) -> tuple[str, ...]:
    """Return the members of a species set that occur in `species`; an empty result means all rows.

    Parameters
    ----------
    name
        Name of the set.
    species
        Species of the data.
    catalogue
        Catalogue of known species; None for the built-in one.

    Raises
    ------
    InputError
        If no member occurs in `species`.
    """
    if name == "all" or not species:
        return ()
    members = tuple(s for s in species_set(name, species, catalogue) if s in species)
    if not members:
        raise InputError(
            f"species set {name!r} has none of the species of the data",
            remedy=f"Name some of {', '.join(species)}.",
        )
    return members
