import math

import pytest
from dnasweep.data.species import (
    SPECIES,
    close_relatives,
    distance,
    find,
    in_order,
    known,
    named_after,
    resolve,
)
from dnasweep.errors import InputError

# Rounded from TimeTree 5 (Kumar et al. 2022), as the first data sets were made with.
EIGHT = (
    (12.0, {"mouse", "rat"}),
    (29.0, {"human", "macaque"}),
    (87.0, {"human", "macaque", "mouse", "rat"}),
    (319.0, {"human", "macaque", "mouse", "rat", "chicken"}),
    (429.0, {"human", "macaque", "mouse", "rat", "chicken", "zebrafish"}),
    (600.0, {"fruit_fly", "worm"}),
    (690.0, set(SPECIES)),
)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("human", "human"),
        ("Homo sapiens", "human"),
        ("H. sapiens", "human"),
        ("hg19", "human"),
        ("GRCh38", "human"),
        ("GRCh38.p13", "human"),
        ("9606", "human"),
        ("9606.0", "human"),
        ("taxid:9606", "human"),
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
        ("Arabidopsis thaliana", "arabidopsis_thaliana"),
        ("A. thaliana", "arabidopsis_thaliana"),
        ("athaliana", "arabidopsis_thaliana"),
        ("thale cress", "arabidopsis_thaliana"),
        ("TAIR10", "arabidopsis_thaliana"),
        ("3702", "arabidopsis_thaliana"),
        ("Zea mays", "zea_mays"),
        ("corn", "zea_mays"),
        ("baker's yeast", "saccharomyces_cerevisiae"),
        ("sacCer3", "saccharomyces_cerevisiae"),
        ("E. coli", "escherichia_coli"),
        ("Escherichia coli str. K-12 substr. MG1655", "escherichia_coli"),
        ("511145", "escherichia_coli"),
        ("dog", "canis_lupus_familiaris"),
        ("chimpanzee", "pan_troglodytes"),
    ],
)
def test_names_met_in_data_are_known(name: str, key: str) -> None:
    assert find(name) == resolve(name) == key


def test_every_name_of_a_species_means_that_species_only() -> None:
    for key, species in SPECIES.items():
        assert resolve(species.latin) == resolve(species.epdnew) == resolve(species.code) == key
        assert resolve(str(species.taxon)) == key
        for name in (*species.assemblies, *species.synonyms):
            assert resolve(name) == key


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Arabidopsis halleri", "arabidopsis_halleri"),
        ("ARABIDOPSIS_HALLERI ", "arabidopsis_halleri"),
        ("Homo sapien", "homo_sapien"),
        ("klingon", "klingon"),
        ("Escherichia coli O157:H7", "escherichia_coli_o157_h7"),
        ("12345", "taxon_12345"),
    ],
)
def test_what_is_not_known_is_a_species_of_its_own(name: str, key: str) -> None:
    assert find(name) is None
    assert resolve(name) == key == resolve(key)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mm8", "mouse assembly mm8 and the macaque"),
        ("C. sativa", "could be Camelina sativa or Cannabis sativa. Write the scientific name"),
        ("", "is not the name of a species"),
        ("nan", "is not the name of a species"),
        ("unknown", "is not the name of a species"),
        ("0", "is not known, and no name of letters"),
        ("1", "is not known, and no name of letters"),
        ("42", "is not known, and no name of letters"),
        ("x", "is not known, and no name of letters"),
        ("plants", "is a group of species"),
        ("Mammalia", "is a group of species"),
        ("x" * 200, "is not known"),
    ],
)
def test_what_cannot_be_a_species_is_refused(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        resolve(name)


def test_the_distances_of_the_eight_are_what_they_were() -> None:
    for a in SPECIES:
        for b in SPECIES:
            wanted = 0.0 if a == b else next(age for age, clade in EIGHT if {a, b} <= clade)
            assert distance(a, b) == wanted


@pytest.mark.parametrize(
    ("a", "b", "years", "within"),
    [
        # Published: TimeTree 5, and for angiosperms Magallon et al. 2015.
        ("human", "chimpanzee", 6.65, 0.1),
        ("dog", "cat", 55.4, 0.1),
        ("cow", "sheep", 21.6, 0.1),
        ("human", "opossum", 160.0, 0.1),
        ("human", "Xenopus tropicalis", 351.7, 0.1),
        ("D. simulans", "fruit fly", 4.62, 0.1),
        ("arabidopsis", "Arabidopsis lyrata", 7.1, 0.1),
        ("arabidopsis", "rice", 135.66, 0.1),
        ("rice", "maize", 49.6, 0.1),
        ("human", "arabidopsis", 1598.4, 0.1),
        ("yeast", "human", 1105.0, 0.1),
        ("E. coli", "B. subtilis", 3194.2, 0.1),
    ],
)
def test_published_divergence_times(a: str, b: str, years: float, within: float) -> None:
    assert distance(a, b) == distance(b, a) == pytest.approx(years, abs=within)


@pytest.mark.parametrize(
    ("a", "b"),
    [("tomato", "potato"), ("klingon", "human"), ("Arabidopsis halleri", "arabidopsis")],
)
def test_what_nobody_has_dated_is_not_known(a: str, b: str) -> None:
    assert math.isnan(distance(a, b))


def test_a_species_that_is_not_known_is_placed_in_its_genus() -> None:
    assert distance("Arabidopsis halleri", "rice") == distance("arabidopsis", "rice")
    assert known().at_most("arabidopsis_halleri", "arabidopsis_thaliana") == 9.4
    assert math.isinf(known().at_most("klingon", "human"))


def test_distances_are_those_of_a_tree() -> None:
    keys = list(known().species)[::9]
    for a in keys:
        assert distance(a, a) == 0
        for b in keys:
            for c in keys[::5]:
                apart = [known().at_most(x, y) for x, y in ((a, b), (b, c), (a, c))]
                assert sorted(apart)[1] == sorted(apart)[2] or math.inf in apart


def test_close_relatives_of_any_species() -> None:
    everything = tuple(known().species)
    near = close_relatives("human", ("pan_troglodytes", "chicken", "gorilla_gorilla", "human"))
    assert near == ("human", "pan_troglodytes", "gorilla_gorilla")
    # Tomato and potato are undated, and of one family.
    assert "solanum_tuberosum" in close_relatives("tomato", everything)
    assert "oryza_sativa" not in close_relatives("tomato", everything)
    assert close_relatives("klingon", everything) == ("klingon",)
    assert close_relatives("zea_mays", ("human", "arabidopsis_thaliana", "zea_mays")) == (
        "zea_mays",
        "arabidopsis_thaliana",
    )


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("celegans", "worm"),
        ("dr", ""),
        ("9606", ""),
        ("Arabidopsis_thaliana", "arabidopsis_thaliana"),
        ("arabidopsis_thaliana.TAIR10", ""),
        ("TAIR10", "arabidopsis_thaliana"),
        ("orange", ""),
        ("pepper", ""),
        ("my_results", ""),
    ],
)
def test_only_whole_names_of_files_say_a_species(name: str, key: str) -> None:
    assert named_after(name) == key


def test_the_order_of_sets_is_that_of_the_eight_then_by_name() -> None:
    assert in_order(("zea_mays", "worm", "human", "apis_mellifera")) == (
        "human",
        "worm",
        "apis_mellifera",
        "zea_mays",
    )
