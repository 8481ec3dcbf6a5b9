"""Species added by the user: a table of names, and a dated tree."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from dnasweep.data.catalogue import Catalogue, KnownSpecies, plain
from dnasweep.data.species import CANONICAL, known, resolve
from dnasweep.errors import InputError
from dnasweep.formats.content import read_bytes
from dnasweep.formats.paths import user_path

COLUMNS = ("name", "taxon", "synonyms", "clade")
"""Columns of a table of species; all but the name may be missing or empty."""

_REST = "cells beyond the header"
_TOLERANCE = 0.01
"""Tolerated distance of leaves from the present due to rounding, as a fraction of the age of the root."""


def read_catalogue(species_table: str | None = None, tree: str | None = None) -> Catalogue | None:
    """Return the catalogue of species with additions by the user; None if there are none.

    Parameters
    ----------
    species_table
        CSV or TSV with the columns `name` (scientific), `taxon` (of the NCBI taxonomy), `synonyms`
        (several separated by `|`) and `clade` (the smallest one of the NCBI taxonomy that
        contains the species). A row with a known name adds its synonyms to that species.
    tree
        Newick or Nexus file with species as leaves and branch lengths in million years. It defines the
        distances between its species.

    Raises
    ------
    InputError
        For a file that cannot be read, a name or synonym shared by two species, and a tree that is not
        dated.
    """
    if species_table is None and tree is None:
        return None
    catalogue = known()
    if species_table is not None:
        catalogue = _with_table(catalogue, user_path(species_table))
    if tree is not None:
        catalogue = _with_tree(catalogue, user_path(tree))
    return catalogue


def _with_table(catalogue: Catalogue, path: Path) -> Catalogue:
    text = read_bytes(path, holds="species").decode()
    header = text.partition("\n")[0]
    separator = max("\t,;", key=header.count)
    rows = list(csv.DictReader(io.StringIO(text), delimiter=separator, restkey=_REST))
    found = rows[0] if rows else header.split(separator)
    names = [name.strip().lower() for name in found if name and name != _REST]
    if "name" not in names or not set(names) <= set(COLUMNS):
        raise InputError(
            f"the columns are {', '.join(names)}",
            file=path,
            row=1,
            remedy=f"Name them {', '.join(COLUMNS)}; all but the first may be missing.",
        )
    for number, row in enumerate(rows, start=2):
        if any(cell.strip() for cell in row.pop(_REST, [])):
            raise InputError(
                "the row has more cells than the header",
                file=path,
                row=number,
                remedy="Separate synonyms by |.",
            )
        cells = {str(k).strip().lower(): (v or "").strip() for k, v in row.items()}
        try:
            catalogue = _with_species(catalogue, cells)
        except InputError as error:
            raise InputError(error.reason, file=path, row=number, remedy=error.remedy) from None
    return catalogue


def _with_species(catalogue: Catalogue, cells: dict[str, str]) -> Catalogue:
    """Return the catalogue with the species of one row of a table."""
    name, taxon = cells["name"], cells.get("taxon", "")
    key = resolve(name, catalogue)
    if taxon and not plain(taxon).isdecimal():
        raise InputError(
            f"the taxon {taxon!r} is not a number", remedy="Use the taxon id of the NCBI taxonomy."
        )
    synonyms = tuple(s.strip() for s in cells.get("synonyms", "").split("|") if s.strip())
    for synonym in (*synonyms, *([taxon] if taxon else [])):
        if (other := catalogue.find(synonym)) not in (None, key):
            raise InputError(
                f"{synonym!r} of {name} is already a name of {other}",
                remedy="Give each species unique names.",
            )
    one = catalogue.species.get(key)
    if one is None:
        clade = _clade(catalogue, cells.get("clade", "")) or catalogue.place(key)[0]
        number = int(plain(taxon)) if taxon else 0
        one = KnownSpecies(key, name, number, clade, (), placed=False)
    one = one._replace(names=(*one.names, *synonyms))
    return Catalogue({**catalogue.species, key: one}, catalogue.clades, catalogue.paths)


def _clade(catalogue: Catalogue, name: str) -> str:
    if not name:
        return ""
    found = catalogue.clade_names.get(name.lower())
    if found is None:
        raise InputError(
            f"the clade {name!r} is not known",
            remedy="Use the NCBI taxonomy's name of a clade of known species, or leave it empty.",
        )
    return min(found)


def _with_tree(catalogue: Catalogue, path: Path) -> Catalogue:
    # Imported here because it is slow and rarely needed.
    from Bio import Phylo

    text = read_bytes(path, holds="a tree").decode()
    kind = "nexus" if text.lstrip().upper().startswith("#NEXUS") else "newick"
    try:
        tree = Phylo.read(io.StringIO(text), kind)
    except Exception as error:
        raise InputError(
            f"is not a tree: {error}", file=path, remedy="Give one tree in Newick or Nexus format."
        ) from error
    return Catalogue(catalogue.species, catalogue.clades, _paths(catalogue, tree, path))


def _paths(
    catalogue: Catalogue, tree: Any, path: Path
) -> dict[str, tuple[tuple[int, float], ...]]:
    """Return the nodes above each leaf of a tree, nearest first, with their ages."""
    if any(node.branch_length is None for node in tree.find_clades() if node is not tree.root):
        raise InputError(
            "has branches without a length",
            file=path,
            remedy="Give their lengths in million years.",
        )
    depths = tree.depths()
    leaves = tree.get_terminals()
    height = max(depths[leaf] for leaf in leaves)
    early = [leaf for leaf in leaves if height - depths[leaf] > _TOLERANCE * height]
    if early or not height:
        shown = (
            f": {early[0].name} ends {height - depths[early[0]]:g} before others" if early else ""
        )
        raise InputError(
            f"is not dated{shown}",
            file=path,
            remedy="Give a tree with branch lengths in million years, in which all leaves end at the present.",
        )
    found: dict[str, tuple[tuple[int, float], ...]] = {}
    for leaf in leaves:
        key = resolve((leaf.name or "").replace("_", " "), catalogue)
        if key in found or not CANONICAL.fullmatch(key):
            raise InputError(
                f"has two leaves of {key}", file=path, remedy="Keep one leaf of each species."
            )
        above = [tree.root, *tree.get_path(leaf)][-2::-1]
        found[key] = tuple((id(node), height - depths[node]) for node in above)
    return found
