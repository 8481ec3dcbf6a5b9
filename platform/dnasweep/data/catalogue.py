"""Known species: names, clades and divergence times.

The tables in the folder `species_tables` are created by `docs/species/build.py`; `docs/science.md` lists
their sources.
"""

from __future__ import annotations

import csv
import functools
import io
import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import NamedTuple

from dnasweep.errors import InputError

_PREFIX = re.compile(r"(?:ncbi_?)?tax(?:on|id|on_?id)?[:_ ]\s*(?=\d)", re.IGNORECASE)


class Clade(NamedTuple):
    """A group of species with a common ancestor."""

    name: str
    """Name in the NCBI taxonomy; empty for a clade that only a dated tree has."""
    rank: str
    """Rank in the NCBI taxonomy, such as genus; empty if it has none."""
    parent: str
    """Identifier of the clade around it; empty for the root."""
    age: float
    """Million years since its oldest two branches diverged; nan if no dated tree contains it."""


class KnownSpecies(NamedTuple):
    """A species in the catalogue."""

    key: str
    """The canonical name, used in tables and set names."""
    latin: str
    """Scientific name."""
    taxon: int
    """NCBI taxonomy identifier; 0 if there is none."""
    clade: str
    """Identifier of the smallest clade that contains it; empty if unknown."""
    names: tuple[str, ...] = ()
    """Other names, and assemblies."""
    placed: bool = True
    """Whether its branch within that clade is known, so the age of the clade is the age of its branch."""


@dataclass(frozen=True, eq=False)
class Catalogue:
    """Known species and their tree."""

    species: Mapping[str, KnownSpecies]
    """Species by canonical name."""
    clades: Mapping[str, Clade]
    """By identifier."""
    paths: Mapping[str, tuple[tuple[int, float], ...]] = field(default_factory=dict)
    """Nodes above each species in a tree given by the user, nearest first, with their ages."""

    @functools.cached_property
    def _names(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = defaultdict(set)
        for one in self.species.values():
            for name in (one.key, one.latin, *one.names, *([str(one.taxon)] if one.taxon else [])):
                found[plain(name)].add(one.key)
        # Ensembl's mmulatta, and c_elegans and D. melanogaster, if the name is unique.
        short: dict[str, set[str]] = defaultdict(set)
        for one in self.species.values():
            genus, _, epithet = one.latin.partition(" ")
            if epithet and " " not in epithet:
                short[plain(genus[0] + epithet)].add(one.key)
        for name, keys in short.items():
            found.setdefault(name, keys)
        return found

    @functools.cached_property
    def _genera(self) -> dict[str, str]:
        return {c.name.lower(): i for i, c in self.clades.items() if c.rank == "genus"}

    @functools.cached_property
    def clade_names(self) -> dict[str, frozenset[str]]:
        """Identifiers of clades by lower-case name."""
        found: dict[str, set[str]] = defaultdict(set)
        for identifier, clade in self.clades.items():
            if clade.name:
                found[clade.name.lower()].add(identifier)
        return {name: frozenset(identifiers) for name, identifiers in found.items()}

    @functools.cached_property
    def group_names(self) -> frozenset[str]:
        """Names of clades above the genus, in the spelling of canonical species names."""
        named = (c.name for c in self.clades.values() if c.name and c.rank != "genus")
        return frozenset(map(spelled, named))

    def find(self, name: str) -> str | None:
        """Return the canonical name of a known species, None if the name is unknown.

        Raises
        ------
        InputError
            For a name shared by several species.
        """
        # NCBI writes the common name behind the scientific one: Homo sapiens (human).
        alone = re.sub(r"\s\([^()]*\)\s*$", "", name)
        keys = self._names.get(plain(name), set()) or self._names.get(plain(alone), set())
        if len(keys) > 1:
            known = sorted(self.species[key].latin for key in keys)
            raise InputError(
                f"species {name!r} could be {' or '.join(known)}",
                remedy="Write the scientific name.",
            )
        return next(iter(keys), None)

    def near_misses(self, name: str) -> list[str]:
        """Return known species whose name, of at least 5 letters, differs in one letter."""
        wanted = plain(name)
        if len(wanted) < 5 or wanted.isdecimal():
            return []
        near = (keys for known, keys in self._names.items() if _one_letter_off(wanted, known))
        return sorted({key for keys in near for key in keys})

    def place(self, key: str) -> tuple[str, bool]:
        """Return the smallest clade that contains a species, and whether its branch there is known.

        An unknown species is placed in its genus if the genus is known, otherwise in no clade.
        """
        known = self.species.get(key)
        if known is not None and known.clade:
            return known.clade, known.placed
        return self._genera.get(key.partition("_")[0], ""), False

    def lineage(self, key: str) -> Iterator[str]:
        """Yield the clades that contain a species, smallest first."""
        clade = self.place(key)[0]
        while clade:
            yield clade
            clade = self.clades[clade].parent

    def distance(self, a: str, b: str) -> float:
        """Return million years since two species diverged; 0 for the same species, nan if unknown.

        This is the age of the smallest clade that contains both, and unknown if that clade is not dated.
        """
        if a == b:
            return 0.0
        if a in self.paths and b in self.paths:
            above = {node for node, _ in self.paths[b]}
            return next(age for node, age in self.paths[a] if node in above)
        clade = self._common(a, b)
        for key in (a, b):
            own, placed = self.place(key)
            if own == clade and not placed:
                return math.nan
        return self.clades[clade].age if clade else math.nan

    def at_most(self, a: str, b: str) -> float:
        """Return the distance, or an upper bound if it is unknown; inf if there is no bound."""
        found = self.distance(a, b)
        if not math.isnan(found):
            return found
        clade = self._common(a, b)
        while clade:
            clade = self.clades[clade].parent
            if clade and not math.isnan(self.clades[clade].age):
                return self.clades[clade].age
        return math.inf

    def one_family(self, a: str, b: str) -> bool:
        """Return whether two species belong to the same family."""
        clade = self._common(a, b)
        while clade:
            if self.clades[clade].rank == "family":
                return True
            clade = self.clades[clade].parent
        return False

    def _common(self, a: str, b: str) -> str:
        """Return the smallest clade that contains both species, empty if there is none."""
        around = set(self.lineage(b))
        return next((clade for clade in self.lineage(a) if clade in around), "")


def plain(name: str) -> str:
    """Return a name in lower case without spaces, dots, hyphens, underscores and the patch of an assembly.

    Examples
    --------
    >>> plain("Mus musculus"), plain("GRCh38.p13"), plain("9606.0"), plain("taxid:3702")
    ('musmusculus', 'grch38', '9606', '3702')
    """
    text = _PREFIX.sub("", name.strip())
    text = re.sub(r"(?<=\d)\.0+$" if re.fullmatch(r"\d+\.0+", text) else r"\.p\d+$", "", text)
    return re.sub(r"[\s._\-]+", "", text.lower())


def _one_letter_off(a: str, b: str) -> bool:
    """Return whether two texts differ by exactly one inserted, deleted or substituted letter."""
    if a == b or abs(len(a) - len(b)) > 1:
        return False
    start = next(
        (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b))
    )
    return a[start + 1 :] in (b[start:], b[start + 1 :]) or a[start:] == b[start + 1 :]


def spelled(name: str) -> str:
    """Return a name in canonical spelling: lower case with underscores.

    Examples
    --------
    >>> spelled("Arabidopsis halleri"), spelled("Escherichia coli O157:H7")
    ('arabidopsis_halleri', 'escherichia_coli_o157_h7')
    """
    return re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")


def _rows(table: str) -> Iterator[dict[str, str]]:
    path = files("dnasweep.data").joinpath("species_tables", table)
    yield from csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")), delimiter="\t")


@functools.cache
def tabulated() -> Catalogue:
    """Return the species and clades of the tables, with scientific names as canonical names."""
    clades = {
        row["clade"]: Clade(
            row["name"], row["rank"], row["parent"], float(row["age"]) if row["age"] else math.nan
        )
        for row in _rows("clades.tsv")
    }
    species = {}
    for row in _rows("species.tsv"):
        key = spelled(row["species"])
        names = (*row["names"].split("|"), *row["assemblies"].split("|"))
        species[key] = KnownSpecies(
            key, row["species"], int(row["taxon"]), row["clade"], tuple(filter(None, names))
        )
    return Catalogue(species, clades)
