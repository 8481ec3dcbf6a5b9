"""A small genome with motifs, a bigWig whose signal is high at them, and rows of it as BED."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyBigWig

MOTIF = "TATAAAAGGC"
BASES = 160
"""Of a row."""


class ToySignal(NamedTuple):
    """Files of rows with a signal."""

    genome: Path
    rows: Path
    track: Path
    values: np.ndarray
    """The signal of every base of chr1; 0 where the track has none."""


def write_signal(folder: Path, rows: int = 240, *, name: str = "atac.bw") -> ToySignal:
    """Write them: most rows hold a motif or two, every other row is on the minus strand.

    The signal is 1 with a bump of 10 over the 20 bases around a motif, drawn from a Poisson distribution;
    the last 1,000 bases of the chromosome have none.
    """
    rng = np.random.default_rng(0)
    length = rows * BASES + 1000
    letters = rng.choice(list("ACGT"), length)
    mean = np.ones(length)
    for start in range(0, rows * BASES, 120):
        at = start + int(rng.integers(10, 100))
        letters[at : at + len(MOTIF)] = list(MOTIF)
        mean[at - 5 : at + 15] += 10
    values = rng.poisson(mean).astype(float)
    values[-1000:] = 0
    genome, bed, track = folder / "genome.fa", folder / "rows.bed", folder / name
    genome.write_text(">chr1\n" + "".join(letters) + "\n")
    places = [(i * BASES, (i + 1) * BASES, "-" if i % 2 else "+") for i in range(rows)]
    bed.write_text("".join(f"chr1\t{a}\t{b}\trow{a}\t0\t{strand}\n" for a, b, strand in places))
    with pyBigWig.open(str(track), "w") as file:
        file.addHeader([("chr1", length)])
        file.addEntries("chr1", 0, values=values[:-1000].tolist(), span=1, step=1)
    return ToySignal(genome, bed, track, values)
