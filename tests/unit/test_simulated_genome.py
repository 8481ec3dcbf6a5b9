"""Simulated genomes: what is said to be somewhere is there."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyfaidx
import pytest
from dnasweep.data.planted_elements import ELEMENTS, allowed_bases
from dnasweep.data.simulated_genome import BETWEEN, SimulatedGenome, simulate_genome
from dnasweep.errors import InputError
from dnasweep.formats.bases import reverse_complement

TATA = next(one.consensus for one in ELEMENTS if one.name == "tata_box")


@pytest.fixture(scope="module")
def made() -> SimulatedGenome:
    return simulate_genome({"chr1": 20, "chr2": 5}, seed=4)


def read(made: SimulatedGenome, chrom: str, start: int, end: int, strand: str) -> str:
    bases = made.records[chrom][start:end]
    return reverse_complement(bases) if strand == "-" else bases


def test_elements_stand_where_they_are_said_to_stand(made: SimulatedGenome) -> None:
    boxes = made.elements[made.elements["name"] == "tata_box"]
    assert len(boxes) == 25
    assert set(boxes["promoter"]) == set(made.promoters["name"])
    assert set(boxes["strand"]) == {"+", "-"}
    texts = [read(made, b.chrom, b.start, b.end, b.strand) for b in boxes.itertuples()]
    fits = [
        allowed_bases(TATA)[i, "ACGT".index(base)] for text in texts for i, base in enumerate(text)
    ]
    # Drawn with a fidelity of .97.
    assert sum(fits) / len(fits) > 0.93


def test_promoters_keep_apart_and_boxes_lie_in_them(made: SimulatedGenome) -> None:
    assert made.promoters["chrom"].value_counts().to_dict() == {"chr1": 20, "chr2": 5}
    assert (made.promoters["end"] - made.promoters["start"] == 60).all()
    for _, rows in made.promoters.groupby("chrom"):
        between = rows["start"].to_numpy()[1:] - rows["end"].to_numpy()[:-1]
        assert between.min() >= BETWEEN[0]
        assert between.max() < BETWEEN[1]
    joined = made.elements.merge(made.promoters, left_on="promoter", right_on="name")
    inside = (joined["start_x"] >= joined["start_y"]) & (joined["end_x"] <= joined["end_y"])
    assert inside.all()
    # The box is upstream of the start, on the strand of the promoter.
    boxes = joined[joined["name_x"] == "tata_box"]
    assert (boxes["strand_x"] == boxes["strand_y"]).all()


def test_the_same_arguments_give_the_same_genome(made: SimulatedGenome) -> None:
    again = simulate_genome({"chr1": 20, "chr2": 5}, seed=4)
    assert again.records == made.records
    pd.testing.assert_frame_equal(again.elements, made.elements)
    assert simulate_genome({"chr1": 20, "chr2": 5}, seed=5).records != made.records


def test_files_hold_the_same(made: SimulatedGenome, tmp_path: Path) -> None:
    path = made.write(tmp_path / "new")
    with pyfaidx.Fasta(str(path)) as fasta:
        assert {name: str(fasta[name]) for name in fasta.keys()} == made.records  # noqa: SIM118
    bed = pd.read_csv(tmp_path / "new" / "promoters.bed", sep="\t", header=None)
    assert bed.to_numpy().tolist() == made.promoters.to_numpy().tolist()


@pytest.mark.parametrize(("element", "species"), [("dre", "human"), ("dpe", "fly"), ("x", "fly")])
def test_an_element_that_there_is_not_is_refused(element: str, species: str) -> None:
    with pytest.raises(InputError, match=f"no element '{element}'"):
        simulate_genome({"chr1": 2}, element=element, species=species)
