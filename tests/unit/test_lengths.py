"""A dry run refuses rows that are longer than the model, as the run itself would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from backbone_toys import dnabert, labelled_rows
from dnasweep.errors import InputError
from dnasweep.sweeps.axes import SweepOptions
from dnasweep.sweeps.request import Sweep, prepare_sweep
from rich.console import Console


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of rows of 40 bases, and models that hold 24 and 64 tokens."""
    folder = tmp_path_factory.mktemp("place")
    labelled_rows().to_csv(folder / "rows.csv", index=False)
    labelled_rows(window=20).to_csv(folder / "short.csv", index=False)
    for positions in (24, 64):
        dnabert(folder / str(positions), positions=positions)
    return folder


def plan(place: Path, *, tokenizer: str = "kmer-3-overlap", **options: Any) -> Sweep:
    given = {"data": (str(place / "rows.csv"),), "storage": str(place / "runs"), "dry_run": True}
    given |= {"preset": "1x32x2", "tokenizers": (tokenizer,)}
    axes = {
        "tokenizer": (tokenizer,),
        "species_set": (options.pop("start", "none"),),
        "learning_rate": (1e-3,),
        "seed": (0,),
    }
    return prepare_sweep("dry", axes, SweepOptions(**given | options), Console(quiet=True))


def test_a_checkpoint_that_is_too_short_for_the_rows(place: Path) -> None:
    # 40 bases are 38 words of 3, between [CLS] and [SEP].
    with pytest.raises(
        InputError, match=r"has 40 tokens of kmer-3-overlap.* has 24 positions"
    ) as caught:
        plan(place, checkpoints=(str(place / "24"),))
    assert "--windows log-odds" in str(caught.value)
    plan(place, checkpoints=(str(place / "24"),), windows="log-odds")
    plan(place, checkpoints=(str(place / "64"),))
    # Words that do not overlap are few enough: 13, a base over, [CLS] and [SEP].
    plan(place, checkpoints=(str(place / "24"),), tokenizer="kmer-3")
    assert not list((place / "runs").glob("models/*")), "a dry run copies no model"


@pytest.mark.parametrize("tokenizer", ["kmer-3-overlap", "char"])
def test_fewer_positions_than_tokens(place: Path, tokenizer: str) -> None:
    longest = {"kmer-3-overlap": 40, "char": 42}[tokenizer]
    with pytest.raises(InputError, match=f"makes {longest} tokens .* --max-tokens {longest}"):
        plan(place, tokenizer=tokenizer, max_tokens=longest - 1)
    plan(place, tokenizer=tokenizer, max_tokens=longest)
    plan(place, tokenizer=tokenizer, max_tokens=16, windows="hidden")


def test_rows_to_pretrain_on_that_are_shorter_than_those_to_fine_tune_on(place: Path) -> None:
    short = (str(place / "short.csv"),)
    with pytest.raises(
        InputError, match=r"up to 20 tokens .* fine-tuning have 40.*--max-tokens 40"
    ):
        plan(place, pretrain_data=short, start="all")
    plan(place, pretrain_data=short, start="all", max_tokens=40)


def test_a_vocabulary_that_is_yet_to_be_learned_is_left_to_the_run(place: Path) -> None:
    assert plan(place, tokenizer="bpe-64", max_tokens=8).plan.cells
