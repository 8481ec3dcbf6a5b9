"""A trained model in a folder, and files to use it on, for tests of the front door."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from dnasweep.models.pretrained.checkpoint import export
from explainer_toys import CLASSES, learnt, motif_sequences
from toys import MOTIF

WINDOW = 36
MOTIF_AT = 1_500
"""First base of the motif on the toy chromosome, from 0."""


def toy_model(folder: Path) -> Path:
    """Write a classifier of two classes that finds the motif in 36 bases."""
    toy = learnt("kmer-3")
    return export(toy.model, toy.tokenizer, folder / "model")


def toy_genome(folder: Path) -> Path:
    """Write a chromosome of 3,000 random bases with the motif in it."""
    letters = np.random.default_rng(0).choice(list("ACGT"), 3_000)
    letters[MOTIF_AT : MOTIF_AT + len(MOTIF)] = list(MOTIF)
    path = folder / "genome.fa"
    path.write_text(">chr1\n" + "".join(letters) + "\n")
    return path


def toy_labelled(num: int) -> tuple[list[str], list[str]]:
    """Return sequences that the model was not trained on, and the names of their classes."""
    sequences, labels, _ = motif_sequences(num, window=WINDOW, seed=5)
    return sequences, [CLASSES[label] for label in labels]
