"""Wall time of a sweep compared with a nested loop of fresh processes, with equal cells, data, model and budgets.

    python benchmarks/sweep.py                # the default sweep, every cell both ways
    python benchmarks/sweep.py --cells 6      # time 6 cells of the loop and extrapolate, which is printed

Both sides start from one CSV file with given splits. One is `sweeps/tokenizer_grid.py`, run as a user would,
on an empty storage; the other is `benchmarks/nested_loop.py`, one process per cell. In addition to the ratio
of wall times, the benchmark prints the bases read and the scores of both sides, to show that they did the
same work.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tyro
from dnasweep.stages.outcome import find_outcome
from dnasweep.stages.plan import SweepPlan
from dnasweep.stages.recipe import Cell
from dnasweep.stages.specs import ClassifierSpec
from dnasweep.storage import Storage
from dnasweep.sweeps.axes import SweepOptions
from dnasweep.sweeps.preparation import prepare_data
from dnasweep.sweeps.request import prepare_sweep
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).resolve().parent
GRID = HERE.parent / "sweeps" / "tokenizer_grid.py"
LOOP = HERE / "nested_loop.py"
SCORE = "validation/auroc"
"""Metric without a threshold, because the sweep chooses its threshold on validation and the loop uses
0.5."""


@dataclass(frozen=True, kw_only=True)
class Race(SweepOptions):
    """The sweep's own options; storage and tracking are fresh folders of the benchmark."""

    cells: int | None = None
    """Number of cells of the nested loop to time, spread over the grid; the rest is extrapolated. Default: all."""
    report: Path | None = None
    """JSON file for the numbers."""


class Side(NamedTuple):
    """Bases read and score of a cell in one of the two ways."""

    bases: float
    """Bases read in pretraining and fine-tuning."""
    score: float
    """Validation AUROC of the evaluation that was kept."""
    note: str = ""
    """Reason why it ended before its budget, if it did."""


def as_flags(options: SweepOptions, kind: type[SweepOptions] = SweepOptions) -> list[str]:
    """Return the options that differ from the defaults of `kind`, as a command line."""
    flags: list[str] = []
    for field in dataclasses.fields(kind):
        value = getattr(options, field.name)
        if value == field.default:
            continue
        name = field.name.replace("_", "-")
        flags.append(f"--no-{name}" if value is False else f"--{name}")
        if not isinstance(value, bool):
            flags += [str(v) for v in value] if isinstance(value, tuple) else [str(value)]
    return flags


def run(script: Path, flags: list[str], log: Path) -> float:
    """Run a script as a fresh process and return its wall time in seconds."""
    started = time.perf_counter()
    with log.open("w") as text:
        done = subprocess.run(
            [sys.executable, str(script), *flags],
            stdout=text,
            stderr=subprocess.STDOUT,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
            check=False,
        )
    if done.returncode:
        raise SystemExit(f"{script.name} failed:\n{log.read_text()[-3000:]}")
    return time.perf_counter() - started


def plan_of(options: SweepOptions) -> SweepPlan:
    """Return the cells and stages that the sweep of these options has."""
    axes = {
        "tokenizer": options.tokenizers,
        "species_set": options.species_sets,
        "learning_rate": options.learning_rates,
        "seed": options.seeds,
    }
    return prepare_sweep("tokenizer-grid", axes, options, Console(quiet=True)).plan


def loop_flags(spec: ClassifierSpec, cell: Cell, table: Path, folder: Path) -> list[str]:
    """Return the nested loop's command line for the work of one cell."""
    if spec.target or spec.tokenizer.config.overlapping:
        raise SystemExit(
            "the nested loop supports only --target all and non-overlapping tokenizers"
        )
    encoder = spec.encoder
    if encoder is not None and (encoder.parent is not None or encoder.masking.rate != 0.15):
        raise SystemExit(
            "the nested loop supports one stage of pretraining and a mask rate of 0.15"
        )
    tuning, model = spec.training, spec.model
    flags: dict[str, Any] = {
        "table": table,
        "folder": folder,
        "tokenizer": spec.tokenizer.config.name,
        "learning-rate": cell.learning_rate,
        "finetune-bases": tuning.bases,
        "batch-size": tuning.batch_size,
        "evaluations": tuning.evaluations,
        "warmup": tuning.optimizer.warmup,
        "dropout": tuning.dropout,
        "layers": model.layers,
        "hidden": model.hidden,
        "heads": model.heads,
        "pretrain-bases": 0,
        "seed": cell.seed,
    }
    if encoder is not None:
        flags["pretrain-bases"] = encoder.training.bases
        flags["pretrain-batch-size"] = encoder.training.batch_size
        flags["pretrain-learning-rate"] = encoder.training.optimizer.learning_rate
    species = ["--species", *spec.tokenizer.species] if spec.tokenizer.species else []
    return [text for name, value in flags.items() for text in (f"--{name}", str(value))] + species


def of_the_sweep(storage: Storage, spec: ClassifierSpec) -> Side:
    """Return the bases and score of a cell of the sweep, with all of its pretraining."""
    bases = 0.0
    stages = (*(spec.encoder.lineage if spec.encoder else ()), spec)
    for stage in stages:
        outcome = find_outcome(storage, stage)
        if outcome is None:
            raise SystemExit(f"the sweep left no {stage.kind} {stage.key}")
        bases += outcome.history[-1]["bases_seen"]
    note = "" if outcome.outcome == "completed" else f" ({outcome.outcome})"
    return Side(bases, outcome.best["metrics"][SCORE], note)


def of_the_loop(folder: Path) -> Side:
    """Return the bases and score of a cell of the nested loop."""
    result = json.loads((folder / "result.json").read_text())
    return Side(sum(result["bases_seen"].values()), result["metrics"][SCORE])


def main(options: Race) -> None:
    """Run both ways and print the ratio."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="dnasweep-race-") as name:
        folder = Path(name)
        data = prepare_data(Storage(folder / "source"), options)
        table = folder / "table.csv"
        data.table[["id", "sequence", "label", "species", "split"]].to_csv(table, index=False)
        ours = dataclasses.replace(
            options,
            data=(str(table),),
            split="given",
            storage=str(folder / "runs"),
            tracking_uri=f"sqlite:///{folder / 'runs' / 'mlflow.db'}",
        )
        console.print(f"{len(data.table):,} rows; running the sweep ...")
        sweep_seconds = run(GRID, as_flags(ours), folder / "sweep.log")
        storage = Storage(folder / "runs")
        plan = plan_of(ours)
        console.print(
            f"{len(plan.cells)} cells in {sweep_seconds:.0f} s; running the nested loop ..."
        )

        chosen = range(len(plan.cells))
        if options.cells is not None and options.cells < len(plan.cells):
            chosen = np.linspace(0, len(plan.cells) - 1, options.cells).round().astype(int)
        rows = Table("cell", "loop s", "loop Mb", "sweep Mb", "loop AUROC", "sweep AUROC")
        seconds, pairs = [], []
        for i in chosen:
            cell, spec = plan.cells[i], plan.classifiers[i]
            place = folder / f"cell-{i}"
            place.mkdir()
            flags = loop_flags(spec, cell, table, place)
            seconds.append(run(LOOP, flags, place / "log.txt"))
            pair = (of_the_loop(place), of_the_sweep(storage, spec))
            pairs.append(pair)
            console.print(f"  {len(seconds)}/{len(chosen)} {cell.label}: {seconds[-1]:.0f} s")
            rows.add_row(
                cell.label,
                f"{seconds[-1]:.1f}",
                *(f"{side.bases / 1e6:.2f}" for side in pair),
                *(f"{side.score:.3f}{side.note}" for side in pair),
            )
    console.print(rows)
    loop_seconds = sum(seconds) / len(seconds) * len(plan.cells)
    how = "all timed"
    if len(seconds) < len(plan.cells):
        how = f"EXTRAPOLATED from {len(seconds)} timed cells, {sum(seconds):.1f} s"
    loop, sweep = ([pair[side] for pair in pairs] for side in (0, 1))
    console.print(f"nested loop {loop_seconds:8.1f} s for {len(plan.cells)} cells ({how})")
    console.print(f"sweep       {sweep_seconds:8.1f} s for {len(plan.cells)} cells")
    console.print(
        f"mean validation AUROC: loop {np.mean([s.score for s in loop]):.3f}, "
        f"sweep {np.mean([s.score for s in sweep]):.3f}; bases per cell: "
        f"loop {np.mean([s.bases for s in loop]):,.0f}, sweep {np.mean([s.bases for s in sweep]):,.0f}"
    )
    console.print(f"[bold]ratio {loop_seconds / sweep_seconds:.2f}[/bold]")
    if options.report is not None:
        numbers = {
            "cells": len(plan.cells),
            "cells_timed": len(seconds),
            "loop_seconds": loop_seconds,
            "sweep_seconds": sweep_seconds,
            "ratio": loop_seconds / sweep_seconds,
        }
        options.report.write_text(json.dumps(numbers, indent=2) + "\n")


if __name__ == "__main__":
    main(tyro.cli(Race, description=__doc__))
