"""Species: their names in data, and the distances between them."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterable

from dnasweep.data.built_in_species import SPECIES
from dnasweep.data.catalogue import Catalogue, plain, spelled, tabulated
from dnasweep.errors import InputError

CLOSE = 100.0
"""Maximum divergence time of close relatives, in million years."""

CANONICAL = re.compile(r"[a-z][a-z0-9_]{1,79}")
"""Pattern of canonical names."""

_AMBIGUOUS = {"mm8": "the mouse assembly mm8 and the macaque assembly Mmul_8"}
_EPDNEW = re.compile(r"([a-z]{2})(?:nc)?epdnew\w*")
_SCIENTIFIC = re.compile(r"[^\W\d_]")
# Words for an unknown species, or for several species.
_NO_SPECIES = frozenset(
    "nan na n_a none null unknown unspecified other others all any species organism mixed".split()
)


@functools.cache
def known() -> Catalogue:
    """Return the catalogue of all known species; the eight built-in ones keep their short names."""
    table = tabulated()
    own = {
        found.key: found._replace(
            key=species.key,
            names=(
                *found.names,
                species.code,
                species.epdnew,
                *species.assemblies,
                *species.synonyms,
            ),
        )
        for species in SPECIES.values()
        for found in [table.species[spelled(species.latin)]]
    }
    renamed = {key: own.get(key, found) for key, found in table.species.items()}
    return Catalogue({found.key: found for found in renamed.values()}, table.clades)


def find(name: str, catalogue: Catalogue | None = None) -> str | None:
    """Return the canonical name of a known species, None if the name is unknown.

    Parameters
    ----------
    name
        A canonical name, scientific name (`Mus musculus`, `m_musculus`), assembly (`mm10`,
        `GRCm39`, `GRCh38.p13`), EPDnew identifier (`Mm`, `Mm_EPDnew_003_mm10`), NCBI taxon
        (`10090`, `10090.0`) or a common name; case, spaces, dots, hyphens and underscores do not
        matter.
    catalogue
        Catalogue of known species; None for :func:`known`.

    Raises
    ------
    InputError
        For a name shared by two species.
    """
    if (text := plain(name)) in _AMBIGUOUS:
        raise InputError(
            f"species {name!r} could be {_AMBIGUOUS[text]}", remedy="Write mouse or macaque."
        )
    catalogue = catalogue or known()
    found = catalogue.find(name)
    if found is None and (match := _EPDNEW.fullmatch(text)):
        found = catalogue.find(match[1])
    return found


def resolve(name: str, catalogue: Catalogue | None = None) -> str:
    """Return the canonical name of a species; an unknown name is treated as a separate species.

    Parameters
    ----------
    name
        A name as for :func:`find`, or any other name of letters and digits that is not a group of
        species.
    catalogue
        Catalogue of known species; None for :func:`known`.

    Raises
    ------
    InputError
        For a name shared by two species, and for one that cannot be a species.

    Examples
    --------
    >>> resolve("Homo sapiens"), resolve("maize"), resolve("Arabidopsis halleri")
    ('human', 'zea_mays', 'arabidopsis_halleri')
    """
    text = str(name).strip()
    if found := find(text, catalogue):
        return found
    key = spelled(text)
    if (number := plain(text)).isdecimal() and int(number) >= 100:
        return f"taxon_{number}"
    shown = f"species {text[:80]!r}"
    if key in _NO_SPECIES or not key:
        raise InputError(
            f"{shown} is not the name of a species",
            remedy="Leave the cell of an unknown species empty.",
        )
    if not CANONICAL.fullmatch(key) or len(_SCIENTIFIC.findall(text)) < 3:
        raise InputError(
            f"{shown} is not known, and no name of letters",
            remedy="Write scientific names, such as Arabidopsis thaliana, or NCBI taxa.",
        )
    if key in _GROUP_NAMES or key in (catalogue or known()).group_names:
        raise InputError(
            f"{shown} is a group of species", remedy="Write the scientific name of the species."
        )
    return key


def named_after(name: str, *, is_code: bool = False) -> str:
    """Return the species that a file is named after, empty if there is none.

    Only complete names count: names of the eight built-in species, and scientific names and assemblies of
    others, since `orange` or `pepper` may mean anything. Numbers do not count, and two letters count only
    as the code of an EPDnew collection, since `dr.csv` may mean other things than zebrafish.

    Parameters
    ----------
    name
        Name of the file without extensions.
    is_code
        Whether the name is the code of an EPDnew collection.
    """
    if not is_code and (len(name) < 3 or name.isdecimal()):
        return ""
    try:
        key = find(name)
    except InputError:
        return ""
    if key is None or key in SPECIES:
        return key or ""
    found = known().species[key]
    whole = {plain(n) for n in (key, *(n for n in found.names if not n.islower()))}
    return key if plain(name) in whole else ""


GROUPS: dict[str, str] = {
    "primates": "Primates",
    "rodents": "Rodentia",
    "mammals": "Mammalia",
    "birds": "Aves",
    "amniotes": "Amniota",
    "fishes": "Actinopterygii",
    "vertebrates": "Vertebrata",
    "insects": "Insecta",
    "arthropods": "Arthropoda",
    "nematodes": "Nematoda",
    "animals": "Metazoa",
    "fungi": "Fungi",
    "plants": "Viridiplantae",
    "monocots": "Liliopsida",
    "eudicots": "eudicotyledons",
    "grasses": "Poaceae",
    "legumes": "Fabaceae",
    "bacteria": "Bacteria",
    "archaea": "Archaea",
    "eukaryotes": "Eukaryota",
}
"""Clades in the NCBI taxonomy by the English name of a species set."""

_GROUP_NAMES = frozenset((*GROUPS, "invertebrates"))


def distance(a: str, b: str, catalogue: Catalogue | None = None) -> float:
    """Return million years since two species diverged; 0 for the same species, nan if unknown.

    Node ages are from published dated trees, mostly TimeTree (Kumar et al. 2022, Mol. Biol. Evol.
    39:msac174); `docs/science.md` lists all. The oldest divergences, such as flies from worms and both
    from vertebrates, differ by more than 100 million years between studies; only their order should be
    relied on.

    Parameters
    ----------
    a, b
        Names of species.
    catalogue
        Catalogue of known species; None for :func:`known`.
    """
    catalogue = catalogue or known()
    return catalogue.distance(resolve(a, catalogue), resolve(b, catalogue))


def close_relatives(
    name: str, among: Iterable[str] = SPECIES, catalogue: Catalogue | None = None
) -> tuple[str, ...]:
    """Return a species and its relatives within `CLOSE` million years, nearest first.

    If the distance is unknown, species of the same family count as close.

    Parameters
    ----------
    name
        A species.
    among
        Candidates. If none of them is close, all of the nearest ones are returned; if there are no other
        species, or no distances are known, only the species itself is returned.
    catalogue
        Catalogue of known species; None for :func:`known`.
    """
    catalogue = catalogue or known()
    key = resolve(name, catalogue)
    years = {s: catalogue.at_most(key, s) for s in among if s != key}
    others = sorted(years, key=years.__getitem__)
    near = [s for s in others if years[s] <= CLOSE or _one_family(key, s, catalogue)]
    if not near and others and years[others[0]] < math.inf:
        near = [s for s in others if years[s] == years[others[0]]]
    return (key, *near)


def _one_family(a: str, b: str, catalogue: Catalogue) -> bool:
    """Return whether two species of unknown distance belong to the same family."""
    return math.isnan(catalogue.distance(a, b)) and catalogue.one_family(a, b)


def stand_in(name: str) -> str:
    """Return the built-in species that replaces another one for which parameters are missing.

    For a vertebrate this is the nearest vertebrate, otherwise the nearer of fly and worm; the fly if both
    are equally distant.

    Parameters
    ----------
    name
        A species.

    Raises
    ------
    InputError
        For a species without a known clade.
    """
    catalogue = known()
    key = resolve(name)
    if key in SPECIES:
        return key
    if not catalogue.place(key)[0]:
        raise InputError(
            f"nothing is known of the species {name!r}",
            remedy="Name a species of a known genus; the tables of species list them.",
        )
    vertebrates = catalogue.clade_names["vertebrata"]
    inside = not vertebrates.isdisjoint(catalogue.lineage(key))
    among = [s for s in SPECIES if (s not in ("fruit_fly", "worm")) == inside]
    return min(among, key=lambda s: catalogue.at_most(key, s))


def in_order(species: Iterable[str]) -> tuple[str, ...]:
    """Return species in the order of named sets: first the eight built-in ones, then others by name."""
    given = set(species)
    return (*(s for s in SPECIES if s in given), *sorted(given - set(SPECIES)))
