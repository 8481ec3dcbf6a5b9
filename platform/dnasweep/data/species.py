"""Species: what they are called in data, and how far apart they are."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterable

from dnasweep.data.built_in_species import SPECIES
from dnasweep.data.catalogue import Catalogue, plain, spelled, tabulated
from dnasweep.errors import InputError

CLOSE = 100.0
"""Species that diverged at most this many million years ago are close relatives."""

CANONICAL = re.compile(r"[a-z][a-z0-9_]{1,79}")
"""What a canonical name looks like."""

_AMBIGUOUS = {"mm8": "the mouse assembly mm8 and the macaque assembly Mmul_8"}
_EPDNEW = re.compile(r"([a-z]{2})(?:nc)?epdnew\w*")
_SCIENTIFIC = re.compile(r"[^\W\d_]")
# Words that say that the species is not known, or that mean several.
_NO_SPECIES = frozenset(
    "nan na n_a none null unknown unspecified other others all any species organism mixed".split()
)


@functools.cache
def known() -> Catalogue:
    """Return the catalogue of all known species; the eight go by their own names in it."""
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
    """Return the canonical name of a known species, None where the name is not known.

    Parameters
    ----------
    name
        A canonical name, scientific name (`Mus musculus`, `m_musculus`), assembly (`mm10`,
        `GRCm39`, `GRCh38.p13`), EPDnew identifier (`Mm`, `Mm_EPDnew_003_mm10`), NCBI taxon
        (`10090`, `10090.0`) or a common name; case, blanks, dots, hyphens and underscores do not
        matter.
    catalogue
        Catalogue of known species; None: :func:`known`.

    Raises
    ------
    InputError
        For a name of two species.
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
    """Return the canonical name of a species; one that is not known is a species of its own.

    Parameters
    ----------
    name
        A name as for :func:`find`, or any other that can be one: of letters and digits, and not
        of a group of species.
    catalogue
        Catalogue of known species; None: :func:`known`.

    Raises
    ------
    InputError
        For a name of two species, and for one that cannot be a species.

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
    """Return the species that a file of this name is named after, empty for none.

    Only whole names say it: those of the eight, and scientific names and assemblies of others,
    since `orange` and `pepper` are names of anything. Nor do numbers, and two letters only where
    they are the code of an EPDnew collection: `dr.csv` is Dr. Somebody's as well as a zebrafish's.

    Parameters
    ----------
    name
        The name of the file without endings.
    is_code
        Whether it is the code of an EPDnew collection.
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
"""Sets of species with an English name, and their clade in the NCBI taxonomy."""

_GROUP_NAMES = frozenset((*GROUPS, "invertebrates"))


def distance(a: str, b: str, catalogue: Catalogue | None = None) -> float:
    """Return the million years since two species diverged; 0 for the same, nan where not known.

    Node ages are those of published dated trees, most from TimeTree (Kumar et al. 2022, Mol. Biol.
    Evol. 39:msac174); `docs/science.md` names all. The oldest, such as flies from worms and both
    from vertebrates, differ by more than 100 million years between studies; what is built on them
    should rest on their order only.

    Parameters
    ----------
    a, b
        Names of species.
    catalogue
        Catalogue of known species; None: :func:`known`.
    """
    catalogue = catalogue or known()
    return catalogue.distance(resolve(a, catalogue), resolve(b, catalogue))


def close_relatives(
    name: str, among: Iterable[str] = SPECIES, catalogue: Catalogue | None = None
) -> tuple[str, ...]:
    """Return a species and its relatives within `CLOSE` million years, nearest first.

    Where the distance is not known, species of one family count as close.

    Parameters
    ----------
    name
        A species.
    among
        Where to look for relatives. Where none of these is close, all of the nearest ones are
        taken; if there is no other, or nothing is known of its relatives, only the species itself
        is returned.
    catalogue
        Catalogue of known species; None: :func:`known`.
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
    """Return whether two species of unknown distance are of one family."""
    return math.isnan(catalogue.distance(a, b)) and catalogue.one_family(a, b)


def stand_in(name: str, catalogue: Catalogue | None = None) -> str:
    """Return which of the eight species speaks for another where only they are known.

    It is the nearest vertebrate for a vertebrate, else the nearer of fly and worm; the fly where
    both are equally far.

    Parameters
    ----------
    name
        A species.
    catalogue
        Catalogue of known species; None: :func:`known`.

    Raises
    ------
    InputError
        For a species of no known clade.
    """
    catalogue = catalogue or known()
    key = resolve(name, catalogue)
    if key in SPECIES:
        return key
    if not catalogue.place(key)[0]:
        raise InputError(
            f"nothing is known of the species {name!r}",
            remedy="Name one of a known genus; the tables of species list them.",
        )
    vertebrates = catalogue.clade_names["vertebrata"]
    inside = not vertebrates.isdisjoint(catalogue.lineage(key))
    among = [s for s in SPECIES if (s not in ("fruit_fly", "worm")) == inside]
    return min(among, key=lambda s: catalogue.at_most(key, s))


def in_order(species: Iterable[str]) -> tuple[str, ...]:
    """Return species in the order of named sets: the eight in theirs, then others by name."""
    given = set(species)
    return (*(s for s in SPECIES if s in given), *sorted(given - set(SPECIES)))
