"""Overhead of the platform per trial and per shard, as their number grows.

    python benchmarks/scale.py --quick                      # a few minutes: does it still run?
    python benchmarks/scale.py                              # 100 to 5,000 trials, 10^3 to 10^6 shards
    python benchmarks/scale.py --trials 1000 --shards       # one number of trials, no shards

Trials and shards compute nothing, on logical nodes that are all this machine. A cost that does not grow
with the number is a flat row of the table; the table also has what Ray alone needs for the same number.
Each number is measured in a separate process, so peak memory is measured separately.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import tyro
from rich.console import Console
from rich.table import Table

BESIDE = ("start", "Ray Tune alone", "MLflow, in a thread beside", "asked again: look-ups")
"""Parts that the sum leaves out: they occur once per sweep, are not ours, or are counted where the driver
waits for them."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """What to measure."""

    trials: tuple[int, ...] = (100, 1_000, 5_000)
    """Numbers of trials."""
    shards: tuple[int, ...] = (1_000, 10_000, 100_000, 1_000_000)
    """Numbers of shards."""
    pooled: int = 10_000
    """Maximum number of shards that also go through the pool of Ray Data actors."""
    nodes: int = 4
    """Logical nodes."""
    cpus: int = 2
    """Logical CPUs, and so processes, of each node."""
    quick: bool = False
    """Small numbers on one node, only to see that it runs."""
    folder: Path | None = None
    """Working folder. Default: a temporary folder; a million shards need 10 GB there."""
    report: Path | None = None
    """JSON file for the numbers."""
    plot: Path | None = None
    """SVG file for the curves."""
    one: Literal["trials", "shards"] | None = None
    """Measure the first number of these in this process and write `report`; for the benchmark itself."""


def measure_here(options: Scale, folder: Path) -> dict[str, Any]:
    """Measure one number in this process."""
    # Imported here: the process that starts this one should stay small.
    where = {"nodes": options.nodes, "cpus": options.cpus}
    if options.one == "trials":
        import scale_trials

        return scale_trials.measure(options.trials[0], folder, **where)
    import scale_shards

    return scale_shards.measure(options.shards[0], folder, pooled=options.pooled, **where)


def measure_apart(kind: str, number: int, options: Scale, folder: Path) -> dict[str, Any]:
    """Measure one number in a separate process."""
    work = folder / f"{kind}-{number}"
    work.mkdir(parents=True)
    report = work / "report.json"
    command = [
        *(sys.executable, __file__, "--one", kind, f"--{kind}", str(number)),
        *("--nodes", str(options.nodes), "--cpus", str(options.cpus)),
        *("--pooled", str(options.pooled), "--folder", str(work), "--report", str(report)),
    ]
    with (work / "log.txt").open("w") as log:
        done = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        raise SystemExit(f"{number} {kind} failed:\n{(work / 'log.txt').read_text()[-3000:]}")
    return dict(json.loads(report.read_text()))


def each_of(kind: str, found: dict[str, Any], which: str) -> dict[str, float]:
    """Return the seconds of every part per trial or shard."""
    if kind == "shards":
        return dict(found[f"{which}_each"])
    return {part: seconds / found["trials"] for part, seconds in found[which].items()}


def table_of(kind: str, found: list[dict[str, Any]]) -> Table:
    """Return a table with one row per part and one column per number, in milliseconds per trial or shard."""
    table = Table(title=f"ms per {kind[:-1]} on the clock (processor)", title_justify="left")
    table.add_column("part")
    for one in found:
        table.add_column(f"{one[kind]:,} {kind}", justify="right")
    clock = [each_of(kind, one, "seconds") for one in found]
    own = [each_of(kind, one, "processor_seconds") for one in found]

    def text(part: str, at: int) -> str:
        if part not in clock[at]:
            return "–"
        beside = f" ({1e3 * own[at][part]:.2f})" if part in own[at] else ""
        return f"{1e3 * clock[at][part]:.2f}{beside}"

    parts = dict.fromkeys(part for one in clock for part in one)
    ours = [part for part in parts if part not in BESIDE]
    for part in ours:
        table.add_row(part, *(text(part, at) for at in range(len(found))))
    if kind == "trials":
        sums = [sum(one.get(part, 0.0) for part in ours) for one in clock]
        table.add_row("[bold]sum[/]", *(f"[bold]{1e3 * total:.2f}[/]" for total in sums))
        for part in BESIDE:
            table.add_row(f"[dim]{part}[/]", *(text(part, at) for at in range(len(found))))
    table.add_row("peak memory, MB", *(f"{one['bytes'] / 1e6:.0f}" for one in found))
    return table


def draw(found: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """Draw the curves."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.4), layout="constrained")
    for axes, (kind, rows) in zip(
        figure.subplots(1, len(found), squeeze=False)[0], found.items(), strict=True
    ):
        each = [each_of(kind, one, "seconds") for one in rows]
        for part in dict.fromkeys(part for one in each for part in one):
            known = [
                (one[kind], 1e3 * e[part]) for one, e in zip(rows, each, strict=True) if part in e
            ]
            axes.loglog(*zip(*known, strict=True), marker="o", label=part)
        axes.set_xlabel(kind)
        axes.set_ylabel(f"ms per {kind[:-1]}")
        axes.legend(fontsize=6)
    figure.savefig(path)


def main(options: Scale) -> None:
    """Measure every number and print the curve."""
    if options.one is not None:
        assert options.folder is not None
        assert options.report is not None
        options.report.write_text(
            json.dumps(measure_here(options, options.folder), indent=2) + "\n"
        )
        return
    if options.quick:
        options = Scale(
            trials=(8,),
            shards=(30,),
            pooled=30,
            nodes=1,
            cpus=2,
            folder=options.folder,
            report=options.report,
            plot=options.plot,
        )
    console = Console()
    found: dict[str, list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory(prefix="dnasweep-scale-") as name:
        folder = options.folder or Path(name)
        for kind, numbers in (("trials", options.trials), ("shards", options.shards)):
            for number in numbers:
                console.print(f"[dim]{number:,} {kind} ...[/]")
                found.setdefault(kind, []).append(measure_apart(kind, number, options, folder))
                if options.report is not None:
                    options.report.write_text(json.dumps(found, indent=2) + "\n")
    for kind, rows in found.items():
        console.print(table_of(kind, rows))
    if options.plot is not None:
        draw(found, options.plot)


if __name__ == "__main__":
    main(tyro.cli(Scale, description=__doc__))
