"""Defaults for the built-in data, with which a first sweep gives results within minutes.

They apply if no file is given; values given by the user take precedence. `docs/science.md` explains the
choice. As with real genomes, there are more promoters for pretraining than labelled rows. A third of the
labelled rows is for testing, which costs little. Negatives contain half as many elements, at wrong
positions: k-mer counts separate the classes partly, and positions of k-mers separate them much better.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DATA: Mapping[str, Any] = {
    "simulated_rows": 720,
    "split_fractions": (0.5, 0.15, 0.35),
    "decoy_rate": 0.5,
    "pretrain_rows": 1500,
    # Room for any tokenizer; the longest pretraining sequence need not be the longest sequence overall.
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
    """Return the option defaults that differ for the built-in data; none if files are given.

    Parameters
    ----------
    kind
        Dataclass of the options. Only its own `built_in` counts, not an inherited one.
    given
        Values of the options, which tell whether files are given.
    """
    if any(given.get(name) for name in ("data", "positives", "negatives")):
        return {}
    found: Mapping[str, Any] = vars(kind).get("built_in", {})
    return found


def describe_defaults(options: object) -> str:
    """Return the built-in defaults that apply to options, as command-line text; empty if none does."""
    usual = built_in_defaults(type(options), vars(options))
    return " ".join(
        f"--{name.replace('_', '-')} "
        + (" ".join(map(str, value)) if isinstance(value, tuple) else str(value))
        for name, value in usual.items()
        if getattr(options, name) == value
    )
