"""Recipes: cells share the stages they can share, and nothing else."""

from __future__ import annotations

import dataclasses

import pytest
from dnasweep.config import TrainingConfig, TuningConfig
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


def test_without_pretraining_one_masking_is_as_good_as_another() -> None:
    """Else a sweep over maskings would train the same trial once for each of them, side by side."""
    cells = [Cell(species_set="none", masking=name) for name in ("span", "genemask", None)]
    assert len(set(map(recipe().canonical, cells))) == 1
    assert len({recipe().expand(cell).key for cell in cells}) == 1
    kept = Cell(species_set="all", masking="span")
    assert recipe().canonical(kept) == kept


def test_a_table_that_is_given_has_no_variant() -> None:
    given = recipe(pmi_table=("0123456789abcdef", 6))
    named = Cell(tokenizer="kmer-6-overlap", masking="genemask@pmi_n")
    with pytest.raises(
        InputError, match=r"genemask@pmi_n.*table of k-mers is given. Use genemask"
    ):
        given.expand(named)
    assert given.expand(dataclasses.replace(named, masking="genemask")).encoder is not None
    assert given.expand(dataclasses.replace(named, species_set="none")).encoder is None


def test_two_stages_see_as_many_bases_as_one() -> None:
    one = recipe().expand(Cell(species_set="all")).encoder
    two = recipe().expand(Cell(species_set="all-then-primates")).encoder
    assert one is not None
    assert two is not None
    assert [set(e.species) for e in two.lineage] == [set(), {"human", "macaque"}]
    assert sum(e.training.bases for e in two.lineage) == one.training.bases


def test_a_second_stage_hides_other_tokens_than_the_first() -> None:
    def seeds(species_set: str, **changes) -> list[int]:
        encoder = recipe(**changes).expand(Cell(species_set=species_set, seed=2)).encoder
        assert encoder is not None
        return [stage.training.seed for stage in encoder.lineage]

    assert seeds("all") == [0]
    assert seeds("all-then-human", pretrain_per_seed=True)[0] == 2
    for changes in ({}, {"pretrain_per_seed": True}):
        first, second = seeds("all-then-human", **changes)
        assert first != second


@pytest.mark.parametrize(
    "change",
    [
        {"tokenizer": "kmer-3"},
        {"species_set": "human"},
        {"learning_rate": 1e-4},
        {"seed": 1},
        {"masking": "global_pmi"},
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


def test_pretraining_on_another_data_set_keeps_its_tokenizer_for_both() -> None:
    other = recipe(pretraining_dataset="p", pretraining_species=("human",))
    spec = other.expand(Cell(tokenizer="bpe-64", species_set="human"))
    assert spec.encoder is not None
    assert spec.tokenizer.dataset == "d"
    assert spec.encoder.tokenizer.dataset == "p"
    assert spec.encoder.held_out == spec.tokenizer.held_out == "d"
    assert spec.tokenizer.key == spec.encoder.tokenizer.key
    assert spec.tokenizer.corpus_key != spec.encoder.tokenizer.corpus_key
    corpora = make_plan(other, [Cell(tokenizer="bpe-64", species_set="human")]).corpora
    assert {c.dataset for c in corpora} == {"d", "p"}
    assert recipe().read_species == recipe().species
    assert other.read_species == ("human",)


def test_without_pretraining_a_tokenizer_is_fitted_on_species_that_the_other_data_have() -> None:
    for named, fitted in (((), ()), (("mouse",), ()), (("human", "mouse"), ("human",))):
        other = recipe(target="human", pretraining_dataset="p", pretraining_species=named)
        spec = other.expand(Cell(tokenizer="bpe-64", species_set="none"))
        assert spec.tokenizer.species == fitted
        assert spec.target == ("human",)


@pytest.mark.parametrize(
    "axis",
    [
        {"target": "human"},
        {"trained_on": "rodents"},
        {"shots": 10},
        {"shots": 10, "resample": 1},
        {"tuning": "probe"},
        {"tuning": "lora-4"},
        {"tuning": "lora-4-a4"},
    ],
)
def test_every_axis_of_fine_tuning_makes_another_trial(axis: dict) -> None:
    plain, changed = recipe().expand(Cell()), recipe().expand(Cell(**axis))
    assert plain.key != changed.key
    assert plain.encoder is not None
    assert changed.encoder is not None
    assert plain.encoder.key == changed.encoder.key


def test_resamples_without_shots_are_one_trial() -> None:
    assert recipe().expand(Cell(resample=3)).key == recipe().expand(Cell()).key


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("full", "full"),
        ("probe", "probe"),
        ("lora-8", "lora-8-a16"),
        ("lora-8-a8@value+query", "lora-8-a8@query+value"),
    ],
)
def test_tunings_have_one_name(spec: str, name: str) -> None:
    assert TuningConfig.parse(spec).name == name
    assert TuningConfig.parse(name) == TuningConfig.parse(spec)


@pytest.mark.parametrize("spec", ["lora", "lora-0", "probe-3", "lora-8@", "half"])
def test_tunings_that_mean_nothing_are_refused(spec: str) -> None:
    with pytest.raises(InputError):
        TuningConfig.parse(spec)
