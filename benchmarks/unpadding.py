"""Speed of computing only real tokens, in training and prediction, compared with computing padding as well.

python benchmarks/unpadding.py                          # tiny, on random DNA
python benchmarks/unpadding.py --presets tiny small --threads 2

Both sides take the same steps on the same batches, in turns; medians of the rounds are compared. Batches consist of
rows of similar length, so there is much padding only in small data sets of mixed lengths, and unpadding changes
nothing elsewhere.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import tyro
from contenders import now
from dnasweep.config import ModelConfig, TokenizerConfig
from dnasweep.devices import best_device
from dnasweep.models.architecture import build_classifier
from dnasweep.models.encoder import packed
from dnasweep.models.encoder.precision import precision_on_device
from dnasweep.models.predict import predict_probabilities
from dnasweep.models.training.schedule import Schedule
from dnasweep.tokens.tokenizers import fit
from rich.console import Console
from rich.table import Table
from training_sides import Bench, our_rate
from training_sides import Options as TrainingOptions


class Data(NamedTuple):
    """Random sequences and their tokenizer."""

    tokenizer: str
    shortest: int
    longest: int
    rows: int


DATA = (
    Data("bpe-512", 300, 300, 1500),
    Data("kmer-6", 100, 500, 1500),
    Data("kmer-6", 100, 500, 200),
    Data("kmer-6", 100, 500, 100),
)


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to measure."""

    presets: tuple[str, ...] = ("tiny",)
    """Model sizes, by preset name or LAYERSxHIDDEN."""
    batch_size: int = 32
    """Sequences per training step."""
    steps: int = 10
    """Steps timed in each turn, after 3 untimed ones."""
    rounds: int = 5
    """Number of turns of each side."""
    threads: int = 0
    """Threads of torch; 0: as many as torch uses by default."""


@contextmanager
def padded() -> Iterator[None]:
    """Compute padding as well, in everything in the block."""
    usual, packed.MIN_PADDING = packed.MIN_PADDING, 1.0
    try:
        yield
    finally:
        packed.MIN_PADDING = usual


def make(options: Options, preset: str, data: Data, folder: Path) -> tuple[Bench, list[str]]:
    """Return random DNA, tokenised, and as text."""
    rng = np.random.default_rng(0)
    sizes = rng.integers(data.shortest, data.longest + 1, size=data.rows)
    sequences = ["".join(rng.choice(list("ACGT"), size)) for size in sizes]
    tokenizer = fit(TokenizerConfig.parse(data.tokenizer), sequences)
    training = TrainingOptions(sequences=data.rows, window=int(sizes.mean()), steps=options.steps)
    return (
        Bench(
            options=training,
            preset=preset,
            tokenizer=tokenizer,
            corpus=tokenizer.encode(sequences),
            directory=folder,
        ),
        sequences,
    )


def padding(options: Options, bench: Bench) -> float:
    """Return the fraction of padding in the batches of an epoch."""
    task = bench.task()
    config = bench.config(options.batch_size, options.steps)
    schedule = Schedule(config=config, lengths=task.lengths, bases=task.bases)
    real = all_tokens = 0
    for step in range(schedule.steps_per_epoch):
        for part in schedule.micro_batches(step):
            real += int(task.lengths[part].sum())
            all_tokens += int(task.lengths[part].max()) * len(part)
    return 1 - real / all_tokens


def prediction_rate(bench: Bench, sequences: list[str]) -> float:
    """Return the sequences per second of predictions."""
    model = build_classifier(
        ModelConfig.preset(bench.preset),
        tokenizer=bench.tokenizer,
        num_tokens=int(bench.corpus.num_tokens().max()),
        dropout=0.0,
        seed=0,
    ).to(best_device())  # type: ignore[arg-type]
    started = now()
    predict_probabilities(model, bench.tokenizer, sequences)
    return len(sequences) / (now() - started)


def measure(options: Options, preset: str, console: Console) -> None:
    """Measure one model size and print its table."""
    table = Table(
        "", "padding", "training, bases/s: padded", "unpadded", "ratio", "prediction: ratio"
    )
    precision = precision_on_device("auto", best_device())
    for data in DATA:
        with tempfile.TemporaryDirectory() as folder:
            bench, sequences = make(options, preset, data, Path(folder))
        few = sequences[:200]
        found: dict[str, list[float]] = {name: [] for name in ("pad", "not", "pad all", "not all")}
        prediction_rate(bench, few)
        for _ in range(options.rounds):
            with padded():
                found["pad"].append(our_rate(bench, options.batch_size, precision))
                found["pad all"].append(prediction_rate(bench, few))
            found["not"].append(our_rate(bench, options.batch_size, precision))
            found["not all"].append(prediction_rate(bench, few))
        middle = {name: statistics.median(rates) for name, rates in found.items()}
        table.add_row(
            f"{data.tokenizer}, {data.shortest} to {data.longest} bases, {data.rows:,} rows",
            f"{padding(options, bench):.0%}",
            f"{middle['pad']:,.0f}",
            f"{middle['not']:,.0f}",
            f"{middle['not'] / middle['pad']:.2f}",
            f"{middle['not all'] / middle['pad all']:.2f}",
        )
    console.print(f"{preset}: {best_device()}, {precision}, {torch.get_num_threads()} threads")
    console.print(table)


def main(options: Options) -> None:
    """Measure every requested preset."""
    if options.threads:
        torch.set_num_threads(options.threads)
    console = Console(width=120)
    for preset in options.presets:
        measure(options, preset, console)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
