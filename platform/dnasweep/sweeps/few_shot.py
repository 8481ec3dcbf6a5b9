"""Few-shot sweeps: cells, training settings for each number of shots, and checks of the data."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from itertools import product
from typing import Any

from dnasweep.config import TrainingConfig, published_training
from dnasweep.config.training import SHOTS
from dnasweep.data.same_dna import first_readings
from dnasweep.errors import InputError
from dnasweep.stages.dataset import draw_shots, rows_of
from dnasweep.stages.plan import SweepPlan
from dnasweep.stages.recipe import Cell, Recipe
from dnasweep.sweeps.axes import FewShotOptions
from dnasweep.sweeps.preparation import Prepared
from dnasweep.sweeps.training_options import micro_batch
from dnasweep.tasks.registry import task_of


def few_shot_cells(axes: dict[str, Sequence[Any]], data: Prepared) -> tuple[Cell, ...]:
    """Return the cells of a few-shot design: tokenizers x initialisations x draws x seeds.

    An initialisation is an encoder (a species set and a masking scheme), random weights (`none`, once)
    or a pretrained checkpoint. Without learning rates, each number of shots has the published one.
    """
    found = []
    for tokenizer, start, shots, resample in product(
        axes["tokenizer"], _initialisations(axes), axes["shots"], axes["resample"]
    ):
        rates = axes.get("learning_rate") or (published_training(shots).learning_rate,)
        found += [
            Cell(
                tokenizer=tokenizer,
                **start,
                shots=shots,
                resample=resample,
                learning_rate=rate,
                seed=seed,
            )
            for rate, seed in product(rates, axes["seed"])
        ]
    return tuple(dict.fromkeys(found))


def _initialisations(axes: dict[str, Sequence[Any]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name in dict.fromkeys(axes["species_set"]):
        if name == "none":
            found.append({"species_set": name})
        else:
            found += [
                {"species_set": name, "masking": masking}
                for masking in dict.fromkeys(axes["masking"])
            ]
    for name in dict.fromkeys(axes.get("checkpoint", ())):
        found.append({"species_set": "none", "checkpoint": name})
    return found


def train_on_shots(
    recipe: Recipe, data: Prepared, options: FewShotOptions, shots: Sequence[int]
) -> Recipe:
    """Return the recipe with training settings for each number of shots, without validation.

    The budget in bases is calculated from the number of rows and their mean length, so it is the
    same for every draw.

    Parameters
    ----------
    recipe
        Recipe with the settings common to all cells.
    data
        The data set.
    options
        Epochs and batch size; None stands for the published ones.
    shots
        Numbers of rows per class, or in total if rows have no classes.
    """
    groups = len(data.labels.names) if task_of(data.labels).has_classes else 1
    rows = rows_of(data.table, recipe.members(recipe.target)).train
    width = float(data.table["sequence"].iloc[rows].str.len().mean())
    trainings: list[tuple[int, TrainingConfig]] = []
    for number in dict.fromkeys(shots):
        published = published_training(number)
        batch = published.batch_size if options.batch_size is None else options.batch_size
        epochs = published.epochs if options.finetune_epochs is None else options.finetune_epochs
        training = dataclasses.replace(
            recipe.finetuning,
            bases=max(1, round(epochs * groups * number * width)),
            batch_size=batch,
            micro_batch_size=micro_batch(batch, options.micro_batch_size),
            evaluations=1,
        )
        trainings.append((number, training))
    return dataclasses.replace(
        recipe,
        shot_training=tuple(trainings),
        classification=dataclasses.replace(recipe.classification, keep="last"),
    )


def usual_shots(data: Prepared, target: str) -> tuple[int, ...]:
    """Return the published numbers of shots for which there are enough training rows.

    Raises
    ------
    InputError
        If there are not enough rows for any of them.
    """
    members = () if target == "all" or not data.species else data.members(target)
    train = data.table.iloc[rows_of(data.table, members).train]
    classes = train[first_readings(train["sequence"])]["label"].value_counts()
    has_classes = task_of(data.labels).has_classes
    groups = len(data.labels.names) if has_classes else 1
    fewest = int(classes.min()) if len(classes) == groups else 0
    given = set(train["shots"].dropna())
    found = tuple(n for n in SHOTS if n <= fewest or n in given)
    if not found:
        number = f"--shots {min(fewest, 5)}" if fewest else "rows of both classes"
        of = " of a class" if has_classes else ""
        raise InputError(
            f"training has {fewest} different sequences{of}, fewer than the smallest default of "
            f"{SHOTS[0]} shots",
            remedy=f"Pass {number}." if fewest else f"Give {number}.",
        )
    return found


def check_shots(data: Prepared, plan: SweepPlan) -> None:
    """Refuse numbers of shots larger than the rows of a class, before anything is trained."""
    for shots, resample, species in dict.fromkeys(
        (spec.shots, spec.resample, spec.learned_from) for spec in plan.classifiers
    ):
        if shots is not None:
            draw_shots(data.table, rows_of(data.table, species).train, shots, resample)


def check_pretraining(data: Prepared, pretraining: Prepared | None, cells: Sequence[Cell]) -> None:
    """Refuse to pretrain on few-shot sets that come without validation rows.

    Parameters
    ----------
    data
        The data set.
    pretraining
        Separate data set for pretraining; None: there is none.
    cells
        The cells, some of which may be pretrained.
    """
    wanted = any(cell.species_set != "none" for cell in cells)
    if wanted and pretraining is None and not (data.table["split"] == "validation").any():
        raise InputError(
            "the data have no validation rows for pretraining",
            remedy="Give sequences to pretrain on with --pretrain-data, or --species-sets none.",
        )
