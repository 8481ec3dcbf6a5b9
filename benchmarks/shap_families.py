"""Attributions per second of published architectures against the shap library around their plain forward.

`transformers.pipeline` does not know these models, so a user writes the function that shap asks for: it
replaces masked tokens by the mask token and runs batches of 32. shap then estimates Shapley values by
permutations, its default for such a function, and ours does the same with as many evaluations.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from dnasweep.attribution.engine import Explainer
from dnasweep.attribution.settings import ExplainConfig
from dnasweep.models.pretrained.checkpoint import load_classifier
from dnasweep.tokens.loading import load_tokenizer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

BATCH = 32
"""Rows of the user's forward pass."""


class PlainForward:
    """What a user hands to shap: the probability of the positive class with only some tokens.

    Parameters
    ----------
    directory
        The classifier.
    sequence
        The sequence that is explained.
    """

    def __init__(self, directory: Path, sequence: str) -> None:
        self.model = load_classifier(directory)
        tokenizer = load_tokenizer(directory)
        self.ids = torch.from_numpy(tokenizer.encode([sequence]).ids.astype(np.int64))
        self.mask_id = tokenizer.mask_id
        self.num_tokens = len(self.ids) - 2

    def __call__(self, masks: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return a probability for each mask, (rows,), of masks (rows, tokens)."""
        found = []
        with torch.no_grad():
            for part in np.array_split(masks, -(-len(masks) // BATCH)):
                ids = self.ids.repeat(len(part), 1)
                ids[:, 1:-1][~torch.from_numpy(part.astype(bool))] = self.mask_id
                logits = self.model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
                found.append(torch.softmax(logits.double(), -1)[:, 1].numpy())
        return np.concatenate(found)


def by_shap(forward: PlainForward, num_evals: int) -> NDArray[np.float64]:
    """Return shap's values of the tokens, (tokens,)."""
    import shap

    kept = np.ones((1, forward.num_tokens), dtype=bool)
    explainer = shap.Explainer(forward, shap.maskers.Independent(~kept))
    found: Any = explainer(kept, max_evals=num_evals, batch_size=BATCH, silent=True)
    return np.asarray(found.values[0])


def compare_family(
    directory: Path, sequences: list[str], num_evals: int, rounds: int
) -> list[str]:
    """Return a row of the table: seconds per sequence of either side, ratio, agreement."""
    config = ExplainConfig(
        estimator="permutation", value="probability", precision="fp32", max_evals=num_evals
    )
    ours = Explainer(directory, config)
    forwards = [PlainForward(directory, sequence) for sequence in sequences[:rounds]]
    whole = np.ones((1, forwards[0].num_tokens), dtype=bool)
    same = forwards[0](whole)[0] - ours.values(sequences[:1], [whole])[0][0]
    if abs(same) > 1e-5:
        raise RuntimeError(f"{directory}: the user's function is off by {same:.1e}")
    ours.explain(sequences[:2])
    seconds: tuple[list[float], list[float]] = ([], [])
    likeness = []
    for forward, sequence in zip(forwards, sequences, strict=False):
        started = time.perf_counter()
        theirs = by_shap(forward, num_evals)
        middle = time.perf_counter()
        found = ours.explain(sequences)
        seconds[0].append(middle - started)
        seconds[1].append((time.perf_counter() - middle) / len(sequences))
        mine = found[sequences.index(sequence)].phi
        likeness.append(float(np.corrcoef(theirs, mine)[0, 1]))
    them, us = (statistics.median(side) for side in seconds)
    name = type(forwards[0].model).__name__.removesuffix("ForSequenceClassification")
    return [
        f"{name} {directory.parent.name}",
        str(forwards[0].num_tokens),
        f"{them:.3f}",
        f"{us:.4f}",
        f"{them / us:.1f}",
        f"{statistics.median(likeness):.3f}",
    ]


def compare_families(directories: list[Path], options: Any, console: Console) -> None:
    """Print a table with a row for each classifier.

    Parameters
    ----------
    directories
        Classifiers with their tokenizers.
    options
        As of `benchmarks/shap_speed.py`: `sequences`, `rounds`, `bases`.
    console
        Where it is printed.
    """
    rng = np.random.default_rng(0)
    sequences = [
        "".join(rng.choice(list("ACGT"), options.bases)) for _ in range(options.sequences)
    ]
    table = Table("", "tokens", "shap, s/sequence", "ours", "ratio", "r", box=None)
    for directory in directories:
        table.add_row(*compare_family(directory, sequences, options.evaluations, options.rounds))
    console.print(f"{options.bases} bases, {options.evaluations} evaluations of a sequence")
    console.print(table)
