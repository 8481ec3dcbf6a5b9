"""The species the platform knows: names met in data, named sets, and how far apart they are."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from dnasweep.errors import InputError


@dataclass(frozen=True, kw_only=True, slots=True)
class Species:
    """One species."""

    key: str
    """The canonical name, used in tables and set names."""
    latin: str
    """Genus and species."""
    taxon: int
    """NCBI taxonomy identifier."""
    epdnew: str
    """The EPDnew promoter collection, `<code>_EPDnew_<release>_<assembly>`."""
    assemblies: tuple[str, ...]
    """Genome assemblies, UCSC and consortium names, the collection's own first."""
    synonyms: tuple[str, ...]
    """Other names met in data."""

    @property
    def code(self) -> str:
        """The two letters EPDnew uses for the species."""
        return self.epdnew[:2]


_ALL = (
    Species(
        key="human",
        latin="Homo sapiens",
        taxon=9606,
        epdnew="Hs_EPDnew_006_hg38",
        assemblies=("hg38", "GRCh38", "hg19", "GRCh37", "hg18", "hs1", "T2T-CHM13", "CHM13"),
        synonyms=("sapiens", "homo", "humans"),
    ),
    Species(
        key="mouse",
        latin="Mus musculus",
        taxon=10090,
        epdnew="Mm_EPDnew_003_mm10",
        assemblies=("mm10", "GRCm38", "mm39", "GRCm39", "mm9"),
        synonyms=("musculus", "mus", "mice"),
    ),
    Species(
        key="rat",
        latin="Rattus norvegicus",
        taxon=10116,
        epdnew="Rn_EPDnew_001_rn6",
        assemblies=("rn6", "Rnor_6.0", "rn7", "mRatBN7.2", "rn5", "Rnor_5.0", "rn4"),
        synonyms=("norvegicus", "rattus", "rats"),
    ),
    Species(
        key="macaque",
        latin="Macaca mulatta",
        taxon=9544,
        epdnew="Rm_EPDnew_001_rheMac8",
        assemblies=("rheMac8", "Mmul_8.0.1", "Mmul_8", "rheMac10", "Mmul_10", "rheMac3"),
        synonyms=("mulatta", "macaca", "rhesus", "rhesus macaque", "rhesus monkey", "monkey"),
    ),
    Species(
        key="zebrafish",
        latin="Danio rerio",
        taxon=7955,
        epdnew="Dr_EPDnew_001_danRer7",
        assemblies=("danRer7", "Zv9", "danRer10", "GRCz10", "danRer11", "GRCz11"),
        synonyms=("rerio", "danio", "brachydanio rerio"),
    ),
    Species(
        key="fruit_fly",
        latin="Drosophila melanogaster",
        taxon=7227,
        epdnew="Dm_EPDnew_005_dm6",
        assemblies=("dm6", "BDGP6", "BDGP6.28", "BDGP6.32", "BDGP6.46", "dm3", "BDGP5"),
        synonyms=("melanogaster", "drosophila", "fly", "fruitfly", "vinegar fly"),
    ),
    Species(
        key="chicken",
        latin="Gallus gallus",
        taxon=9031,
        epdnew="Gg_EPDnew_001_galGal5",
        assemblies=(
            "galGal5",
            "Gallus_gallus-5.0",
            "galGal6",
            "GRCg6a",
            "GRCg7b",
            "bGalGal1",
            "galGal4",
        ),
        synonyms=("gallus", "hen", "gallus gallus domesticus"),
    ),
    Species(
        key="worm",
        latin="Caenorhabditis elegans",
        taxon=6239,
        epdnew="Ce_EPDnew_001_ce6",
        assemblies=("ce6", "WS190", "ce10", "WS220", "ce11", "WBcel235"),
        synonyms=("elegans", "caenorhabditis", "nematode", "roundworm"),
    ),
)

SPECIES: dict[str, Species] = {s.key: s for s in _ALL}
"""The eight species by canonical name, in the order every named set keeps."""

_AMBIGUOUS = {"mm8": "the mouse assembly mm8 and the macaque assembly Mmul_8"}


def _plain(name: str) -> str:
    return re.sub(r"[\s._\-]+", "", name.strip().lower())


def _names(species: Species) -> set[str]:
    genus, epithet = species.latin.split()
    names = {
        species.key,
        species.latin,
        f"{genus[0]}{epithet}",  # Ensembl's mmulatta, and c_elegans and D. melanogaster
        species.code,
        str(species.taxon),
        species.epdnew,
        *species.assemblies,
        *species.synonyms,
    }
    return {_plain(n) for n in names}


_BY_NAME = {name: species.key for species in _ALL for name in _names(species)}
_EPDNEW = re.compile(r"([a-z]{2})(?:nc)?epdnew\w*")


def resolve(name: str) -> str:
    """Return the canonical name of a species.

    Parameters
    ----------
    name
        A canonical name, Latin name (`Mus musculus`, `m_musculus`, `musculus`), assembly (`mm10`,
        `GRCm39`), EPDnew identifier (`Mm`, `Mm_EPDnew_003_mm10`), NCBI taxon or a common synonym;
        case, blanks, dots, hyphens and underscores do not matter.

    Raises
    ------
    InputError
        For a name that is not known, or that means two species.
    """
    plain = _plain(str(name))
    if plain in _AMBIGUOUS:
        raise InputError(
            f"species {name!r} could be {_AMBIGUOUS[plain]}", remedy="Write mouse or macaque."
        )
    if plain in _BY_NAME:
        return _BY_NAME[plain]
    match = _EPDNEW.fullmatch(plain)
    if match and match[1] in _BY_NAME:
        return _BY_NAME[match[1]]
    raise InputError(
        f"species {str(name)[:80]!r} is not known",
        remedy=f"Use {', '.join(SPECIES)}, or a Latin, assembly or EPDnew name of one of them.",
    )


_CLADES: tuple[tuple[float, frozenset[str]], ...] = (
    (12.0, frozenset({"mouse", "rat"})),
    (29.0, frozenset({"human", "macaque"})),
    (87.0, frozenset({"human", "macaque", "mouse", "rat"})),
    (319.0, frozenset({"human", "macaque", "mouse", "rat", "chicken"})),
    (429.0, frozenset({"human", "macaque", "mouse", "rat", "chicken", "zebrafish"})),
    (600.0, frozenset({"fruit_fly", "worm"})),
    (690.0, frozenset(SPECIES)),
)

CLOSE = 100.0
"""Species that diverged at most this many million years ago are close relatives."""


def distance(a: str, b: str) -> float:
    """Return the million years since two species diverged; 0 for the same species.

    Node ages are rounded from TimeTree 5 (Kumar et al. 2022, Mol. Biol. Evol. 39:msac174). The
    two oldest, flies from worms and both from vertebrates, differ by more than 100 million years
    between studies; what is built on them should rest on their order only.
    """
    pair = {resolve(a), resolve(b)}
    if len(pair) == 1:
        return 0.0
    return next(age for age, clade in _CLADES if pair <= clade)


def close_relatives(name: str, among: Iterable[str] = SPECIES) -> tuple[str, ...]:
    """Return a species and its relatives within `CLOSE` million years, nearest first.

    Parameters
    ----------
    name
        A species.
    among
        Where to look for relatives. Where none of these is close, all of the nearest ones are
        taken; if there is no other, only the species itself is returned.
    """
    key = resolve(name)
    others = sorted((s for s in among if s != key), key=lambda s: distance(key, s))
    near = [s for s in others if distance(key, s) <= CLOSE]
    return (key, *(near or [s for s in others if distance(key, s) == distance(key, others[0])]))


SPECIES_SETS: dict[str, tuple[str, ...]] = {
    **{key: (key,) for key in SPECIES},
    "primates": ("human", "macaque"),
    "rodents": ("mouse", "rat"),
    "mammals": ("human", "mouse", "rat", "macaque"),
    "amniotes": ("human", "mouse", "rat", "macaque", "chicken"),
    "vertebrates": ("human", "mouse", "rat", "macaque", "zebrafish", "chicken"),
    "invertebrates": ("fruit_fly", "worm"),
    "all": tuple(SPECIES),
    **{f"close-{key}": close_relatives(key) for key in SPECIES},
    **{f"not-{key}": tuple(other for other in SPECIES if other != key) for key in SPECIES},
}
"""Species by set name, ordered. `close-X` is X, then its relatives within `CLOSE` million years,
nearest first; where X has none (zebrafish, fruit fly, chicken, worm), X and all of its nearest.
`not-X` is every species but X."""

_RELATIVE = ("close-", "not-")


def _set_name(name: str) -> str:
    """Return the canonical spelling of a set name without `+`."""
    plain = re.sub(r"[\s_]+", "-", name.strip().lower())
    for candidate in (plain, plain.replace("-", "_")):
        if candidate in SPECIES_SETS:
            return candidate
    try:
        for prefix in _RELATIVE:
            if plain.startswith(prefix):
                return prefix + resolve(plain.removeprefix(prefix))
        return resolve(name)
    except InputError as error:
        sets = ", ".join(s for s in SPECIES_SETS if not s.startswith(_RELATIVE))
        raise InputError(
            f"species set {name!r} is not known",
            remedy=f"Use {sets}, close-SPECIES, not-SPECIES, or several joined by +.",
        ) from error


def species_set(name: str) -> tuple[str, ...]:
    """Return the species of a named set, each once and in a fixed order.

    Parameters
    ----------
    name
        A name in `SPECIES_SETS`, any name :func:`resolve` knows, or several of these joined by
        `+`, such as `human+mouse` or `primates+chicken`; a union keeps the order written.

    Raises
    ------
    InputError
        For a set that is not known.

    Examples
    --------
    >>> species_set("rodents"), species_set("human+chicken")
    (('mouse', 'rat'), ('human', 'chicken'))
    """
    parts = [_set_name(part) for part in str(name).split("+")]
    return tuple(dict.fromkeys(key for part in parts for key in SPECIES_SETS[part]))


def pretraining_stages(name: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the stages of a pretraining schedule: canonical set name and species of each.

    `none` has no stage (random initialisation), a species set is one stage, and sets joined by
    `-then-`, such as `all-then-close-human`, follow one another.

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
    return tuple(
        ("+".join(_set_name(part) for part in stage.split("+")), species_set(stage))
        for stage in stages
    )
