"""Recipes: cells share the stages they can share, and nothing else."""

from __future__ import annotations

import dataclasses

import pytest
from dnasweep.config import TrainingConfig
from dnasweep.errors import InputError
from dnasweep.stages.plan import cells_of, make_plan
from dnasweep.stages.recipe import Cell, Recipe

SPECIES = ("chicken", "fruit_fly", "human", "macaque", "mouse", "rat", "worm", "zebrafish")


def recipe(**changes) -> Recipe:
    values = {
        "dataset": "d",
        "species": SPECIES,
        "pretraining": TrainingConfig(bases=1000),
        "finetuning": TrainingConfig(bases=1000, dropout=0.1),
    }
    return Recipe(**(values | changes))


def test_learning_rates_and_seeds_share_one_encoder() -> None:
    plan = make_plan(
        recipe(),
        cells_of(
            {
                "tokenizer": ("kmer", "bpe-64"),
                "species_set": ("human", "all"),
                "learning_rate": (1e-3, 3e-4),
                "seed": (0, 1),
            }
        ),
    )
    assert len(plan.cells) == 16
    assert len({spec.key for spec in plan.classifiers}) == 16
    assert len(plan.encoders) == 4
    # The enumerated vocabulary is one for both species sets, the trained one is not.
    assert len(plan.tokenizers) == 3


def test_a_tokenizer_is_fitted_on_its_species_set_only() -> None:
    spec = recipe().expand(Cell(tokenizer="bpe-64", species_set="rodents"))
    assert set(spec.tokenizer.species) == {"mouse", "rat"}
    assert spec.encoder is not None
    assert set(spec.encoder.species) == {"mouse", "rat"}
    assert spec.target == ()


def test_random_initialisation_has_no_encoder_and_reads_the_target() -> None:
    spec = recipe(target="human").expand(Cell(tokenizer="bpe-64", species_set="none"))
    assert spec.encoder is None
    assert spec.tokenizer.species == ("human",)


def test_two_stages_see_as_many_bases_as_one() -> None:
    one = recipe().expand(Cell(species_set="all")).encoder
    two = recipe().expand(Cell(species_set="all-then-primates")).encoder
    assert one is not None
    assert two is not None
    assert [set(e.species) for e in two.lineage] == [set(), {"human", "macaque"}]
    assert sum(e.training.bases for e in two.lineage) == one.training.bases


@pytest.mark.parametrize(
    "change",
    [
        {"tokenizer": "kmer-3"},
        {"species_set": "human"},
        {"learning_rate": 1e-4},
        {"seed": 1},
        {"masking": "span"},
        {"preset": "small"},
        {"warmup": 0.2},
        {"weight_decay": 0.1},
        {"dropout": 0.0},
    ],
)
def test_every_axis_changes_the_trial_key(change: dict) -> None:
    base = Cell()
    assert recipe().expand(base).key != recipe().expand(dataclasses.replace(base, **change)).key


def test_seeds_pretrain_their_own_encoders_when_asked() -> None:
    shared = {recipe().expand(Cell(seed=s)).encoder.key for s in (0, 1)}
    own = {recipe(pretrain_per_seed=True).expand(Cell(seed=s)).encoder.key for s in (0, 1)}
    assert len(shared) == 1
    assert len(own) == 2


def test_unknown_names_are_input_errors() -> None:
    with pytest.raises(InputError):
        recipe().expand(Cell(tokenizer="kmer-9"))
    with pytest.raises(InputError):
        recipe().expand(Cell(species_set="martians"))
