"""Windows a second of a genome scan against a plain loop over a pipeline, the same numbers, in turns.

python benchmarks/scan.py                       # tiny, some minutes on 2 cores
python benchmarks/scan.py --presets tiny small

The user's way is `transformers.pipeline("text-classification", ..., batch_size=32)` over every window
of a sequence and over its reverse complement. Ours computes the same windows as a shard of
jobs/scan_genome.py does: in the same process with as many threads, and in as many processes of one
thread, as the actors of the job do on a machine without a GPU.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from dnasweep.config import ModelConfig, TokenizerConfig
from dnasweep.formats.bases import reverse_complement
from dnasweep.formats.reference import open_genome
from dnasweep.genomics.genome_store import keep_genome
from dnasweep.genomics.scan_settings import ScanConfig
from dnasweep.genomics.scan_worker import ScanWorker, WindowRun
from dnasweep.models.architecture import build_classifier
from dnasweep.models.encoder.precision import best_device
from dnasweep.models.pretrained.checkpoint import export
from dnasweep.stages import models
from dnasweep.storage import Storage
from dnasweep.tokens.loading import load_tokenizer
from dnasweep.tokens.tokenizers import fit
from processes import Processes, in_parts
from rich.console import Console
from rich.table import Table

BATCH = 32
TARGET = 3.0


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to measure."""

    presets: tuple[str, ...] = ("tiny",)
    """Model sizes, by preset name or LAYERSxHIDDEN; weights are random, which costs as much."""
    tokenizers: tuple[str, ...] = ("kmer-6", "kmer-6-overlap")
    """Tokenizers, by name; all but bpe and wordpiece share work between windows."""
    window: int = 300
    """Bases a window."""
    stride: int = 50
    """Bases from one window to the next."""
    windows: int = 2048
    """Windows a turn, each on both strands."""
    rounds: int = 3
    """Turns of each side; the median counts."""
    threads: int = 0
    """Threads of torch; 0: as many as torch takes by itself."""


def make_genome(folder: Path, length: int) -> tuple[Path, str]:
    """Write a FASTA of one random record."""
    text = "".join(np.random.default_rng(0).choice(list("ACGT"), length))
    path = folder / "genome.fa"
    path.write_text(f">a\n{text}\n")
    return path, text


def make_model(folder: Path, preset: str, tokenizer: str, text: str, window: int) -> Path:
    """Write a classifier with random weights that holds the windows."""
    made = fit(TokenizerConfig.parse(tokenizer), [text])
    model = build_classifier(
        ModelConfig.preset(preset),
        tokenizer=made,
        num_tokens=len(made.encode([text[:window]]).ids) + 8,
        dropout=0.1,
        seed=0,
        label_names=("background", "promoter"),
    )
    with torch.no_grad():
        # Probabilities that differ, or any two programs agree.
        for parameter in model.parameters():
            parameter.mul_(2)
    return export(model.eval(), made, folder / f"{preset}-{tokenizer}")


def their_pipeline(directory: Path) -> Any:
    """Return what a user would call."""
    from transformers import pipeline

    return pipeline(
        "text-classification",
        model=str(directory),
        tokenizer=str(directory),
        top_k=None,
        device=best_device(),
    )


def their_loop(classify: Any, text: str, options: Options) -> np.ndarray:
    """Return probabilities, (windows, strands), as a user computes them."""
    starts = range(0, options.windows * options.stride, options.stride)
    windows = [text[i : i + options.window] for i in starts]
    found = []
    for strand in (windows, [reverse_complement(window) for window in windows]):
        answers = classify(strand, batch_size=BATCH)
        found.append([next(a["score"] for a in x if a["label"] == "promoter") for x in answers])
    return np.array(found).T


def measure(options: Options, preset: str, tokenizer: str, folder: Path) -> tuple[object, ...]:
    """Return a row of the table."""
    genome, text = make_genome(folder, options.windows * options.stride + options.window)
    directory = make_model(folder, preset, tokenizer, text, options.window)
    storage = Storage(folder / "storage")
    with open_genome(genome) as fasta:
        key = keep_genome(storage, fasta, ["a"])
    settings = {
        **asdict(ScanConfig(window=options.window, stride=options.stride)),
        "genome": key,
        "model": models.keep_model(storage, directory),
        "target": "promoter",
        "precision": "fp32",
    }
    start = partial(
        ScanWorker,
        storage=storage.root,
        models=models.KIND,
        settings=settings,
        device=best_device().type,
    )
    worker, classify = start(), their_pipeline(directory)
    number = torch.get_num_threads() if best_device().type == "cpu" else 1
    # With the windows asked for by default, as long as a tile of the job.
    runs = [
        WindowRun("a", part[0], len(part)) for part in in_parts(range(options.windows), number)
    ]
    seconds: list[list[float]] = [[], [], []]
    with Processes(partial(scorer, start), number) as processes:
        sides = (
            lambda: their_loop(classify, text, options),
            lambda: probabilities(worker.score(runs)),
            lambda: probabilities(processes(runs)),
        )
        for side in sides:
            side()
        for _ in range(options.rounds):
            found = []
            for side, spent in zip(sides, seconds, strict=True):
                started = time.perf_counter()
                found.append(side())
                spent.append(time.perf_counter() - started)
    apart = max(float(np.abs(ours - found[0]).max()) for ours in found[1:])
    them, one, many = (statistics.median(side) for side in seconds)
    tokens = len(load_tokenizer(directory).encode([text[: options.window]]).ids)
    windows = 2 * options.windows
    cells = [f"{windows / them:,.0f}"]
    for ours in (one, many):
        cells += [f"{windows / ours:,.0f}", f"{them / ours:.2f}"]
    return preset, tokenizer, tokens, *cells, f"{apart:.1e}"


def scorer(start: Callable[[], ScanWorker]) -> Callable[[WindowRun], Any]:
    """Return what a process does with a run of windows."""
    worker = start()
    return lambda run: worker.score([run])[0]


def probabilities(odds: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Return probabilities, (windows, strands), of the log odds of runs."""
    table = np.concatenate([np.stack(run, 1) for run in odds]).astype(np.float64)
    return 1 / (1 + np.exp(-table))


def main(options: Options) -> None:
    """Measure every model size and tokenizer asked for."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    if options.threads:
        torch.set_num_threads(options.threads)
    console = Console(width=120)
    table = Table(
        "model",
        "tokenizer",
        "tokens",
        "pipeline, windows/s",
        "ours",
        "ratio",
        "in processes",
        f"ratio (target {TARGET:g})",
        "most apart",
        title=f"windows of {options.window} bases every {options.stride}, both strands; "
        f"{best_device()}, {torch.get_num_threads()} threads",
    )
    for preset in options.presets:
        for tokenizer in options.tokenizers:
            with tempfile.TemporaryDirectory(prefix="scan-") as folder:
                table.add_row(*map(str, measure(options, preset, tokenizer, Path(folder))))
    console.print(table)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
