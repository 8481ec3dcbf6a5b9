"""Defaults for the built-in data, with which the first sweep shows something within minutes.

They hold where no file is given; whatever the user gives wins. `docs/science.md` says what they were
chosen by. As with real genomes, there are more promoters to pretrain on than labelled rows. A third of
the labelled rows is for the test, which costs little. Negatives contain half as many elements, at wrong
places: counting k-mers tells some of the classes apart, and where they stand tells far more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DATA: Mapping[str, Any] = {
    "simulated_rows": 720,
    "split_fractions": (0.5, 0.15, 0.35),
    "decoy_rate": 0.5,
    "pretrain_rows": 1500,
    # Room for any tokenizer; the longest of the sequences to pretrain on need not be the longest of all.
    "max_tokens": 302,
    "pretrain_epochs": 3.0,
    "pretrain_learning_rate": 3e-3,
    "pretrain_batch_size": 32,
}
GRID: Mapping[str, Any] = {
    **DATA,
    "tokenizers": ("kmer-3", "kmer-6", "bpe-512"),
    "species_sets": ("none", "all"),
    "learning_rates": (1e-3,),
    "finetune_epochs": 3.0,
    "keep": "loss",
}


def built_in_defaults(kind: type, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the defaults of options that differ on the built-in data; none where files are given.

    Parameters
    ----------
    kind
        Dataclass of the options. What it calls `built_in` itself counts, not what it inherits.
    given
        Values of the options, of which those that name files matter.
    """
    if any(given.get(name) for name in ("data", "positives", "negatives")):
        return {}
    found: Mapping[str, Any] = vars(kind).get("built_in", {})
    return found


def describe_defaults(options: object) -> str:
    """Return which of these defaults hold among options, as they are given; empty if none does."""
    usual = built_in_defaults(type(options), vars(options))
    return " ".join(
        f"--{name.replace('_', '-')} "
        + (" ".join(map(str, value)) if isinstance(value, tuple) else str(value))
        for name, value in usual.items()
        if getattr(options, name) == value
    )
