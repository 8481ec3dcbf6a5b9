"""Species and trees of the user's own."""

import math
from pathlib import Path

import pandas as pd
import pytest
from dnasweep.data.dataset_config import DatasetConfig, dataset_key
from dnasweep.data.datasets import build_dataset
from dnasweep.data.own_species import read_catalogue
from dnasweep.data.species import close_relatives, distance, find, resolve
from dnasweep.data.species_sets import species_set
from dnasweep.errors import InputError
from toy_data import write_toy_table

TABLE = """name,taxon,synonyms,clade
Wolffia australiana,161112,wolffia|duckmeal,Araceae
Qo'noS targ,,targ,
Zea mays,,my maize,
"""
TREE = "((Zea_mays:11,Sorghum_bicolor:11):38,(Oryza_sativa:40,Wolffia_australiana:40):9);"


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def test_nothing_given_adds_nothing() -> None:
    assert read_catalogue() is None


@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_a_table_adds_species_and_names(tmp_path: Path, separator: str) -> None:
    table = write(tmp_path / "t.csv", TABLE.replace(",", separator))
    made = read_catalogue(table)
    for name in ("Wolffia australiana", "wolffia", "DuckMeal", "161112", "W. australiana"):
        assert find(name, made) == "wolffia_australiana"
    assert find("targ", made) == "qo_nos_targ"
    assert resolve("my maize", made) == "zea_mays"
    among = ("spirodela_polyrhiza", "wolffia_australiana", "zea_mays")
    assert species_set("plants", among, made) == among
    # Its branch within the family is not known, that of the family is.
    assert distance("wolffia", "maize", made) == 131.06
    assert math.isnan(distance("wolffia", "Spirodela polyrhiza", made))
    assert find("wolffia") is None


def test_a_tree_says_how_far_its_species_are_apart(tmp_path: Path) -> None:
    made = read_catalogue(None, write(tmp_path / "t.nwk", TREE))
    assert distance("maize", "sorghum", made) == pytest.approx(11)
    assert distance("maize", "Wolffia australiana", made) == pytest.approx(49)
    assert distance("rice", "wolffia_australiana", made) == pytest.approx(40)
    assert distance("maize", "arabidopsis", made) == distance("maize", "arabidopsis")
    assert close_relatives("rice", ("zea_mays", "wolffia_australiana"), made) == (
        "oryza_sativa",
        "wolffia_australiana",
        "zea_mays",
    )


def test_a_nexus_tree_is_read(tmp_path: Path) -> None:
    text = f"#NEXUS\nbegin trees;\ntree one = {TREE}\nend;\n"
    made = read_catalogue(None, write(tmp_path / "t.nex", text))
    assert distance("maize", "sorghum", made) == pytest.approx(11)


@pytest.mark.parametrize(
    ("text", "message", "row"),
    [
        ("species,taxon\nx,1\n", "the columns are species, taxon. Name them name, taxon", 1),
        ("name,colour\nZea luxurians,red\n", "the columns are name, colour", 1),
        ("name,taxon\nZea luxurians,abc\n", "the taxon 'abc' is not a number", 2),
        (
            "name,taxon\nZea luxurians,4577\n",
            "'4577' of Zea luxurians is already a name of zea_mays",
            2,
        ),
        (
            "name,synonyms\nZea diploperennis,teosinte\nZea luxurians,corn\n",
            "'corn' of Zea luxurians",
            3,
        ),
        ("name,clade\nZea luxurians,Foo\n", "the clade 'Foo' is not known", 2),
        ("name\nmammals\n", "is a group of species", 2),
        ("name,synonyms\nZea luxurians,a,b\n", "the row has more cells than the header", 2),
    ],
)
def test_tables_that_cannot_be_used(tmp_path: Path, text: str, message: str, row: int) -> None:
    with pytest.raises(InputError, match=message) as error:
        read_catalogue(write(tmp_path / "t.csv", text))
    assert error.value.row == row
    assert error.value.file == str(tmp_path / "t.csv")


def test_a_table_of_windows_keeps_its_letters(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("name,synonyms\nZea luxurians,ma\xefs\n".encode("cp1252"))
    assert find("maïs", read_catalogue(str(tmp_path / "t.csv"))) == "zea_luxurians"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("((Zea_mays,Oryza_sativa),human);", "branches without a length"),
        ("((Zea_mays:1,Oryza_sativa:5):3,human:8);", "is not dated: Zea_mays ends 4 before"),
        ("(Zea_mays:8,corn:8);", "two leaves of zea_mays"),
        ("((Zea_mays:8", "is not a tree"),
        ("", "the file is empty"),
    ],
)
def test_trees_that_cannot_be_used(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_catalogue(None, write(tmp_path / "t.nwk", text))


def test_their_content_is_in_the_key_where_they_are_given(tmp_path: Path) -> None:
    data = (str(write_toy_table(tmp_path / "x.csv")),)
    one, other = write(tmp_path / "t.csv", TABLE), write(tmp_path / "u.csv", TABLE)
    tree = write(tmp_path / "t.nwk", TREE)
    without = dataset_key(DatasetConfig(data=data))
    by_table = dataset_key(DatasetConfig(data=data, species_table=one))
    assert by_table == dataset_key(DatasetConfig(data=data, species_table=other))
    write(tmp_path / "u.csv", TABLE + "Lemna minor,,,\n")
    changed = dataset_key(DatasetConfig(data=data, species_table=other))
    by_tree = dataset_key(DatasetConfig(data=data, tree=tree))
    assert len({without, by_table, changed, by_tree}) == 4


def test_rows_are_read_by_the_table(tmp_path: Path) -> None:
    path = write_toy_table(tmp_path / "x.csv")
    frame = pd.read_csv(path)
    frame["species"] = frame["species"].map({"human": "duckmeal", "mouse": "W. australiana"})
    frame.to_csv(path, index=False)
    table = write(tmp_path / "t.csv", TABLE)
    made = build_dataset(DatasetConfig(data=(str(path),), species_table=table))
    assert set(made.table["species"]) == {"wolffia_australiana"}
