"""A labelled table that a very small model learns in seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

MOTIF = "TATAAA"


def write_toy_table(path: Path, *, rows: int = 320, width: int = 60, seed: int = 0) -> Path:
    """Write random sequences of human and mouse; positives carry a motif at three places."""
    rng = np.random.default_rng(seed)
    table = []
    for row in range(rows):
        bases, label = rng.choice(list("ACGT"), width), row % 2
        if label:
            for start in (10, 30, 45):
                bases[start : start + len(MOTIF)] = list(MOTIF)
        table.append(("".join(bases), label, ("human", "mouse")[row // 2 % 2]))
    pd.DataFrame(table, columns=["sequence", "label", "species"]).to_csv(path, index=False)
    return path


CLASS_MOTIFS = {"donor": "GGTAAGTA", "acceptor": "TTTTCAGG", "none": ""}
"""Names of three classes, and the motif of each."""


def write_three_classes(path: Path, *, rows: int = 240, width: int = 60, seed: int = 0) -> Path:
    """Write random sequences of three named classes; two of them carry a motif at three places."""
    rng = np.random.default_rng(seed)
    table = []
    for row in range(rows):
        bases, name = rng.choice(list("ACGT"), width), list(CLASS_MOTIFS)[row % 3]
        motif = list(CLASS_MOTIFS[name])
        for start in (10, 30, 45):
            bases[start : start + len(motif)] = motif
        table.append(("".join(bases), name))
    pd.DataFrame(table, columns=["sequence", "label"]).to_csv(path, index=False)
    return path


def write_sets(path: Path, *, rows: int = 240, width: int = 60, seed: int = 0) -> Path:
    """Write random sequences with none, one or both of two motifs, and their names as labels."""
    rng = np.random.default_rng(seed)
    table = []
    for row in range(rows):
        bases = rng.choice(list("ACGT"), width)
        names = [name for i, name in enumerate(("donor", "acceptor")) if row % 4 >> i & 1]
        for place, name in enumerate(("donor", "acceptor")):
            if name in names:
                motif = list(CLASS_MOTIFS[name])
                for start in (5 + 28 * place, 20 + 28 * place):
                    bases[start : start + len(motif)] = motif
        table.append(("".join(bases), ";".join(names) or "none"))
    pd.DataFrame(table, columns=["sequence", "label"]).to_csv(path, index=False)
    return path


def write_measured(path: Path, *, rows: int = 240, width: int = 60, seed: int = 0) -> Path:
    """Write random sequences with the number of motifs in them times 10, plus noise, as expression."""
    rng = np.random.default_rng(seed)
    table = []
    for row in range(rows):
        bases = rng.choice(list("ACGT"), width)
        for start in (10, 30, 45)[: row % 4]:
            bases[start : start + len(MOTIF)] = list(MOTIF)
        table.append(("".join(bases), round(10 * (row % 4) + float(rng.normal()), 3)))
    pd.DataFrame(table, columns=["sequence", "label"]).to_csv(path, index=False)
    return path
