"""Randomised models: a check that explanations show what a model has learned (Adebayo et al.
2018).

The entries of every weight are shuffled, which preserves their distribution and destroys what was
learned. In a cascade the head is shuffled first, then one layer after another from the top, and
the embeddings last.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from dnasweep.models.pretrained.checkpoint import read_weights
from dnasweep.tokens.model_files import INDEX_FILE, WEIGHTS_FILE

_LAYER = re.compile(r"[._]layers?\.(\d+)\.")
_INPUT = re.compile(r"embedding|\.motifs\.")
"""Weights below the first layer: embeddings, and the first filters of a convolutional network."""
_TEXTS = (".json", ".txt")


def cascade(names: Iterable[str]) -> list[list[str]]:
    """Return names of weights from the head down: head, layers starting with the last,
    embeddings."""
    head, embeddings = [], []
    layers: dict[int, list[str]] = {}
    for name in names:
        if match := _LAYER.search(name):
            layers.setdefault(int(match[1]), []).append(name)
        elif _INPUT.search(name):
            embeddings.append(name)
        else:
            head.append(name)
    parts = [head, *(layers[number] for number in sorted(layers, reverse=True)), embeddings]
    return [sorted(part) for part in parts if part]


def shuffled(weights: dict[str, Tensor], names: Iterable[str], seed: int) -> dict[str, Tensor]:
    """Return all weights, with the entries of some of them shuffled.

    Parameters
    ----------
    weights
        Weights by name.
    names
        Names of the weights to shuffle.
    seed
        Seed of the shuffles.
    """
    generator = torch.Generator().manual_seed(seed)
    found = dict(weights)
    for name in sorted(names):
        flat = weights[name].flatten()
        found[name] = flat[torch.randperm(len(flat), generator=generator)].view_as(weights[name])
    return found


def randomise(directory: Path, into: Path, *, parts: int | None = None, seed: int = 0) -> Path:
    """Write a copy of a model with shuffled weights, and return its folder.

    Parameters
    ----------
    directory
        A model with its tokenizer.
    into
        An empty folder, or one to be created.
    parts
        Number of parts of :func:`cascade` to shuffle, from the head down; None: all.
    seed
        Seed of the shuffles.

    Raises
    ------
    InputError
        If the directory is not a model.
    """
    weights = read_weights(directory)
    names = [name for part in cascade(weights)[:parts] for name in part]
    into.mkdir(parents=True, exist_ok=True)
    for path in sorted(directory.iterdir()):
        if path.is_file() and path.suffix in _TEXTS and path.name != INDEX_FILE:
            shutil.copyfile(path, into / path.name)
    copies = {name: weight.contiguous() for name, weight in shuffled(weights, names, seed).items()}
    save_file(copies, into / WEIGHTS_FILE, metadata={"format": "pt"})
    return into


def num_parts(directory: Path) -> int:
    """Return how many parts :func:`cascade` divides a model into."""
    return len(cascade(read_weights(directory)))
