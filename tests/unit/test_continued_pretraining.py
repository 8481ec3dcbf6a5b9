"""Checkpoints that are pretrained further before they are fine-tuned."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from backbone_toys import dnabert, labelled_rows
from dnasweep.commands.sweeps.backbone_grid import BackboneOptions
from dnasweep.config import MaskingConfig, ModelConfig, OptimizerConfig, TrainingConfig
from dnasweep.data.dataset_config import DatasetConfig
from dnasweep.errors import InputError
from dnasweep.models.pretrained.continued import check_masked, masked_lm_of_checkpoint
from dnasweep.models.pretrained.encoder import describe
from dnasweep.models.training.distributed import DistributedContext
from dnasweep.stages.classifier import finetune
from dnasweep.stages.dataset import obtain_dataset
from dnasweep.stages.models import keep_model
from dnasweep.stages.outcome import CHECKPOINT, find_outcome
from dnasweep.stages.recipe import Cell, Recipe
from dnasweep.stages.specs import PretrainedCheckpoint
from dnasweep.storage import Storage
from dnasweep.sweeps.axes import FewShotOptions, SweepOptions
from dnasweep.sweeps.few_shot import few_shot_cells
from dnasweep.sweeps.request import MakeCells, prepare_sweep, product
from dnasweep.tokens.loading import load_tokenizer
from dnasweep.tokens.recognition import candidate_configs
from golden_models import as_safetensors, cases
from rich.console import Console
from safetensors.torch import load_file

CPU = DistributedContext(device=torch.device("cpu"))
MASKED = ("dnabert2", "gena", "nt_v1", "nt_v2", "caduceus")
QUIET = Console(quiet=True)


def recipe_of(source: Path, folder: Path, *, rate: float) -> tuple[Storage, Recipe]:
    """Return a storage with labelled rows and a checkpoint, and the recipe that pretrains it further."""
    labelled_rows(24).to_csv(folder / "rows.csv", index=False)
    storage = Storage(folder / "runs")
    key, _ = obtain_dataset(storage, DatasetConfig(data=(str(folder / "rows.csv"),)))
    checkpoint = PretrainedCheckpoint(
        name="golden",
        key=keep_model(storage, source),
        tokenizers=tuple(one.name for one in candidate_configs(source)),
        model=describe(source),
        pretrained_further=True,
    )
    short = TrainingConfig(
        bases=1600,
        batch_size=8,
        micro_batch_size=8,
        evaluations=2,
        optimizer=OptimizerConfig(learning_rate=rate, weight_decay=0.0),
    )
    return storage, Recipe(
        dataset=key,
        species=(),
        checkpoints=(checkpoint,),
        pretraining=dataclasses.replace(short, bases=5_000),
        finetuning=short,
        masking=MaskingConfig(scheme="random"),
    )


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def moved(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> float:
    """Return the largest change of a weight that both have; they have most of them."""
    shared = left.keys() & right.keys()
    assert len(shared) > 0.7 * min(len(left), len(right))
    return max(float((left[name] - right[name]).abs().max()) for name in shared)


@pytest.mark.parametrize("case", cases(*MASKED))
def test_every_masked_family_goes_on_from_its_weights(case: Path, tmp_path: Path) -> None:
    source = as_safetensors(case / "checkpoint", tmp_path / "checkpoint")
    if case.name == "bare-pickled":
        with pytest.raises(InputError, match="no head that predicts tokens"):
            check_masked(source)
        return
    storage, recipe = recipe_of(source, tmp_path, rate=1e-3)
    spec = recipe.expand(Cell(checkpoint="golden", species_set="all", learning_rate=1e-3))
    assert spec.encoder is not None
    outcome = finetune(storage, spec, context=CPU)
    assert outcome.outcome in ("completed", "collapsed")
    further = find_outcome(storage, spec.encoder)
    assert further is not None
    # The rows are random: what is learned of them is learned by heart.
    loss = [one["train_loss"] for one in further.history]
    assert loss[-1] < loss[0]
    encoder = storage.expect(spec.encoder.kind, spec.encoder.key) / CHECKPOINT
    assert moved(weights_of(source), weights_of(encoder)) > 1e-3


def test_what_is_pretrained_further_is_what_is_fine_tuned(tmp_path: Path) -> None:
    dnabert(tmp_path / "bert")
    storage, recipe = recipe_of(tmp_path / "bert", tmp_path, rate=1e-12)
    spec = recipe.expand(Cell(checkpoint="golden", species_set="all", learning_rate=1e-12))
    assert spec.encoder is not None
    # A rate of next to nothing: both stages have the weights that they begin with.
    finetune(storage, spec, context=CPU)
    kept = weights_of(tmp_path / "bert")
    encoder = storage.expect(spec.encoder.kind, spec.encoder.key) / CHECKPOINT
    classifier = storage.expect(spec.kind, spec.key) / CHECKPOINT
    assert moved(kept, weights_of(encoder)) < 1e-6
    assert moved(weights_of(encoder), weights_of(classifier)) < 1e-6
    # And where the encoder has moved, so has the start of the classifier.
    fast = dataclasses.replace(recipe.pretraining, optimizer=OptimizerConfig(learning_rate=1e-2))
    spec = dataclasses.replace(recipe, pretraining=fast).expand(
        Cell(checkpoint="golden", species_set="all", learning_rate=1e-12)
    )
    assert spec.encoder is not None
    finetune(storage, spec, context=CPU)
    encoder = storage.expect(spec.encoder.kind, spec.encoder.key) / CHECKPOINT
    classifier = storage.expect(spec.kind, spec.key) / CHECKPOINT
    assert moved(kept, weights_of(encoder)) > 1e-3
    assert moved(weights_of(encoder), weights_of(classifier)) < 1e-6


def test_stages_of_species_follow_one_another(tmp_path: Path) -> None:
    dnabert(tmp_path / "bert")
    _, recipe = recipe_of(tmp_path / "bert", tmp_path, rate=1e-3)
    recipe = dataclasses.replace(recipe, species=("human", "mouse"))
    cell = Cell(checkpoint="golden", species_set="human-then-mouse", learning_rate=1e-3)
    encoder = recipe.expand(cell).encoder
    assert encoder is not None
    assert encoder.parent is not None
    assert (encoder.parent.species, encoder.species) == (("human",), ("mouse",))
    assert encoder.parent.checkpoint == recipe.checkpoints[0].key
    assert encoder.checkpoint is None


def test_keys_of_what_is_not_pretrained_further_stay(tmp_path: Path) -> None:
    dnabert(tmp_path / "bert")
    _, recipe = recipe_of(tmp_path / "bert", tmp_path, rate=1e-3)
    plain = dataclasses.replace(
        recipe,
        checkpoints=(dataclasses.replace(recipe.checkpoints[0], pretrained_further=False),),
    )
    as_it_is = Cell(checkpoint="golden", species_set="none", learning_rate=1e-3)
    further = dataclasses.replace(as_it_is, species_set="all")
    keys = [recipe.expand(as_it_is).key, plain.expand(as_it_is).key, plain.expand(further).key]
    assert len(set(keys)) == 1
    assert recipe.expand(further).key not in keys
    assert plain.canonical(further).species_set == "none"


@pytest.mark.parametrize("case", cases("hyenadna"))
def test_a_causal_model_is_refused(case: Path) -> None:
    with pytest.raises(InputError, match=r"causal model.*Leave out --continue-pretraining"):
        check_masked(case / "checkpoint")


def test_a_sweep_names_what_it_continues(tmp_path: Path) -> None:
    dnabert(tmp_path / "bert")
    labelled_rows().to_csv(tmp_path / "rows.csv", index=False)

    def prepared(*checkpoints: str) -> list[tuple[str, bool]]:
        options = SweepOptions(
            data=(str(tmp_path / "rows.csv"),),
            storage=str(tmp_path / "runs"),
            checkpoints=checkpoints,
            species_sets=("none", "all"),
            continue_pretraining=True,
        )
        sweep = prepare_sweep("further", options.axes, options, QUIET)
        plan = sweep.plan
        return [
            (cell.species_set, spec.encoder is not None)
            for cell, spec in zip(plan.cells, plan.classifiers, strict=True)
            if cell.checkpoint
        ]

    assert set(prepared(str(tmp_path / "bert"))) == {("none", False), ("all", True)}
    with pytest.raises(InputError, match="there is no checkpoint to continue"):
        prepared()


@pytest.mark.parametrize(
    ("kind", "cells", "remedy"),
    [
        (BackboneOptions, product, "Name some to read with --species-sets"),
        (FewShotOptions, few_shot_cells, "start from checkpoints as they are"),
    ],
)
def test_continuing_without_anything_to_read_is_refused(
    tmp_path: Path, kind: type[SweepOptions], cells: MakeCells, remedy: str
) -> None:
    labelled_rows().to_csv(tmp_path / "rows.csv", index=False)
    options = kind(
        data=(str(tmp_path / "rows.csv"),),
        storage=str(tmp_path / "runs"),
        checkpoints=("some/model",),
        continue_pretraining=True,
    )
    axes = options.axes | ({"shots": (3,)} if kind is FewShotOptions else {})
    with pytest.raises(InputError, match=f"no checkpoint is continued.*{remedy}"):
        prepare_sweep("further", axes, options, QUIET, cells=cells)


def test_rows_longer_than_the_checkpoint_are_refused(tmp_path: Path) -> None:
    dnabert(tmp_path / "bert")
    tokenizer = load_tokenizer(tmp_path / "bert")
    assert describe(tmp_path / "bert").max_tokens == ModelConfig(max_tokens=64).max_tokens
    with pytest.raises(InputError, match="64"):
        masked_lm_of_checkpoint(tmp_path / "bert", tokenizer=tokenizer, num_tokens=65, dropout=0.0)
