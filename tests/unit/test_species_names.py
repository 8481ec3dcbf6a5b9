"""Species as files name them: read as meant and said, or refused."""

import time
from pathlib import Path

import pandas as pd
import pytest
from dnasweep.data.dataset_config import DatasetConfig, dataset_key
from dnasweep.data.datasets import Dataset, build_dataset
from dnasweep.data.reading import read_rows
from dnasweep.data.species_names import tell_names
from dnasweep.errors import InputError
from real_data import REAL
from toy_data import write_toy_table

CROPS = {
    "arabidopsis_thaliana": ("Arabidopsis thaliana", "thale cress", "TAIR10", "3702"),
    "zea_mays": ("Zea mays", "maize", "corn", "4577.0"),
    "saccharomyces_cerevisiae": ("S. cerevisiae", "yeast", "sacCer3", "S288C"),
    "escherichia_coli": ("E. coli", "Escherichia coli K-12", "562", "ecoli"),
}


def table_of(path: Path, names: list[str], rows: int = 320) -> Path:
    """Write a toy table whose rows name these species in turn, two by two."""
    frame = pd.read_csv(write_toy_table(path, rows=rows))
    frame["species"] = [names[i // 2 % len(names)] for i in range(rows)]
    frame.to_csv(path, index=False)
    return path


def test_names_of_one_species_are_one_species(tmp_path: Path) -> None:
    names = [name for all_names in CROPS.values() for name in all_names]
    reading = read_rows(table_of(tmp_path / "x.csv", names))
    assert reading.table["species"].value_counts().to_dict() == dict.fromkeys(CROPS, 80)
    assert reading.rejected == []
    said = " ".join(reading.notes)
    assert "x.csv: species read: thale cress as arabidopsis_thaliana" in said
    assert "Arabidopsis thaliana as" not in said
    assert "not known" not in said


def test_numbers_and_assemblies_are_read(tmp_path: Path) -> None:
    reading = read_rows(table_of(tmp_path / "x.csv", ["GRCh38.p13", "9606.0", "human"]))
    assert set(reading.table["species"]) == {"human"}
    assert reading.notes == ()


def test_what_is_not_known_is_said_once(tmp_path: Path) -> None:
    names = ["Arabidopsis halleri", "Homo sapien", "klingon"]
    reading = read_rows(table_of(tmp_path / "x.csv", names))
    assert set(reading.table["species"]) == {"arabidopsis_halleri", "homo_sapien", "klingon"}
    assert reading.notes == (
        "x.csv: species not known, each taken as one of its own: arabidopsis_halleri (in the genus "
        "Arabidopsis), homo_sapien (in the genus Homo), klingon",
        "x.csv: species 'Homo sapien' is taken as homo_sapien; did you mean human (Homo sapiens)?",
    )


def test_many_names_are_shortened() -> None:
    (line,) = tell_names([f"klingon{'x' * n}" for n in range(20)])
    assert line.endswith("klingonxxxxxxx and 12 more")


def test_a_column_of_other_things_is_read_in_good_time() -> None:
    started = time.process_time()
    assert len(tell_names(f"klingon{n}" for n in range(20_000))) == 1
    assert time.process_time() - started < 5


def test_the_option_is_told_too(tmp_path: Path) -> None:
    path = write_toy_table(tmp_path / "x.csv")
    pd.read_csv(path).drop(columns="species").to_csv(path, index=False)
    reading = read_rows(path, species="corn")
    assert set(reading.table["species"]) == {"zea_mays"}
    assert "species read: corn as zea_mays" in reading.notes


def test_a_column_name_of_plants_is_the_species(tmp_path: Path) -> None:
    text = "seq,label,name\n" + "".join(f"ACG{b},1,Zea mays\n" for b in "ACGT")
    path = tmp_path / "x.csv"
    path.write_text(text)
    assert set(read_rows(path).table["species"]) == {"zea_mays"}
    # Names of genes are none, even if one of them is called like a species.
    path.write_text("seq,label,name\nACGT,1,BRCA1\nACGA,1,fly\nACGC,1,TP53\n")
    assert set(read_rows(path).table["species"]) == {""}


@pytest.mark.parametrize(
    ("name", "species"),
    [
        ("Arabidopsis_thaliana.csv", "arabidopsis_thaliana"),
        ("TAIR10.csv", "arabidopsis_thaliana"),
        ("celegans.csv", "worm"),
        ("dr.csv", ""),
        ("pepper.csv", ""),
        ("x_klingon.csv", ""),
    ],
)
def test_names_of_files(tmp_path: Path, name: str, species: str) -> None:
    path = tmp_path / name
    path.write_text("seq,label\nACGT,1\nACGA,0\n")
    reading = read_rows(path)
    assert set(reading.table["species"]) == {species}
    assert bool(species) == any("by the name of the file" in note for note in reading.notes)


def test_a_data_set_of_any_species_is_built_and_read_again(tmp_path: Path) -> None:
    path = table_of(
        tmp_path / "x.csv", ["Arabidopsis thaliana", "Zea mays", "Wolffia australiana"]
    )
    made = build_dataset(DatasetConfig(data=(str(path),)))
    made.write(tmp_path / "made")
    again = Dataset.read(tmp_path / "made")
    species = {"arabidopsis_thaliana", "wolffia_australiana", "zea_mays"}
    assert set(again.table["species"]) == species
    assert "wolffia_australiana" in str(again.audit.to_json())


def test_known_names_make_no_other_key(tmp_path: Path) -> None:
    path = write_toy_table(tmp_path / "x.csv")
    plain = DatasetConfig(data=(str(path),))
    assert dataset_key(plain) == dataset_key(
        DatasetConfig(data=(str(path),), species_table=None, tree=None)
    )


@pytest.mark.parametrize(
    ("file", "species"),
    [
        ("05-other-species/plants.csv", {"arabidopsis_thaliana", "zea_mays"}),
        ("05-other-species/assembly.csv", {"human"}),
        ("19-species-from-a-file-name/dr.csv", {""}),
        ("21-prediction-needs-no-labels/maize.csv", {"zea_mays"}),
    ],
)
def test_real_field_cases(file: str, species: set[str]) -> None:
    path = REAL / "field_cases" / file
    if not path.is_file():
        pytest.skip("no real data")
    reading = read_rows(path, require_labels="maize" not in file)
    assert species <= set(reading.table["species"])


def test_two_species_of_one_name_are_refused(tmp_path: Path) -> None:
    path = table_of(tmp_path / "x.csv", ["C. sativa", "rice"])
    with pytest.raises(InputError, match="could be Camelina sativa or Cannabis sativa"):
        read_rows(path)


def test_a_common_name_behind_the_scientific_one_is_not_part_of_it(tmp_path: Path) -> None:
    path = table_of(tmp_path / "x.csv", ["Homo sapiens (human)", "Zea mays (maize)"])
    assert set(read_rows(path).table["species"]) == {"human", "zea_mays"}
