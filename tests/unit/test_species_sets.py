from itertools import pairwise

import pytest
from dnasweep.data.species import GROUPS, SPECIES, close_relatives
from dnasweep.data.species_sets import pretraining_stages, species_set
from dnasweep.errors import InputError

# The sets as they were when the eight were all there was: same names, members and order.
EIGHT = {
    **{key: (key,) for key in SPECIES},
    "primates": ("human", "macaque"),
    "rodents": ("mouse", "rat"),
    "mammals": ("human", "mouse", "rat", "macaque"),
    "amniotes": ("human", "mouse", "rat", "macaque", "chicken"),
    "vertebrates": ("human", "mouse", "rat", "macaque", "zebrafish", "chicken"),
    "invertebrates": ("fruit_fly", "worm"),
    "all": ("human", "mouse", "rat", "macaque", "zebrafish", "fruit_fly", "chicken", "worm"),
    "close-human": ("human", "macaque", "mouse", "rat"),
    "close-mouse": ("mouse", "rat", "human", "macaque"),
    "close-rat": ("rat", "mouse", "human", "macaque"),
    "close-macaque": ("macaque", "human", "mouse", "rat"),
    "close-zebrafish": ("zebrafish", "human", "mouse", "rat", "macaque", "chicken"),
    "close-fruit_fly": ("fruit_fly", "worm"),
    "close-chicken": ("chicken", "human", "mouse", "rat", "macaque"),
    "close-worm": ("worm", "fruit_fly"),
    **{f"not-{key}": tuple(other for other in SPECIES if other != key) for key in SPECIES},
}
PLANTS = (
    "arabidopsis_thaliana",
    "klingon",
    "oryza_sativa",
    "saccharomyces_cerevisiae",
    "zea_mays",
)


@pytest.mark.parametrize("name", EIGHT)
def test_sets_of_the_eight_are_what_they_were(name: str) -> None:
    assert species_set(name) == species_set(name.upper()) == EIGHT[name]
    assert species_set(name, ("human", "worm")) == EIGHT[name]
    assert pretraining_stages(name) == ((name, EIGHT[name]),)


def test_named_sets_are_nested() -> None:
    for inner, outer in pairwise(("primates", "mammals", "amniotes", "vertebrates", "all")):
        assert set(species_set(inner)) < set(species_set(outer))
    assert {*species_set("vertebrates"), *species_set("invertebrates")} == set(SPECIES)


@pytest.mark.parametrize(
    ("name", "canonical", "members"),
    [
        ("plants", "plants", ("arabidopsis_thaliana", "oryza_sativa", "zea_mays")),
        ("Grasses", "grasses", ("oryza_sativa", "zea_mays")),
        ("fungi", "fungi", ("saccharomyces_cerevisiae",)),
        ("clade:brassicales", "clade:Brassicales", ("arabidopsis_thaliana",)),
        ("corn", "zea_mays", ("zea_mays",)),
        ("close-corn", "close-zea_mays", ("zea_mays", "oryza_sativa")),
        (
            "close-arabidopsis",
            "close-arabidopsis_thaliana",
            ("arabidopsis_thaliana", "oryza_sativa", "zea_mays"),
        ),
        ("not-Zea mays", "not-zea_mays", PLANTS[:-1]),
        ("fungi+corn", "fungi+zea_mays", ("saccharomyces_cerevisiae", "zea_mays")),
        ("klingon", "klingon", ("klingon",)),
        ("close-klingon", "close-klingon", ("klingon",)),
        ("all", "all", PLANTS),
    ],
)
def test_sets_of_any_species(name: str, canonical: str, members: tuple[str, ...]) -> None:
    assert pretraining_stages(name, PLANTS) == ((canonical, members),)


def test_sets_among_other_species_keep_the_eight_whole() -> None:
    among = ("human", "pan_troglodytes", "zea_mays")
    assert species_set("primates", among) == ("human", "macaque", "pan_troglodytes")
    assert species_set("close-human", among) == ("human", "pan_troglodytes")
    assert species_set("plants", among) == ("zea_mays",)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mammals", "none of the species of the data. Name some of arabidopsis_thaliana"),
        ("bacteria", "none of the species of the data"),
        ("clade:Primates", "none of the species of the data"),
        ("clade:Foo", "clade 'Foo' is not known"),
        ("unicorns", "'unicorns' is not known. Use a species, primates"),
        ("Homo sapien", "did you mean human"),
        ("", "is not known"),
        ("fungi+", "is not known"),
        ("corn-rice", "is not known"),
    ],
)
def test_sets_that_nothing_is_of_are_refused(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        species_set(name, PLANTS)


@pytest.mark.parametrize("name", GROUPS)
def test_every_group_has_known_species(name: str) -> None:
    from dnasweep.data.species import known

    assert species_set(name, tuple(known().species))


def test_unions_keep_the_order_written() -> None:
    assert species_set("mouse+human") == ("mouse", "human")
    assert species_set("mouse+rodents + drosophila") == ("mouse", "rat", "fruit_fly")


def test_pretraining_stages() -> None:
    assert pretraining_stages("none") == ()
    assert pretraining_stages("hg38") == (("human", ("human",)),)
    assert pretraining_stages("all-then-close-human") == (
        ("all", species_set("all")),
        ("close-human", close_relatives("human")),
    )
    assert pretraining_stages("plants-then-corn", PLANTS)[1] == ("zea_mays", ("zea_mays",))
    with pytest.raises(InputError, match="is not known"):
        pretraining_stages("all-then-none")
