"""A sweep over species that the simulator does not know: planned from names to encoders."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from dnasweep.errors import InputError
from dnasweep.sweeps.axes import SweepOptions
from dnasweep.sweeps.request import Sweep, prepare_sweep
from rich.console import Console

NAMES = (
    "Arabidopsis thaliana",
    "maize",
    "rice",
    "S. cerevisiae",
    "E. coli",
    "Wolffia australiana",
)


def crops(path: Path, *, num: int = 360) -> Path:
    """Write rows of six species in turn, of both classes."""
    letters = np.random.default_rng(0).choice(list("ACGT"), (num, 60))
    frame = pd.DataFrame(
        {
            "sequence": ["".join(row) for row in letters],
            "label": np.arange(num) % 2,
            "species": [NAMES[i // 2 % len(NAMES)] for i in range(num)],
        }
    )
    frame.to_csv(path, index=False)
    return path


def plan(
    folder: Path,
    sets: tuple[str, ...],
    console: Console = Console(quiet=True),  # noqa: B008
    **options: object,
) -> Sweep:
    axes = {"tokenizer": ("kmer-3",), "species_set": sets, "learning_rate": (1e-3,), "seed": (0,)}
    made = SweepOptions(
        data=(str(crops(folder / "crops.csv")),),
        storage=str(folder / "runs"),
        preset="1x32x2",
        dry_run=True,
        **options,  # type: ignore[arg-type]
    )
    return prepare_sweep("any", axes, made, console)


def read_by(sweep: Sweep) -> dict[str, tuple[str, ...]]:
    """Return the species that the last encoder of each species set reads."""
    cells = zip(sweep.plan.cells, sweep.plan.classifiers, strict=True)
    return {c.species_set: spec.encoder.species if spec.encoder else () for c, spec in cells}


def test_sets_are_sought_among_the_species_of_the_data(tmp_path: Path) -> None:
    sets = ("none", "plants", "grasses+yeast", "clade:Poaceae", "not-ecoli", "all")
    sets += ("all-then-plants", "Wolffia australiana")
    assert read_by(plan(tmp_path, sets)) | read_by(plan(tmp_path, ("close-corn",))) == {
        "none": (),
        "plants": ("arabidopsis_thaliana", "oryza_sativa", "zea_mays"),
        "grasses+yeast": ("oryza_sativa", "zea_mays", "saccharomyces_cerevisiae"),
        "clade:Poaceae": ("oryza_sativa", "zea_mays"),
        "close-corn": ("zea_mays", "oryza_sativa"),
        "not-ecoli": (
            "arabidopsis_thaliana",
            "oryza_sativa",
            "saccharomyces_cerevisiae",
            "wolffia_australiana",
            "zea_mays",
        ),
        "all": (),
        "all-then-plants": ("arabidopsis_thaliana", "oryza_sativa", "zea_mays"),
        "Wolffia australiana": ("wolffia_australiana",),
    }


def test_two_names_of_one_thing_are_trained_and_compared_once(tmp_path: Path) -> None:
    said = io.StringIO()
    sets = ("clade:Poaceae", "close-corn", "none")
    sweep = plan(tmp_path, sets, console=Console(file=said, width=200))
    assert [cell.species_set for cell in sweep.plan.cells] == ["clade:Poaceae", "none"]
    assert said.getvalue().splitlines() == [
        "species set close-corn trains the same models as clade:Poaceae, and is left out."
    ]


def test_the_users_own_table_and_tree_count(tmp_path: Path) -> None:
    table, tree = tmp_path / "t.csv", tmp_path / "t.nwk"
    table.write_text("name,clade\nWolffia australiana,Araceae\n")
    tree.write_text("((Zea_mays:9,Escherichia_coli:9):50,Oryza_sativa:59);\n")
    plain = plan(tmp_path, ("plants", "close-corn"))
    own = plan(tmp_path, ("plants", "close-corn"), species_table=str(table), tree=str(tree))
    assert "wolffia_australiana" in read_by(own)["plants"]
    assert read_by(own)["close-corn"] == ("zea_mays", "escherichia_coli", "oryza_sativa")
    assert plain.data.key != own.data.key
    assert plain.key != own.key


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mammals", "'mammals' has none of the species of the data. Name some of arabidopsis"),
        ("insects", "'insects' has none of the species of the data"),
        ("human", "no training rows of human; the data contain arabidopsis_thaliana"),
        ("tomato", "no training rows of solanum_lycopersicum"),
        ("unicorns", "'unicorns' is not known"),
    ],
)
def test_sets_without_rows_are_refused(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        plan(tmp_path, (name,))


def test_the_default_sets_suit_the_data(tmp_path: Path) -> None:
    sets = [cell.species_set for cell in plan(tmp_path, ()).plan.cells]
    assert (sets[0], sets[-1]) == ("none", "all")
    assert sets[1] in ("arabidopsis_thaliana", "zea_mays", "oryza_sativa", "escherichia_coli") or (
        sets[1] in ("saccharomyces_cerevisiae", "wolffia_australiana")
    )


def test_a_target_may_be_a_clade(tmp_path: Path) -> None:
    made = plan(tmp_path, ("all",), target="plants")
    assert made.plan.classifiers[0].target == ("arabidopsis_thaliana", "oryza_sativa", "zea_mays")
