"""The request for a sweep: options and axes checked against the data, and its cells."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from rich.console import Console

from dnasweep.config import TokenizerConfig, TuningConfig, canonical, content_key, versions
from dnasweep.errors import InputError
from dnasweep.models.encoder.precision import ResolvePrecision, resolve_here
from dnasweep.stages.plan import SweepPlan, cells_of, make_plan
from dnasweep.stages.pmi import keep_table
from dnasweep.stages.recipe import Cell, Recipe
from dnasweep.stages.specs import CNN
from dnasweep.storage import Storage, usable_storage
from dnasweep.sweeps.axes import Axes, FewShotOptions, SweepOptions
from dnasweep.sweeps.built_in import built_in_defaults
from dnasweep.sweeps.checkpoints import check_tokenizers, check_tunings, prepare_checkpoints
from dnasweep.sweeps.few_shot import (
    check_pretraining,
    check_shots,
    train_on_shots,
    usual_shots,
)
from dnasweep.sweeps.lengths import Lengths, check_lengths
from dnasweep.sweeps.options_of_task import check_options_of_task
from dnasweep.sweeps.preparation import (
    Prepared,
    check_species_sets,
    make_recipe,
    prepare_data,
    prepare_pretraining,
)
from dnasweep.tasks.metrics import SELECTION_METRICS, check_metric
from dnasweep.tasks.registry import task_of

RequestedAxes = Mapping[str, Sequence[Any] | Callable[[Prepared], Sequence[Any]]]
"""Axes with their values, or with functions that derive the values from the data."""
MakeCells = Callable[[Axes, Prepared], Sequence[Cell]]


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """One sweep: what was requested, its data, and its plan."""

    name: str
    """Name of the sweep."""
    options: SweepOptions
    """The options."""
    axes: Axes
    """Values by axis name."""
    storage: Storage
    """Where artefacts are stored."""
    data: Prepared
    """The data set."""
    pretraining: Prepared | None
    """The data set for pretraining, if it is a separate one."""
    recipe: Recipe
    """Settings that all cells have in common."""
    plan: SweepPlan
    """Every cell of the grid."""
    console: Console
    """Where messages are printed."""
    errors: dict[str, str] = field(default_factory=dict)
    """Why trials failed, by trial key; filled while the sweep runs."""
    last_seen: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The last evaluation of trials, by trial key; filled while the sweep runs."""

    @property
    def key(self) -> str:
        """Key of the sweep; the same request has the same key and finds its earlier records."""
        options = self.options
        search = f"{options.search}+asha" if options.asha else options.search
        # In a search, the metric decides which trials are stopped or tried next; in a grid, it
        # only decides the ranking.
        if search != "grid" and options.metric != SweepOptions.metric:
            search += f" by {options.metric}"
        return content_key("sweep", versions.STAGES, self.name, self.axes, self.recipe, search)

    @property
    def target(self) -> str:
        """Species sets that classifiers are evaluated on, as text."""
        return " ".join(map(str, self.axes.get("target", (self.recipe.target,))))

    @property
    def parameters(self) -> dict[str, object]:
        """The request as flat parameters."""
        axes = {f"axis.{name}": " ".join(map(str, values)) for name, values in self.axes.items()}
        budgets = {f"finetune_bases.{n}": t.bases for n, t in self.recipe.shot_training}
        return {
            **axes,
            "search": self.options.search,
            "asha": self.options.asha,
            "metric": self.options.metric,
            "num_cells": len(self.plan.cells),
            "target": self.target,
            "dataset": self.recipe.dataset,
            "rows": len(self.data.table),
            **{
                f"model.{name}": value
                for name, value in canonical(self.recipe.model).items()
                if value is not None
            },
            "precision": self.recipe.finetuning.precision,
            "pretrain_bases": self.recipe.pretraining.bases,
            **(budgets or {"finetune_bases": self.recipe.finetuning.bases}),
        }


def product(axes: Axes, data: Prepared) -> tuple[Cell, ...]:
    """Return the product of the axes."""
    return cells_of(axes)


def prepare_sweep(
    name: str,
    requested: RequestedAxes,
    options: SweepOptions,
    console: Console,
    *,
    cells: MakeCells = product,
    resolve: ResolvePrecision = resolve_here,
) -> Sweep:
    """Read the data, check the request against them, and plan the cells.

    An empty `species_set` axis gets default sets that suit the data.

    Parameters
    ----------
    name, requested, options, console
        As for :func:`~dnasweep.workflows.sweep.run_sweep`.
    cells
        Makes the cells from the axes and the data.
    resolve
        Returns the precision that `--precision auto` means on the machine where the sweep will
        run.

    Raises
    ------
    InputError
        For every problem that can be found before training.
    """
    check_metric(options.metric, SELECTION_METRICS)
    storage = usable_storage(options.storage, dry_run=options.dry_run)
    with console.status("reading and auditing the data"):
        data = prepare_data(storage, options)
        pretraining = prepare_pretraining(
            storage,
            options,
            options.pretrain_data,
            simulated=options.pretrain_rows,
            positives_only=options.pretrain_on == "positives",
        )
    task = task_of(data.labels)
    if options.metric == type(options).metric and options.metric not in task.metrics:
        options = dataclasses.replace(options, metric=task.metric)
    check_metric(options.metric, task.metrics)
    check_options_of_task(options, task)
    axes: Axes = {axis: v(data) if callable(v) else v for axis, v in requested.items()}
    # Tokenizers get their canonical names: kmer becomes kmer-6.
    names = [TokenizerConfig.parse(name).name for name in axes.get("tokenizer", ())]
    if names:
        axes = axes | {"tokenizer": tuple(dict.fromkeys(names))}
    few = isinstance(options, FewShotOptions)
    if "shots" in axes and not axes["shots"]:
        axes = axes | {"shots": usual_shots(data, options.target)}
    if options.checkpoints and "checkpoint" not in axes:
        axes = axes | {"checkpoint": options.checkpoints}
    if options.continue_pretraining and not set(axes.get("checkpoint", ())) - {"none"}:
        raise InputError(
            "continue_pretraining is set, but there is no checkpoint to continue",
            remedy="Name some with --checkpoints, or leave it out.",
        )
    if "cnn" in options.baselines:
        axes = axes | {"checkpoint": (*axes.get("checkpoint", ("none",)), CNN)}
    if "species_set" in axes and not axes["species_set"]:
        axes = axes | {"species_set": _species_sets(pretraining or data)}
    for axis, values in axes.items():
        if not values:
            named = f"{axis[:-1]}ies" if axis.endswith("y") else f"{axis}s"
            option = f"--{named}".replace("_", "-")
            raise InputError(f"axis {axis} has no values", remedy=f"Name at least one: {option}.")
    wanted = tuple(cells(axes, data))
    if options.continue_pretraining:
        _check_continued(wanted, few=few)
    check_species_sets(pretraining or data, list({cell.species_set: None for cell in wanted}))
    recipe = dataclasses.replace(
        make_recipe(
            data,
            options,
            target=options.target,
            pretraining=pretraining,
            targets=[str(name) for name in axes.get("target", ())],
            validated=not few,
            pmi_table=keep_table(storage, options.pmi_table) if options.pmi_table else None,
            precision=resolve(
                options.precision, gpus=options.gpus_per_worker, address=options.address
            ),
        ),
        pretrain_per_seed=options.pretrain_per_seed,
    )
    if isinstance(options, FewShotOptions):
        recipe = train_on_shots(recipe, data, options, axes["shots"])
        check_pretraining(data, pretraining, wanted)
    lengths: Lengths = {}
    sequences = data.table["sequence"].tolist()
    say = partial(console.print, markup=False, highlight=False)
    recipe, wanted = _use_checkpoints(
        recipe, wanted, axes, options, storage, sequences=sequences, lengths=lengths, say=say
    )
    plan = make_plan(recipe, wanted).without_repeats(say)
    check_shots(data, plan)
    if options.dry_run:
        check_lengths(storage, recipe, plan, lengths)
    return Sweep(
        name=name,
        options=options,
        axes=axes,
        storage=storage,
        data=data,
        pretraining=pretraining,
        recipe=recipe,
        plan=plan,
        console=console,
    )


def _check_continued(cells: Sequence[Cell], *, few: bool) -> None:
    """Refuse to continue pretraining if no cell has a checkpoint and a species set to read."""
    starts = {(cell.checkpoint or "none", cell.species_set) for cell in cells}
    if any("none" not in start and CNN not in start for start in starts):
        return
    raise InputError(
        "continue_pretraining is set, but no checkpoint is continued on a species set",
        remedy="Few-shot sweeps start from checkpoints as they are: continue it with "
        "`dnasweep pretrain`, and name the result with --checkpoints."
        if few
        else "Name some to read with --species-sets, such as all, or leave it out.",
    )


def _use_checkpoints(
    recipe: Recipe,
    cells: tuple[Cell, ...],
    axes: Axes,
    options: SweepOptions,
    storage: Storage,
    *,
    sequences: Sequence[str],
    lengths: Lengths,
    say: Callable[[str], None],
) -> tuple[Recipe, tuple[Cell, ...]]:
    """Return the recipe with the checkpoints that cells name, and the distinct canonical cells."""
    names = [cell.checkpoint for cell in cells if cell.checkpoint]
    if names:
        tunings = [TuningConfig.parse(cell.tuning) for cell in cells if cell.tuning]
        checkpoints = prepare_checkpoints(
            storage,
            names,
            model=recipe.model,
            tunings=[recipe.tuning, *tunings],
            tracking_uri=options.tracking_uri,
            keep=not options.dry_run,
            sequences=sequences,
            lengths=lengths if options.dry_run and options.windows == "none" else None,
            pickle=options.pickle,
            further=options.continue_pretraining,
            say=say,
        )
        recipe = dataclasses.replace(recipe, checkpoints=checkpoints)
        # Default tokenizers are replaced by those of the checkpoints.
        given = built_in_defaults(type(options), vars(options))
        usual = (type(options).tokenizers, given.get("tokenizers", ()))
        named = [tuple(TokenizerConfig.parse(name).name for name in names) for names in usual]
        if tuple(axes.get("tokenizer", ())) not in named:
            check_tokenizers(recipe, cells)
    canonical_cells = tuple(dict.fromkeys(map(recipe.canonical, cells)))
    check_tunings(recipe, canonical_cells)
    return recipe, canonical_cells


def _species_sets(data: Prepared) -> tuple[str, ...]:
    """Return the default sets: no pretraining, human or the largest species, and all species."""
    if len(data.species) < 2:
        return ("none", "all")
    largest = str(data.table["species"].value_counts().index[0])
    return ("none", "human" if "human" in data.species else largest, "all")
