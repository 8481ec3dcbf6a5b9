"""Shared parts of benchmarks of classifiers: the model, the pipeline of transformers, processes, and turns."""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from dnasweep.config import ModelConfig, TokenizerConfig
from dnasweep.devices import best_device, wait_for
from dnasweep.models.architecture import build_classifier
from dnasweep.models.pretrained.checkpoint import export
from dnasweep.tokens.tokenizers import fit

CLASSES = ("background", "promoter")
PIPELINE_BATCH = 32
TARGET = 3.0
"""Target ratio of the platform's speed to that of the user's pipeline."""
HEADINGS = ("ours", "ratio", "in processes", f"ratio (target {TARGET:g})")


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options of all of these benchmarks."""

    presets: tuple[str, ...] = ("tiny",)
    """Model sizes, by preset name or LAYERSxHIDDEN; weights are random, which costs as much."""
    window: int = 300
    """Window length in bases."""
    rounds: int = 3
    """Number of turns of each side; the median is reported."""
    threads: int = 0
    """Threads of torch; 0: as many as torch uses by default."""


def start_threads(options: Options) -> int:
    """Set torch's threads; return the corresponding number of single-threaded processes."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    if options.threads:
        torch.set_num_threads(options.threads)
    return torch.get_num_threads() if best_device().type == "cpu" else 1


def write_classifier(folder: Path, preset: str, tokenizer: str, text: str, window: int) -> int:
    """Write a classifier with random weights; return the number of tokens of a window.

    Parameters
    ----------
    folder
        Folder for the model.
    preset, tokenizer
        By name.
    text
        DNA that the tokenizer is fitted on; it begins with a window.
    window
        Bases of a window.
    """
    fitted = fit(TokenizerConfig.parse(tokenizer), [text])
    tokens = len(fitted.encode([text[:window]]).ids)
    model = build_classifier(
        ModelConfig.preset(preset),
        tokenizer=fitted,
        num_tokens=tokens + 8,
        dropout=0.1,
        seed=0,
        label_names=CLASSES,
    )
    with torch.no_grad():
        # Larger weights make the probabilities differ; with equal ones any two programs would agree.
        for parameter in model.parameters():
            parameter.mul_(2)
    export(model.eval(), fitted, folder)
    return tokens


def text_pipeline(directory: Path) -> Callable[[Sequence[str]], np.ndarray]:
    """Return the function a user would call: sequences to class probabilities, (n, 2)."""
    from transformers import pipeline

    classify = pipeline(
        "text-classification",
        model=str(directory),
        tokenizer=str(directory),
        top_k=None,
        device=best_device(),
    )

    def probabilities(sequences: Sequence[str]) -> np.ndarray:
        answers = classify(list(sequences), batch_size=PIPELINE_BATCH)
        by_name = [{one["label"]: one["score"] for one in answer} for answer in answers]
        return np.array([[scores[name] for name in CLASSES] for scores in by_name])

    return probabilities


def now() -> float:
    """Return the time in seconds, after the device has finished all work."""
    wait_for(best_device())
    return time.perf_counter()


class Turns(NamedTuple):
    """Times and differences of sides that took turns."""

    seconds: list[float]
    """Median seconds of each side."""
    difference: float
    """Largest difference of any side's numbers from those of the first side."""


def take_turns(sides: Sequence[Callable[[], np.ndarray]], rounds: int) -> Turns:
    """Run every side once untimed and then in turns, so other load affects all of them."""
    for side in sides:
        side()
    seconds: list[list[float]] = [[] for _ in sides]
    difference = 0.0
    for _ in range(rounds):
        results = []
        for side, spent in zip(sides, seconds, strict=True):
            started = now()
            results.append(side())
            spent.append(now() - started)
        difference = max(
            [difference, *(float(np.abs(found - results[0]).max()) for found in results)]
        )
    return Turns([statistics.median(spent) for spent in seconds], difference)


def rates(turns: Turns, number: int, digits: int = 0) -> list[str]:
    """Return table cells: the first side's rate, and each other one's with the ratio of both."""
    first, *others = turns.seconds
    cells = [f"{number / first:,.{digits}f}"]
    for seconds in others:
        cells += [f"{number / seconds:,.{digits}f}", f"{first / seconds:.2f}"]
    return cells


_work: Callable[[Any], Any]


class Processes:
    """Single-threaded processes that share work, like the actors of a job on one machine.

    Parameters
    ----------
    start
        Called once in each process; returns the function to call for every part of the work.
    number
        Processes.
    """

    def __init__(self, start: Callable[[], Callable[[Any], Any]], number: int) -> None:
        self._pool = ProcessPoolExecutor(
            number, multiprocessing.get_context("spawn"), initializer=_begin, initargs=(start,)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    def __call__(self, parts: Sequence[Any]) -> list[Any]:
        """Return the results of parts, in their order."""
        return list(self._pool.map(_do, parts))


def in_parts(work: Sequence[Any], number: int, size: int = 1) -> list[Sequence[Any]]:
    """Return at least `number` parts of similar length, each a multiple of `size`."""
    step = max(1, len(work) // (number * size)) * size
    return [work[i : i + step] for i in range(0, len(work), step)]


def _begin(start: Callable[[], Callable[[Any], Any]]) -> None:
    global _work
    torch.set_num_threads(1)
    _work = start()


def _do(part: Any) -> Any:
    return _work(part)
