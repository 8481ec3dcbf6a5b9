"""A small genome on disk, and scans of it without a cluster."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from dnasweep.jobs import job
from dnasweep.jobs.executor import InProcess
from dnasweep.jobs.records import JobRecords
from dnasweep.jobs.scan_options import ScanOptions
from dnasweep.workflows.run import run
from dnasweep.workflows.scans import scan_job
from rich.console import Console

WINDOW, STRIDE = 60, 15
LENGTHS = {"chr2L": 4_000, "chr2R": 2_500, "chrU": 40}


def random_dna(length: int, seed: int, unknown: tuple[int, int] | None = None) -> str:
    """Return random bases in both cases, with a stretch of N."""
    letters = np.random.default_rng(seed).choice(list("ACGTacgt"), length)
    if unknown is not None:
        letters[slice(*unknown)] = "N"
    return "".join(letters)


def records() -> dict[str, str]:
    """Return the records of the toy genome."""
    gaps = {"chr2L": (900, 1_300), "chr2R": (0, 70)}
    return {n: random_dna(size, i, gaps.get(n)) for i, (n, size) in enumerate(LENGTHS.items())}


def write_fasta(path: Path, sequences: dict[str, str]) -> Path:
    lines = []
    for name, text in sequences.items():
        lines += [f">{name}", *(text[i : i + 50] for i in range(0, len(text), 50))]
    path.write_text("\n".join(lines) + "\n")
    return path


@contextlib.contextmanager
def recorded_nowhere(*_: Any) -> Iterator[mock.Mock]:
    """Take what a job tells MLflow, and forget it."""
    yield mock.Mock(spec_set=JobRecords)


def scan(
    monkeypatch: pytest.MonkeyPatch, model: Path, genome: Path, storage: Path, **options: Any
) -> Path:
    """Run a scan without Ray and return its folder of results."""
    monkeypatch.setattr(job, "recorded", recorded_nowhere)
    given = {"window": WINDOW, "stride": STRIDE, "threshold": 0.5, "shuffles": 5, **options}
    finished = run(
        scan_job,
        ScanOptions(model=str(model), genome=str(genome), storage=str(storage), **given),
        Console(quiet=True),
        executor=InProcess(),
    )
    assert finished is not None
    assert finished.made.folder is not None
    return finished.made.folder
