"""Splice sites in simulated genes: a class for each base, most of which have none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from dnasweep.config import TokenizerConfig
from dnasweep.models.architecture import build_classifier
from dnasweep.tokens.tokenizers import fit
from toys import TINY, toy_sequences

DONOR = (
    *((0.35, 0.35, 0.20, 0.10), (0.60, 0.10, 0.10, 0.20), (0.10, 0.03, 0.80, 0.07)),
    *((0.00, 0.00, 1.00, 0.00), (0.00, 0.00, 0.00, 1.00)),
    *((0.55, 0.03, 0.38, 0.04), (0.70, 0.08, 0.12, 0.10), (0.07, 0.05, 0.81, 0.07)),
)
"""Shares of A, C, G and T from the third base before a donor to the fifth of its intron, as in human
genes; the intron begins with GT."""
BEFORE_DONOR = 3
NAMES, TRACKS = ("none", "donor", "acceptor"), ("atac", "cage")
"""Classes and signals of untrained models."""
TRACT = 15
"""Pyrimidines before the AG that ends an intron."""


def splice_rows(rows: int, *, bases: int = 90, seed: int = 0) -> pd.DataFrame:
    """Return sequences with an acceptor and, behind it, a donor: columns sequence and labels.

    Labels have the symbol 1 at the first base of an intron, 2 at its last base, and 0 elsewhere.
    """
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(rows):
        letters, labels = rng.choice(list("ACGT"), bases), np.full(bases, "0")
        acceptor = int(rng.integers(TRACT + 5, bases // 2 - 5))
        donor = int(rng.integers(bases // 2 + 5, bases - 8))
        letters[acceptor - TRACT - 1 : acceptor - 1] = rng.choice(
            list("ACGT"), TRACT, p=[0.1, 0.3, 0.1, 0.5]
        )
        letters[acceptor - 1 : acceptor + 1] = list("AG")
        for place, shares in enumerate(DONOR, start=donor - BEFORE_DONOR):
            letters[place] = rng.choice(list("ACGT"), p=shares)
        labels[acceptor], labels[donor] = "2", "1"
        found.append(("".join(letters), "".join(labels)))
    return pd.DataFrame(found, columns=["sequence", "labels"])


def write_splice_sites(path: Path, rows: int = 240) -> Path:
    """Write such sequences with their labels as intervals."""
    frame = splice_rows(rows)
    names = {"1": "donor", "2": "acceptor"}
    frame["labels"] = [
        ";".join(f"{i}-{i + 1}:{names[one]}" for i, one in enumerate(cell) if one in names)
        for cell in frame["labels"]
    ]
    frame.to_csv(path, index=False)
    return path


def placed_model(names: tuple[str, ...], spec: str = "kmer-3", *, places: int = 1):
    """Return an untrained model of classes of bases, or of signals in bins, and its tokenizer."""
    tokenizer = fit(TokenizerConfig.parse(spec), toy_sequences(60))
    model = build_classifier(
        TINY,
        tokenizer=tokenizer,
        num_tokens=44,
        num_labels=len(names),
        label_names=names,
        head="bases",
        places=places,
        dropout=0.0,
        seed=0,
    ).eval()
    with torch.no_grad():
        # As it is made, all bases have nearly the same logits.
        model.classifier.weight.mul_(20)
    return model, tokenizer


def numbers_model(name: str = "activity"):
    """Return an untrained model of one number, and its tokenizer."""
    tokenizer = fit(TokenizerConfig.parse("kmer-3"), toy_sequences(60))
    model = build_classifier(
        TINY, tokenizer=tokenizer, num_tokens=44, num_labels=1, label_names=(name,),
        dropout=0.0, seed=0,
    ).eval()  # fmt: skip
    model.config.problem_type = "regression"
    with torch.no_grad():
        for layer in model.classifier.modules():
            if hasattr(layer, "weight"):
                layer.weight.mul_(20)
    return model, tokenizer
