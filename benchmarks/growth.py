"""Growth of the time and memory of each job with its work, over three decades, as a figure.

    python benchmarks/growth.py                           # some 20 minutes on 2 cores
    python benchmarks/growth.py --jobs predict scan --most 10000
    python benchmarks/growth.py --plot growth.svg --report growth.json

Every size runs in a separate process through the public interface (`dnasweep.explain` and so on,
with a storage), on a tiny model with random weights and sequences of 300 bases. The time is that
of the call, without starting Python and importing; the memory is the peak above that of the
process before the call. The slope is that of the line through the larger half of the sizes on a
log-log plot: 1 means a cost in proportion to the work, and less means that some costs do not grow
with it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tyro
from rich.console import Console
from rich.table import Table

WINDOW = 300
TOKENIZER = "kmer-6"
UNITS = {
    "predict": "sequences",
    "explain": "sequences",
    "scan": "windows",
    "variants": "alleles",
}
SIZES = {
    "predict": (100, 1_000, 10_000, 100_000),
    "explain": (10, 100, 1_000, 10_000),
    "scan": (100, 1_000, 10_000, 100_000),
    "variants": (30, 300, 3_000, 30_000),
}
EVALUATIONS = 50
"""Number of evaluations of an explained sequence."""
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to measure."""

    jobs: tuple[str, ...] = tuple(SIZES)
    """Jobs, of predict, explain, scan and variants."""
    most: int | None = None
    """Largest size. Default: depends on the job; sizes cover three decades."""
    plot: Path | None = None
    """File for the figure, SVG or PNG."""
    report: Path | None = None
    """JSON file for the numbers."""
    measured: str = ""
    """One measurement in this process, as JOB:SIZE; used internally."""


def bases(number: int, seed: int = 0) -> str:
    """Return random DNA."""
    return "".join(np.random.default_rng(seed).choice(list("ACGT"), number))


def prepared(job: str, size: int, folder: Path) -> Callable[[], Any]:
    """Write the inputs of a job of some size into a folder, and return the job.

    Parameters
    ----------
    job
        Name of the job.
    size
        Number of sequences, windows or alleles.
    folder
        Folder for its files.
    """
    import dnasweep
    from contenders import write_classifier

    write_classifier(folder / "model", "tiny", TOKENIZER, bases(20_000), WINDOW)
    model: Any = folder / "model"
    kept: dict[str, Any] = {
        "storage": folder / "runs",
        "tracking_uri": "none",
        "progress": False,
    }
    if job in ("predict", "explain"):
        text = bases(size * WINDOW)
        rows = [text[start : start + WINDOW] for start in range(0, len(text), WINDOW)]
        table = folder / "sequences.csv"
        pd.DataFrame({"id": range(size), "sequence": rows}).to_csv(table, index=False)
        if job == "predict":
            from dnasweep.jobs.prediction_request import PredictOptions
            from dnasweep.workflows.predictions import PredictionJob
            from dnasweep.workflows.run import run

            asked = PredictOptions(
                model=str(model),
                data=(str(table),),
                out=str(folder / "predictions.csv"),
                storage=str(folder / "runs"),
                tracking_uri="none",
            )
            return lambda: run(PredictionJob.of, asked, Console(quiet=True))
        return lambda: dnasweep.explain(model, table, max_evals=EVALUATIONS, report=False, **kept)
    genome = folder / "genome.fa"
    length = WINDOW * (size + 1) if job == "scan" else 40 * size + 2 * WINDOW
    text = bases(length)
    genome.write_text(">chr1\n" + "\n".join(text[i : i + 60] for i in range(0, length, 60)) + "\n")
    if job == "scan":
        return lambda: dnasweep.scan(model, genome, window=WINDOW, stride=WINDOW, **kept)
    places = WINDOW + 40 * np.arange(size)
    table = pd.DataFrame({"chrom": "chr1", "pos": places + 1})
    table["ref"] = [text[place] for place in places]
    table["alt"] = table["ref"].map({"A": "G", "G": "A", "C": "T", "T": "C"})
    return lambda: dnasweep.score_variants(model, table, genome=genome, window=WINDOW, **kept)


def measure(job: str, size: int) -> None:
    """Print the seconds and the peak memory, in MB above that before the call, of one job."""
    import torch
    from long_rows import reset_peak, status

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        for part, number in (("warm", 10), ("full", size)):
            # A small first call imports what is needed.
            folder = Path(scratch) / part
            folder.mkdir()
            call = prepared(job, number, folder)
            before, started = reset_peak(), time.perf_counter()
            call()
            seconds, memory = time.perf_counter() - started, status("VmHWM") - before
    print(f"measured {seconds} {memory}")


def measured_apart(job: str, size: int) -> tuple[float, float]:
    """Return the seconds and MB of a job, measured in a separate process."""
    told = subprocess.run(
        [sys.executable, __file__, "--measured", f"{job}:{size}"],
        check=False,
        capture_output=True,
        text=True,
    )
    lines = [line for line in told.stdout.splitlines() if line.startswith("measured ")]
    if told.returncode or not lines:
        raise SystemExit(f"{job} of {size} failed:\n{told.stderr[-3000:]}")
    seconds, memory = map(float, lines[0].split()[1:])
    return seconds, memory


def slope(sizes: list[int], values: list[float]) -> float:
    """Return the slope of the larger half of some points on a log-log plot."""
    first = min(len(sizes) // 2, len(sizes) - 2)
    return float(np.polyfit(np.log(sizes[first:]), np.log(values[first:]), 1)[0])


def draw(found: dict[str, list[tuple[int, float, float]]], path: Path) -> None:
    """Draw time and memory against work, each on a log-log plot."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    for (job, rows), colour in zip(found.items(), COLOURS, strict=False):
        sizes, seconds, memory = zip(*rows, strict=True)
        label = f"{job} ({UNITS[job]})"
        left.loglog(sizes, seconds, "o-", color=colour, label=label)
        right.loglog(sizes, np.maximum(memory, 1), "o-", color=colour, label=label)
    left.set(xlabel="sequences, windows or alleles", ylabel="seconds")
    right.set(xlabel="sequences, windows or alleles", ylabel="peak memory of the job, MB")
    left.legend(frameon=False)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)


def main(options: Options) -> None:
    """Measure, print a table and draw the figure."""
    if options.measured:
        job, size = options.measured.split(":")
        measure(job, int(size))
        return
    console, found = Console(), {}
    table = Table(title="Time and memory against work, one core", box=None)
    for column in ("job", "size", "seconds", "a second", "peak MB"):
        table.add_column(column, justify="left" if column == "job" else "right")
    for job in options.jobs:
        found[job] = []
        for size in SIZES[job]:
            if options.most is not None and size > options.most:
                break
            seconds, memory = measured_apart(job, size)
            found[job].append((size, seconds, memory))
            console.print(f"{job} {size:,} {UNITS[job]}: {seconds:.2f} s, {memory:.0f} MB")
            cells = (f"{size:,}", f"{seconds:.2f}", f"{size / seconds:,.0f}", f"{memory:.0f}")
            table.add_row(job, *cells)
    console.print(table)
    for job, rows in found.items():
        if len(rows) > 1:
            sizes, seconds, memory = map(list, zip(*rows, strict=True))
            mb = slope(sizes, [max(one, 1.0) for one in memory])
            console.print(f"{job}: slope of time {slope(sizes, seconds):.2f}, of memory {mb:.2f}")
    if options.report:
        options.report.write_text(json.dumps(found))
    if options.plot:
        draw(found, options.plot)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
