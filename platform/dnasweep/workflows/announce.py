"""What a sweep prints: the data, the plan, the comparison, and the locations of the results."""

from __future__ import annotations

import os
from pathlib import Path

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.table import Table

from dnasweep.data.findings import READ_AS
from dnasweep.devices import has_gpu_driver
from dnasweep.formats.rejects import REJECTS
from dnasweep.progress import duration
from dnasweep.stages.outcome import CHECKPOINT
from dnasweep.stages.plan import published
from dnasweep.stages.recipe import Cell
from dnasweep.stages.specs import CNN, ClassifierSpec, EncoderSpec, TokenizerSpec
from dnasweep.stages.speed import measure_speed
from dnasweep.sweeps.axes import Axes
from dnasweep.sweeps.built_in import describe_defaults
from dnasweep.sweeps.cost import STAGE_SECONDS, SWEEP_SECONDS, Measure, estimate
from dnasweep.sweeps.preparation import Prepared
from dnasweep.sweeps.request import Sweep


def announce_data(
    console: Console, data: Prepared, *, every_finding: bool = False, kept: bool = True
) -> None:
    """Print a summary of the data, the warnings of the audit and, if `kept`, the location of rejected rows.

    Parameters
    ----------
    console
        Console to print to.
    data
        The data set.
    every_finding
        Whether findings other than warnings are also printed.
    kept
        Whether the data set is kept, with its rejected rows beside it.
    """
    table = data.table
    counts = table["split"].value_counts()
    widths = table["sequence"].str.len()
    span = f"{widths.min()}" if widths.min() == widths.max() else f"{widths.min()}-{widths.max()}"
    species = escape(", ".join(data.species)) or "not named"
    console.print(
        f"[bold]data[/] {len(table):,} sequences of {span} bases, "
        f"{counts.get('train', 0):,} train / {counts.get('validation', 0):,} validation / "
        f"{counts.get('test', 0):,} test, species: {species}"
    )
    if (rejects := data.folder / REJECTS).is_file():
        where = f"see {rejects}" if kept else "they are listed beside the data set once it is kept"
        console.print(f"[yellow]rows left out: {escape(where)}[/]", soft_wrap=True)
    for finding in data.audit.findings:
        if finding.code == READ_AS:
            console.print(f"[dim]{escape(finding.message)}[/]", soft_wrap=True)
        elif finding.level == "warning":
            console.print(f"[yellow]audit: {escape(finding.message)}[/]")
        elif every_finding:
            console.print(f"[dim]audit: {escape(finding.message)}[/]")


def announce_plan(sweep: Sweep, *, fine_tunes: bool = True, on_ray: bool = True) -> None:
    """Print what will be built, what already exists, and the expected cost.

    Parameters
    ----------
    sweep
        The sweep.
    fine_tunes
        Whether classifiers are trained, rather than encoders alone.
    on_ray
        Whether the sweep runs on Ray, rather than in this process.
    """
    options = sweep.options
    if held := describe_defaults(options):
        sweep.console.print(f"[dim]built-in data, with special defaults: {escape(held)}[/]")
    if sweep.pretraining is not None:
        source = sweep.pretraining.source
        sweep.console.print(f"[bold]pretraining[/] {escape(source)}", soft_wrap=True)
    grid = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for axis, values in values_of_cells(sweep).items():
        grid.add_row(
            f"[bold]{escape(axis.replace('_', ' '))}[/]", escape(" ".join(map(str, values)))
        )
    sweep.console.print(grid)
    there = published(sweep.storage, sweep.plan)
    if not fine_tunes:
        del there["trials"]
    parts = [
        f"{number} {kind if number != 1 else kind.removesuffix('s')} ({found} done before)"
        for kind, (found, number) in there.items()
    ]
    how = f"Optuna, {options.num_samples} trials" if options.search == "optuna" else "the grid"
    how += ", poor trials stopped early" if options.asha else ""
    sweep.console.print(f"[bold]plan[/] {how}: {', '.join(parts)}")
    _announce_time(sweep, fine_tunes, on_ray)
    if not options.dry_run:
        return
    sweep.console.print(
        f"[bold]resources[/] {options.worker_range} worker(s) per trial, "
        f"{'automatic' if options.cpus_per_worker is None else options.cpus_per_worker} CPU and "
        f"{'automatic' if options.gpus_per_worker is None else options.gpus_per_worker} GPU each, "
        f"computing in {sweep.recipe.finetuning.precision}\n"
        "Nothing was started: leave out --dry-run to run it."
    )


def values_of_cells(sweep: Sweep) -> Axes:
    """Return the values by axis name that cells of the plan have.

    A checkpoint brings its own tokenizer and size, and reads no species set unless its pretraining is
    continued.
    """
    found: Axes = {}
    for axis, values in sweep.axes.items():
        cells = sweep.plan.cells
        if axis == "tokenizer":
            cells = tuple(cell for cell in cells if cell.checkpoint != CNN)
        if axis == "species_set":
            cells = tuple(cell for cell in cells if not _as_published(cell))
        if axis == "checkpoint":
            values = tuple(dict.fromkeys(cell.checkpoint or "none" for cell in cells))
        elif axis in Cell.__dataclass_fields__:
            had = dict.fromkeys(getattr(cell, axis) for cell in cells)
            values = tuple(one for one in had if one is not None)
        if values:
            found[axis] = values
    return found


def _as_published(cell: Cell) -> bool:
    """Return whether a canonical cell starts from a checkpoint that is not pretrained further."""
    return cell.checkpoint is not None and cell.species_set == "none"


def _announce_time(sweep: Sweep, fine_tunes: bool, on_ray: bool) -> None:
    """Print how long the missing training runs will take, and how this was estimated."""
    planned: list[EncoderSpec | ClassifierSpec] = [*sweep.plan.encoders]
    planned += sweep.plan.classifiers if fine_tunes else ()
    every = {spec.key: spec for spec in planned}
    missing = [s for s in every.values() if not sweep.storage.exists(s.kind, s.key)]
    encoders = [spec for spec in missing if isinstance(spec, EncoderSpec)]
    trials = [spec for spec in missing if isinstance(spec, ClassifierSpec)]
    share = 1.0
    if sweep.options.search == "optuna" and trials:
        share = min(1.0, sweep.options.num_samples / len(trials))
    measure = _measure_here(sweep)
    parts, seconds, earlier = [], 0.0, 0
    for word, specs, part in (("pretrain", encoders, 1.0), ("fine-tun", trials, share)):
        if not specs:
            continue
        cost = estimate(sweep.storage, specs, measure)
        if cost is None:
            sweep.console.print(
                "[bold]time[/] unknown until the first training runs of this model have finished"
            )
            return
        number, bases = round(part * len(specs)), part * sum(s.training.bases for s in specs)
        expected = part * cost.seconds + number * STAGE_SECONDS
        parts.append(
            f"{duration(expected)} for {number} {word}ing{'s' * (number > 1)} "
            f"({bases / 1e6:.1f} Mb)"
        )
        seconds, earlier = seconds + expected, earlier + cost.earlier
    if parts:
        how = "roughly estimated from the arithmetic of each model and the speed of this machine"
        how = f"estimated from {earlier} earlier training runs in the storage" if earlier else how
        fixed = f"{duration(SWEEP_SECONDS)} to start Ray, tokenize, evaluate and report, and "
        text = (
            f"about {fixed if on_ray else ''}{duration(seconds)} of one worker, divided by the number of "
            f"workers: {', '.join(parts)}; {how}"
        )
        sweep.console.print(f"[bold]time[/] {text}")


def _measure_here(sweep: Sweep) -> Measure | None:
    """Return how to measure the speed of training on this machine; None to measure nothing.

    A dry run always measures. A run that trains does so only on this machine and without a GPU: measuring a
    CPU takes a twentieth of a second, but a GPU takes seconds, and another machine is as fast as it is.
    """
    options = sweep.options
    elsewhere = options.address or os.environ.get("RAY_ADDRESS")
    if not options.dry_run and (elsewhere or has_gpu_driver()):
        return None
    length = int(sweep.data.table["sequence"].str.len().median())
    return lambda spec: measure_speed(spec, length)


def announce_report(console: Console, tables: RenderableType, page: Path, table: Path) -> None:
    """Print a comparison and the locations of its files.

    Parameters
    ----------
    console
        Console to print to.
    tables
        The comparison, for the terminal.
    page, table
        Paths of the page and of the main table.
    """
    console.print(tables)
    console.print(f"[bold]page[/]   {escape(str(page))}", soft_wrap=True)
    console.print(f"[bold]table[/]  {escape(str(table))}", soft_wrap=True)


def announce_checkpoint(sweep: Sweep, name: str, spec: EncoderSpec | ClassifierSpec) -> None:
    """Print the location of a model, or why there is none.

    Parameters
    ----------
    sweep
        The sweep that was run.
    name
        Name of the model.
    spec
        Specification of the stage that made it.
    """
    where = f"[yellow]{escape(sweep.errors.get(spec.key, 'none'))}[/]"
    if sweep.storage.exists(spec.kind, spec.key):
        where = escape(sweep.storage.uri_of(spec.kind, spec.key, CHECKPOINT))
    sweep.console.print(f"[bold]{escape(name)}[/] {where}", soft_wrap=True)


def encoder_name(sweep: Sweep, spec: EncoderSpec) -> str:
    """Return the name of an encoder: its tokenizer, the species sets it has read, in order, and its
    masking scheme if the sweep has several."""
    path = " then ".join(_species(ancestor.species) for ancestor in spec.lineage)
    several = len({encoder.masking_name for encoder in sweep.plan.encoders}) > 1
    return f"{spec.tokenizer.config.name} {path}" + f" {spec.masking_name}" * several


def tokenizer_name(spec: TokenizerSpec) -> str:
    """Return the name of a tokenizer, with the species that it is fitted on, if it is fitted."""
    return spec.config.name + (f" of {_species(spec.species)}" if spec.config.fitted else "")


def _species(species: tuple[str, ...]) -> str:
    return "+".join(species) if species else "all"
