"""Cost of three ways to search a grid: all trials, all with early stopping (ASHA), and TPE with ASHA.

    python benchmarks/search.py --data enhancers.csv                        # the complete grid
    python benchmarks/search.py --data enhancers.csv --rows 2000 --grid-weight-decays 1e-2

Each way runs `sweeps/enhancer_grid.py` as a user would. All start from the same data set and encoder, which
are built first and copied into a separate storage for each way, so no way reuses trials of another. For each
way, the benchmark reports the device seconds of fine-tuning until the validation metric is within `--within`
of the best of the grid, as a fraction of the cost of the whole grid.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import tyro
from dnasweep.stages.encoder import pretrain
from dnasweep.stages.outcome import find_outcome
from dnasweep.stages.tokens import obtain_corpus
from dnasweep.storage import Storage
from dnasweep.sweeps.axes import EnhancerOptions
from dnasweep.sweeps.event_log import FILE, Evaluated, read_event_log
from dnasweep.sweeps.preparation import prepare_data
from dnasweep.sweeps.request import Sweep, prepare_sweep
from dnasweep.tasks.metrics import direction, full_name
from rich.console import Console
from rich.table import Table
from sweep import as_flags, run

GRID = Path(__file__).resolve().parent.parent / "sweeps" / "enhancer_grid.py"
SHARED = ("datasets", "tokenizers", "corpora", "encoders")
"""Artefacts that all ways share; trials are separate."""


@dataclass(frozen=True, kw_only=True)
class Race(EnhancerOptions):
    """The grid's own options; storage, tracking and search are set by the benchmark."""

    rows: int | None = None
    """Number of rows of the data to use, from every split and class. Default: all."""
    grid_weight_decays: tuple[float, ...] = ()
    """Weight decays of the whole grid that are timed; the cost of the others is extrapolated.
    Default: all."""
    num_samples: int = 40
    """Number of combinations that TPE tries."""
    within: float = 0.01
    """Maximum difference from the best validation metric of the grid."""
    keep: Path | None = None
    """Folder for the storages and logs of all ways. Default: a temporary one."""
    report: Path | None = None
    """JSON file for the numbers."""


class Way(NamedTuple):
    """Cost and result of one way to search the grid."""

    name: str
    seconds: float
    """Wall time of the command."""
    points: list[Evaluated]
    """Evaluations in the order in which they were reported."""
    whole: int
    """Number of trials that were trained to the end."""
    spent: float
    """Total device seconds of fine-tuning."""

    @property
    def begun(self) -> int:
        """Trials begun."""
        return len({point.key for point in self.points})

    def best(self, sign: float) -> float:
        """Return the best value found."""
        return sign * max(sign * point.best for point in self.points)

    def until(self, level: float, sign: float) -> float:
        """Return the device seconds spent by all its trials until one was at `level`; else inf."""
        seconds: dict[str, float] = {}
        for point in self.points:
            seconds[point.key] = float(point.evaluation["device_seconds"])
            if sign * point.best >= sign * level:
                return sum(seconds.values())
        return float("inf")


def fewer(table: pd.DataFrame, rows: int | None) -> pd.DataFrame:
    """Return about `rows` rows of a table, each split and class in proportion."""
    if rows is None or rows >= len(table):
        return table
    groups = table.groupby(["split", "label"], group_keys=False)
    share = rows / len(table)
    kept = [part.sample(max(2, round(share * len(part))), random_state=0) for _, part in groups]
    return pd.concat(kept).sort_index()


def prepared(options: EnhancerOptions) -> Sweep:
    """Return the sweep that these options stand for."""
    return prepare_sweep("enhancer-grid", options.axes, options, Console(quiet=True))


def take(name: str, options: EnhancerOptions, source: Path, folder: Path) -> Way:
    """Run one way in a separate storage."""
    place = folder / name.replace(" ", "-").replace("+", "and")
    for kind in SHARED:
        if (source / kind).is_dir():
            shutil.copytree(source / kind, place / kind, dirs_exist_ok=True)
    here = dataclasses.replace(
        options, storage=str(place), tracking_uri=f"sqlite:///{place / 'mlflow.db'}"
    )
    sweep = prepared(here)
    seconds = run(GRID, as_flags(here, EnhancerOptions), folder / f"{place.name}.log")
    storage = Storage(place)
    points = read_event_log(place / "sweeps" / sweep.key / FILE)
    last = {point.key: float(point.evaluation["device_seconds"]) for point in points}
    outcomes = {s.key: find_outcome(storage, s) for s in sweep.plan.classifiers}
    ended = {key: o.device_seconds for key, o in outcomes.items() if o is not None}
    return Way(name, seconds, points, len(ended), sum((last | ended).values()))


def main(options: Race) -> None:
    """Run the three ways and print what each of them needs."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="dnasweep-search-") as name:
        folder = options.keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        data = prepare_data(Storage(folder / "source"), options)
        table = fewer(data.table, options.rows)
        table[["id", "sequence", "label", "species", "split"]].to_csv(
            folder / "table.csv", index=False
        )
        fields = {f.name: getattr(options, f.name) for f in dataclasses.fields(EnhancerOptions)}
        mine = EnhancerOptions(
            **fields
            | {"data": (str(folder / "table.csv"),), "split": "given", "leaks": "keep"}
            | {"positives": (), "negatives": (), "generate_negatives": "none"}
            | {"storage": str(folder / "shared"), "search": "grid", "asha": False}
        )
        sweep = prepared(mine)
        console.print(f"{len(table):,} rows, {len(sweep.plan.cells)} cells; the encoder ...")
        storage = Storage(folder / "shared")
        for tokenizer in sweep.plan.corpora:
            obtain_corpus(storage, tokenizer)
        for encoder in sweep.plan.encoders:
            pretrain(storage, encoder)
        timed = options.grid_weight_decays or mine.weight_decays
        asks = {
            "whole grid": dataclasses.replace(mine, weight_decays=timed),
            "grid + ASHA": dataclasses.replace(mine, asha=True),
            "TPE + ASHA": dataclasses.replace(
                mine, asha=True, search="optuna", num_samples=options.num_samples
            ),
        }
        ways = []
        for title, ask in asks.items():
            console.print(f"{title} ...")
            ways.append(take(title, ask, folder / "shared", folder))
    tell(options, ways, len(sweep.plan.cells), len(timed) / len(mine.weight_decays), console)


def tell(options: Race, ways: list[Way], cells: int, share: float, console: Console) -> None:
    """Print and save what each way needs; `share` of the whole grid was timed."""
    sign = 1.0 if direction(full_name(options.metric)) == "max" else -1.0
    grid = ways[0]
    known = ways if share < 1 else [grid]
    best = sign * max(sign * way.best(sign) for way in known)
    level, cost = best - sign * options.within, grid.spent / share
    rows = Table("way", "trials", "whole", "device s", "best", "until near", "of the grid's cost")
    numbers: dict[str, dict[str, float | None]] = {}
    for way in ways:
        until = way.until(level, sign)
        reached = bool(np.isfinite(until))
        numbers[way.name] = {
            "wall_seconds": way.seconds,
            "device_seconds": way.spent,
            "best": way.best(sign),
            "until": until if reached else None,
            "share": until / cost if reached else None,
            "begun": way.begun,
            "whole": way.whole,
        }
        rows.add_row(
            way.name,
            str(way.begun),
            str(way.whole),
            f"{way.spent:.0f}",
            f"{way.best(sign):.3f}",
            f"{until:.0f} s" if reached else "not reached",
            f"{until / cost:.2f}" if reached else "–",
        )
    console.print(rows)
    how = "all timed"
    if share < 1:
        how = (
            f"EXTRAPOLATED from {grid.begun} timed cells, {grid.spent:.0f} s; its best is taken "
            "from all that was trained in any way"
        )
    console.print(f"whole grid {cost:.0f} device s for {cells} cells ({how})")
    console.print(
        f"near: validation {options.metric} within {options.within:g} of {best:.3f}, so "
        f"{level:.3f}; the grid in its own order comes there too, but only its end tells"
    )
    for way in ways[1:]:
        until = way.until(level, sign)
        ratio = f"ratio {cost / until:.2f}" if np.isfinite(until) else "did not come near"
        console.print(f"[bold]{way.name}: {ratio}[/bold]")
    if options.report is not None:
        facts = {"cells": cells, "share_timed": share, "grid_device_seconds": cost, "near": level}
        options.report.write_text(json.dumps(facts | {"ways": numbers}, indent=2) + "\n")


if __name__ == "__main__":
    main(tyro.cli(Race, description=__doc__))
