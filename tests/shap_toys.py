"""A small classifier on disk and sequences for it, for the tests of attribution jobs."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import torch
from dnasweep.models.architecture import build_classifier
from dnasweep.models.pretrained.checkpoint import export
from toys import TINY, toy_language, toy_sequences

NAMES = ("background", "promoter")
MAX_TOKENS = 24
"""Room for 22 tokens of 3 bases, and the two special ones."""


def write_model(folder: Path, *, spec: str = "kmer-3", max_tokens: int = MAX_TOKENS) -> Path:
    """Write a classifier, of 3-mers, that is not trained, with weights that make it sure."""
    language = toy_language(8, spec=spec)
    model = build_classifier(
        TINY,
        tokenizer=language.tokenizer,
        num_tokens=max_tokens,
        dropout=0.0,
        seed=0,
        label_names=NAMES,
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4)
    return export(model, language.tokenizer, folder)


def averaging(model: str, folder: Path) -> str:
    """Return a copy of a model that predicts from the mean of both strands."""
    both = shutil.copytree(model, folder / "both")
    config = json.loads((both / "config.json").read_text()) | {"average_reverse_complement": True}
    (both / "config.json").write_text(json.dumps(config))
    return str(both)


def write_sequences(path: Path, num: int, *, seed: int = 5) -> list[str]:
    """Write a CSV of sequences of 51 to 60 bases with labels and species, and return them."""
    sequences = toy_sequences(num, ragged=9, seed=seed)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "sequence", "label", "species"])
        for i, sequence in enumerate(sequences):
            rows.writerow([f"p{i}", sequence, i % 2, ("human", "mouse")[i // 2 % 2]])
    return sequences
