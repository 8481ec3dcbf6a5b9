"""Windows per second of a genome scan compared with a plain loop over a pipeline, with equal results, in turns.

python benchmarks/scan.py                       # tiny, some minutes on 2 cores
python benchmarks/scan.py --presets tiny small

The plain loop is `transformers.pipeline("text-classification", ..., batch_size=32)` over every window of a
sequence and over its reverse complement. dnasweep computes the same windows like a shard of
jobs/scan_genome.py: in the same process with the same number of threads, and in the same number of
single-threaded processes, like the actors of the job on a machine without a GPU.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from contenders import (
    CLASSES,
    HEADINGS,
    Options,
    Processes,
    in_parts,
    rates,
    start_threads,
    take_turns,
    text_pipeline,
    write_classifier,
)
from dnasweep.devices import best_device
from dnasweep.formats.bases import reverse_complement
from dnasweep.formats.reference import open_genome
from dnasweep.genomics.genome_store import keep_genome
from dnasweep.genomics.scan_plan import ScanConfig
from dnasweep.genomics.scan_worker import ScanWorker, WindowRun
from dnasweep.stages import models
from dnasweep.storage import Storage
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, kw_only=True)
class ScanOptions(Options):
    """What to measure."""

    tokenizers: tuple[str, ...] = ("kmer-6", "kmer-6-overlap")
    """Tokenizers, by name; all but bpe and wordpiece share work between windows."""
    stride: int = 50
    """Bases from one window to the next."""
    windows: int = 2048
    """Number of windows per turn, each on both strands."""


def loop(classify: Callable[[Sequence[str]], np.ndarray], windows: list[str]) -> np.ndarray:
    """Return probabilities, (windows, strands), computed by the plain loop."""
    strands = (windows, [reverse_complement(window) for window in windows])
    return np.stack([classify(strand)[:, 1] for strand in strands], axis=1)


def measure(
    options: ScanOptions, number: int, preset: str, tokenizer: str, folder: Path
) -> tuple[object, ...]:
    """Return a row of the table; `number` is the number of processes."""
    length = options.windows * options.stride + options.window
    text = "".join(np.random.default_rng(0).choice(list("ACGT"), length))
    genome = folder / "genome.fa"
    genome.write_text(f">a\n{text}\n")
    tokens = write_classifier(folder / "model", preset, tokenizer, text, options.window)
    storage = Storage(folder / "storage")
    with open_genome(genome) as fasta:
        key = keep_genome(storage, fasta, ["a"])
    settings = {
        **asdict(ScanConfig(window=options.window, stride=options.stride)),
        "genome": key,
        "model": models.keep_model(storage, folder / "model"),
        "target": CLASSES[1],
        "precision": "fp32",
    }
    start = partial(
        ScanWorker,
        storage=storage.root,
        models=models.KIND,
        settings=settings,
        device=best_device().type,
    )
    worker, classify = start(), text_pipeline(folder / "model")
    starts = range(0, options.windows * options.stride, options.stride)
    windows = [text[i : i + options.window] for i in starts]
    # With the default number of windows, a run is as long as a tile of the job.
    runs = [
        WindowRun("a", part[0], len(part)) for part in in_parts(range(options.windows), number)
    ]
    with Processes(partial(scorer, start), number) as processes:
        turns = take_turns(
            (
                lambda: loop(classify, windows),
                lambda: probabilities(worker.score(runs)),
                lambda: probabilities(processes(runs)),
            ),
            options.rounds,
        )
    return preset, tokenizer, tokens, *rates(turns, 2 * len(windows)), f"{turns.difference:.1e}"


def scorer(start: Callable[[], ScanWorker]) -> Callable[[WindowRun], Any]:
    """Return the function that a process applies to runs of windows."""
    worker = start()
    return lambda run: worker.score([run])[0]


def probabilities(odds: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Return probabilities, (windows, strands), of the log odds of runs."""
    table = np.concatenate([np.stack(run, 1) for run in odds]).astype(np.float64)
    return 1 / (1 + np.exp(-table))


def main(options: ScanOptions) -> None:
    """Measure every model size and tokenizer requested."""
    number = start_threads(options)
    console = Console(width=120)
    table = Table(
        *("model", "tokenizer", "tokens", "pipeline, windows/s", *HEADINGS, "difference"),
        title=f"windows of {options.window} bases every {options.stride}, both strands; "
        f"{best_device()}, {torch.get_num_threads()} threads",
    )
    for preset in options.presets:
        for tokenizer in options.tokenizers:
            with tempfile.TemporaryDirectory(prefix="scan-") as folder:
                row = measure(options, number, preset, tokenizer, Path(folder))
                table.add_row(*map(str, row))
    console.print(table)


if __name__ == "__main__":
    main(tyro.cli(ScanOptions, description=__doc__))
