"""The tables of species and clades, and that the script makes them from their sources."""

import csv
import importlib.util
import math
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from dnasweep.data.catalogue import plain, tabulated
from dnasweep.data.species import CANONICAL, SPECIES, known, named_after

ROOT = Path(__file__).resolve().parents[2]
TABLES = ROOT / "platform" / "dnasweep" / "data" / "species_tables"
BUILD = ROOT / "docs" / "species"


def rows(name: str) -> list[dict[str, str]]:
    with (TABLES / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


def test_there_are_many_species_of_every_kind() -> None:
    species = known().species
    assert len(species) >= 400
    kinds = Counter(
        name
        for key in species
        for name in {known().clades[clade].name for clade in known().lineage(key)}
    )
    for kind, least in (
        ("Mammalia", 60), ("Aves", 10), ("Insecta", 40), ("Viridiplantae", 90), ("Fungi", 30),
        ("Bacteria", 50), ("Archaea", 5), ("Actinopterygii", 20), ("Vertebrata", 100),
    ):  # fmt: skip
        assert kinds[kind] >= least, kind


def test_taxa_and_canonical_names_are_unique() -> None:
    found = rows("species.tsv")
    for column in ("species", "taxon"):
        assert max(Counter(row[column] for row in found).values()) == 1
    assert all(CANONICAL.fullmatch(key) for key in known().species)
    assert set(known().species) & known().group_names == {"canis_lupus"}, (
        "the wolf, and wolves with dogs"
    )
    assert set(SPECIES) <= set(known().species)


def test_every_species_is_a_leaf_of_one_tree() -> None:
    clades = tabulated().clades
    (root,) = (c for c, clade in clades.items() if not clade.parent)
    for row in rows("species.tsv"):
        assert [*tabulated().lineage(row["species"].replace(" ", "_").lower())][-1:] in (
            [root],
            [],
        )
        assert row["clade"] in clades
    held = {row["clade"] for row in rows("species.tsv")} | {c.parent for c in clades.values()}
    assert set(clades) <= held, "a clade without species"


def test_ages_never_grow_towards_the_species() -> None:
    clades = tabulated().clades
    for row in rows("species.tsv"):
        clade, youngest = row["clade"], 0.0
        while clade:
            age = clades[clade].age
            if not math.isnan(age):
                assert age >= youngest > -1
                assert age > 0
                youngest = age
            clade = clades[clade].parent


def test_every_age_has_its_source_and_no_other_clade_has_one() -> None:
    stems = {path.stem[2:] for path in (BUILD / "trees").glob("*.nwk")}
    for row in rows("clades.tsv"):
        assert bool(row["age"]) == bool(row["tree"])
        assert row["tree"] in {*stems, ""}
    assert {row["tree"] for row in rows("clades.tsv")} == {*stems, ""}
    for path in (BUILD / "trees").glob("*.nwk"):
        first = path.read_text().splitlines()[0]
        assert re.match(r"\[.*(19|20)\d\d.*\]$", first), path.name


def test_names_mean_one_species_or_are_refused() -> None:
    meanings: dict[str, set[str]] = {}
    for one in known().species.values():
        for name in (one.key, one.latin, str(one.taxon), *one.names):
            meanings.setdefault(plain(name), set()).add(one.key)
    # The taxonomy calls two so.
    assert {name for name, keys in meanings.items() if len(keys) > 1} == {"africanmalariamosquito"}


def test_no_single_word_of_a_file_name_is_taken_for_a_species() -> None:
    words = [
        name
        for one in known().species.values()
        if one.key not in SPECIES
        for name in one.names
        if name.isalpha() and name.islower() and named_after(name)
    ]
    assert words == []


@pytest.mark.skipif(
    importlib.util.find_spec("taxoniq") is None or "DNASWEEP_GENOMEINFODB" not in os.environ,
    reason="needs taxoniq, and GenomeInfoDb in DNASWEEP_GENOMEINFODB",
)
def test_the_script_makes_the_tables_to_the_byte(tmp_path: Path) -> None:
    command = [sys.executable, BUILD / "build.py", "--out", tmp_path]
    subprocess.run([*command, "--genomeinfodb", os.environ["DNASWEEP_GENOMEINFODB"]], check=True)
    for name in ("species.tsv", "clades.tsv"):
        assert (tmp_path / name).read_bytes() == (TABLES / name).read_bytes()
