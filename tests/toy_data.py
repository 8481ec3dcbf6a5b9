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
