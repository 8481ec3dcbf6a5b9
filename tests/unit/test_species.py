from itertools import pairwise

import pytest
from dnasweep.data.species import (
    SPECIES,
    SPECIES_SETS,
    distance,
    pretraining_stages,
    resolve,
    species_set,
)
from dnasweep.errors import InputError


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("human", "human"),
        ("Homo sapiens", "human"),
        ("H. sapiens", "human"),
        ("hg19", "human"),
        ("GRCh38", "human"),
        ("9606", "human"),
        ("Hs_EPDnew_006_hg38", "human"),
        ("HsNC_EPDnew_001_hg38", "human"),
        ("mm", "mouse"),
        ("musculus", "mouse"),
        ("MmNC_EPDnew_001_mm10", "mouse"),
        ("norvegicus", "rat"),
        ("Rm", "macaque"),
        ("mulatta", "macaque"),
        ("Mmul_8.0.1", "macaque"),
        ("rerio", "zebrafish"),
        ("Drosophila", "fruit_fly"),
        ("melanogaster", "fruit_fly"),
        ("fruit fly", "fruit_fly"),
        ("dm3", "fruit_fly"),
        ("gallus", "chicken"),
        ("celegans", "worm"),
        ("c_elegans", "worm"),
        ("WBcel235", "worm"),
    ],
)
def test_names_met_in_data_are_known(name: str, key: str) -> None:
    assert resolve(name) == key


def test_every_name_of_a_species_means_that_species_only() -> None:
    for key, species in SPECIES.items():
        assert resolve(species.latin) == resolve(species.epdnew) == resolve(species.code) == key
        for name in (*species.assemblies, *species.synonyms):
            assert resolve(name) == key


def test_unknown_and_ambiguous_names_are_refused() -> None:
    with pytest.raises(InputError, match=r"'dog' is not known.*zebrafish"):
        resolve("dog")
    with pytest.raises(InputError, match="mouse assembly mm8 and the macaque"):
        resolve("mm8")
    with pytest.raises(InputError, match="not known"):
        resolve("")


def test_distances_are_an_ultrametric() -> None:
    for a in SPECIES:
        assert distance(a, a) == 0
        for b in SPECIES:
            assert distance(a, b) == distance(b, a)
            for c in SPECIES:
                assert distance(a, c) <= max(distance(a, b), distance(b, c))
    assert distance("mouse", "rat") < distance("hg38", "rheMac8") < distance("human", "mouse")
    assert distance("human", "chicken") < distance("human", "zebrafish") < distance("human", "fly")


def test_named_sets_nest() -> None:
    order = ["primates", "mammals", "amniotes", "vertebrates", "all"]
    for inner, outer in pairwise(order):
        assert set(species_set(inner)) < set(species_set(outer))
    assert set(species_set("rodents")) < set(species_set("mammals"))
    assert {*species_set("vertebrates"), *species_set("invertebrates")} == set(SPECIES)
    assert len(species_set("all")) == 8


def test_close_relatives_start_with_the_species_itself() -> None:
    assert species_set("close-human") == ("human", "macaque", "mouse", "rat")
    assert species_set("close-mouse") == ("mouse", "rat", "human", "macaque")
    assert species_set("close-worm") == ("worm", "fruit_fly")
    assert set(species_set("close-chicken")) == {"chicken", *species_set("mammals")}
    assert set(species_set("close-zebrafish")) == set(species_set("vertebrates"))
    assert species_set("close-drosophila") == species_set("close_fruit_fly")


def test_unions_keep_their_order_and_hold_no_species_twice() -> None:
    assert species_set("mouse+human") == ("mouse", "human")
    assert species_set("mouse+rodents + drosophila") == ("mouse", "rat", "fruit_fly")


@pytest.mark.parametrize("name", ["", "plants", "human+", "close-dog", "human-mouse"])
def test_unknown_sets_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="is not known"):
        species_set(name)


@pytest.mark.parametrize("name", SPECIES_SETS)
def test_every_set_is_found_by_name_in_any_case(name: str) -> None:
    assert species_set(name.upper()) == SPECIES_SETS[name]


def test_pretraining_schedules() -> None:
    assert pretraining_stages("none") == ()
    assert pretraining_stages("hg38") == (("human", ("human",)),)
    assert pretraining_stages("all-then-close-human") == (
        ("all", species_set("all")),
        ("close-human", species_set("close-human")),
    )
    with pytest.raises(InputError):
        pretraining_stages("all-then-none")
