"""Variants scored per second against a plain loop over `transformers.pipeline`, in turns.

    python benchmarks/variants.py                              # tiny, a few minutes on 2 cores
    python benchmarks/variants.py --presets tiny small --rounds 5

The loop is what a user writes first: every window with REF and with ALT, on both strands, through
the pipeline in batches of 32. Ours gets the same windows and gives the same scores; the largest
difference is printed. Once with one alternative allele a place, as most of a VCF has, and once with
all three, as saturation mutagenesis has, where the windows with REF are shared. Ours runs in the same
process with as many threads, and in as many processes of one thread, as the actors of the job do on a
machine without a GPU. Weights are random: they cost what trained ones cost.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from dnasweep.config import ModelConfig, TokenizerConfig
from dnasweep.formats.bases import decode
from dnasweep.genomics.alleles import Allele, flanks, pairs
from dnasweep.genomics.sequence_values import SequenceValues
from dnasweep.genomics.variant_scores import score
from dnasweep.genomics.variant_settings import VariantConfig
from dnasweep.models.architecture import build_classifier
from dnasweep.models.encoder.precision import best_device
from dnasweep.models.pretrained.checkpoint import export
from dnasweep.tokens.tokenizers import fit
from processes import Processes, in_parts
from rich.console import Console
from rich.table import Table

NAMES = ("background", "promoter")
TARGET = 3.0
BATCH = 32


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to measure."""

    presets: tuple[str, ...] = ("tiny",)
    """Model sizes, by preset name or LAYERSxHIDDEN."""
    tokenizer: str = "kmer-6"
    """Tokenizer."""
    variants: int = 528
    """Variants a turn; a multiple of 3."""
    window: int = 300
    """Bases of a window."""
    rounds: int = 3
    """Turns of each side; the median counts."""
    threads: int = 0
    """Threads of torch; 0: as many as torch takes by itself."""


def variants_of(options: Options, alleles_a_place: int) -> list[Allele]:
    """Return substitutions at places of a random chromosome."""
    rng = np.random.default_rng(0)
    bases = decode(rng.integers(0, 4, 100_000).astype(np.uint8))
    config = config_of(options)
    found = []
    for start in rng.choice(np.arange(1000, 99_000), options.variants // alleles_a_place).tolist():
        for alt in "ACGT".replace(bases[start], "")[:alleles_a_place]:
            found.append(
                flanks(
                    lambda first, last: bases[first:last],
                    len(bases),
                    start,
                    bases[start],
                    alt,
                    lead=config.lead,
                    shifts=config.shifts,
                    window=config.window,
                )
            )
    return found


def config_of(options: Options) -> VariantConfig:
    """Return the windows of the job's defaults, without shuffled contexts."""
    return VariantConfig(window=options.window, shifts=(-4, 4), target=NAMES[1], backgrounds=0)


def loop(classify: Any, alleles: list[Allele], config: VariantConfig) -> np.ndarray:
    """Return the change of the log2 odds of each variant, as the plain loop has it."""
    texts: list[str] = []
    for one in alleles:
        for strand in (one, one.on_other_strand()):
            texts += chain.from_iterable(pairs(strand, window=config.window, shifts=config.shifts))
    odds = []
    for start in range(0, len(texts), BATCH):
        for answer in classify(texts[start : start + BATCH], batch_size=BATCH):
            by_name = {one["label"]: one["score"] for one in answer}
            odds.append(np.log2(by_name[NAMES[1]] / by_name[NAMES[0]]))
    windows = np.array(odds).reshape(len(alleles), -1, 2).mean(1)
    return windows[:, 1] - windows[:, 0]


def scorer(
    start: Callable[[], SequenceValues], config: VariantConfig
) -> Callable[[Sequence[Allele]], np.ndarray]:
    """Return what a process does with some variants."""
    values = start()
    return lambda alleles: score(alleles, values, config).delta_log2_odds


def timed(work: Callable[..., Any], *args: Any) -> tuple[float, Any]:
    """Return the seconds that `work(*args)` takes, and its result."""
    start = time.perf_counter()
    result = work(*args)
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start, result


def measure(options: Options, preset: str, folder: Path, console: Console) -> None:
    """Measure one model size and print its table."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

    tokenizer = fit(TokenizerConfig.parse(options.tokenizer), ["ACGT" * 200])
    tokens = len(tokenizer.encode(["A" * options.window]).ids)
    model = build_classifier(
        ModelConfig.preset(preset),
        tokenizer=tokenizer,
        num_tokens=tokens + 8,
        dropout=0.0,
        seed=0,
        label_names=NAMES,
    )
    export(model, tokenizer, folder)
    device = best_device()
    classify = pipeline(
        "text-classification",
        model=AutoModelForSequenceClassification.from_pretrained(folder),
        tokenizer=AutoTokenizer.from_pretrained(folder),
        top_k=None,
        device=device,
    )
    start = partial(SequenceValues, folder, target=NAMES[1], device=str(device))
    config, values = config_of(options), start()
    number = torch.get_num_threads() if device.type == "cpu" else 1
    table = Table(
        *("alleles a place", "loop, variants/s", "ours", "ratio", "in processes"),
        *(f"ratio (target {TARGET:g})", "difference"),
    )
    with Processes(partial(scorer, start, config), number) as processes:
        for alleles_a_place in (1, 3):
            alleles = variants_of(options, alleles_a_place)
            parts = in_parts(alleles, 2 * number, alleles_a_place)
            sides: tuple[Callable[[], np.ndarray], ...] = (
                partial(loop, classify, alleles, config),
                partial(scorer(lambda: values, config), alleles),
                lambda parts=parts: np.concatenate(processes(parts)),
            )
            for side in sides:
                side()
            seconds: list[list[float]] = [[], [], []]
            apart = 0.0
            for _ in range(options.rounds):
                found = []
                for side, spent in zip(sides, seconds, strict=True):
                    taken, deltas = timed(side)
                    spent.append(taken)
                    found.append(deltas)
                apart = max(apart, *(float(np.abs(ours - found[0]).max()) for ours in found[1:]))
            them, one, many = (statistics.median(side) for side in seconds)
            cells = [f"{len(alleles) / them:.1f}"]
            for ours in (one, many):
                cells += [f"{len(alleles) / ours:.1f}", f"{them / ours:.2f}"]
            table.add_row(str(alleles_a_place), *cells, f"{apart:.1e} log2 odds")
    console.print(
        f"{preset}: {tokens} tokens, {options.window} bases, 3 windows on 2 strands of each allele, "
        f"{device}, {torch.get_num_threads()} threads"
    )
    console.print(table)


def main(options: Options) -> None:
    """Measure every preset asked for."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    if options.threads:
        torch.set_num_threads(options.threads)
    console = Console(width=120)
    for preset in options.presets:
        with tempfile.TemporaryDirectory() as folder:
            measure(options, preset, Path(folder), console)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
