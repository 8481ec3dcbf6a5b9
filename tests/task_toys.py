"""A sweep of two tokenizers and two seeds that learns the labels of a small table of any kind."""

from __future__ import annotations

from pathlib import Path

import dnasweep


def sweep_small(data: Path) -> dnasweep.Sweep:
    """Return the finished sweep; its storage is beside the table."""
    return dnasweep.sweep(
        str(data),
        {"tokenizer": ["kmer-3", "kmer-4"], "species_set": ["none"], "seed": [0, 1]},
        storage=data.parent / "runs",
        tracking_uri="none",
        split="random",
        preset="1x32x2",
        learning_rates=[1e-2],
        finetune_epochs=12,
        progress=False,
    )
