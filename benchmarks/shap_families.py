"""Attributions per second of published architectures, compared with the shap library.

There are three comparisons. In the first, the user explains a `transformers.pipeline`, as shap documents, which
divides the tokens recursively. shap does not accept the tokenizers of the Nucleotide Transformer, which have no
token that ends a row, and those of HyenaDNA and Caduceus only load with the authors' code. For the other two, the
user writes the function that shap needs: it replaces masked tokens by the mask token and runs batches of 32. shap
then estimates Shapley values from permutations, its default for such a function:

- with the same number of evaluations: both use permutations, so the ratio shows the speed of the engines;
- with the same error: dnasweep runs with its defaults, and the budget of shap is doubled until its squared
  error, summed over the tokens, is as small. References are values from many permutations.

Our own class of the model is used on both sides.
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
from shap_pipeline import explainer_of_pipeline, timed

BATCH = 32
"""Rows per forward pass of the user's function."""
CONVERGED, MOST = 16_000, 8_000
"""Number of evaluations of the reference values, and maximum budget of shap."""


class PlainForward:
    """The function that a user passes to shap: the probability of the positive class if only some tokens are kept.

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
        """Return the probability for each mask, (rows,); masks are (rows, tokens)."""
        found = []
        with torch.no_grad():
            for part in np.array_split(masks, -(-len(masks) // BATCH)):
                ids = self.ids.repeat(len(part), 1)
                ids[:, 1:-1][~torch.from_numpy(part.astype(bool))] = self.mask_id
                logits = self.model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
                found.append(torch.softmax(logits.double(), -1)[:, 1].numpy())
        return np.concatenate(found)


def by_shap(forward: PlainForward, num_evals: int) -> tuple[float, NDArray[np.float64]]:
    """Return the seconds of shap, and its values, (tokens,)."""
    import shap

    kept = np.ones((1, forward.num_tokens), dtype=bool)
    started = time.perf_counter()
    masker = shap.maskers.Independent(~kept)
    explainer = shap.Explainer(forward, masker, algorithm="permutation")
    found: Any = explainer(kept, max_evals=num_evals, batch_size=BATCH, silent=True)
    return time.perf_counter() - started, np.asarray(found.values[0])


def by_us(explainer: Explainer, sequences: list[str]) -> tuple[float, list[Any]]:
    """Return the seconds per sequence of dnasweep, and its attributions."""
    started = time.perf_counter()
    found = explainer.explain(sequences)
    return (time.perf_counter() - started) / len(sequences), found


def at_equal_evaluations(
    directory: Path, forwards: list[PlainForward], sequences: list[str], num_evals: int
) -> list[str]:
    """Return the seconds per sequence of shap and of dnasweep, their ratio, and the correlation of the values."""
    ours = Explainer(directory, _config(estimator="permutation", max_evals=num_evals))
    ours.explain(sequences[:2])
    by_shap(forwards[0], num_evals)  # the first call compiles
    them, us, likeness = [], [], []
    for row, forward in enumerate(forwards):
        seconds, theirs = by_shap(forward, num_evals)
        them.append(seconds)
        seconds, found = by_us(ours, sequences)
        us.append(seconds)
        likeness.append(float(np.corrcoef(theirs, found[row].phi)[0, 1]))
    seconds, mine = statistics.median(them), statistics.median(us)
    ratio = f"{seconds / mine:.1f}"
    return [f"{seconds:.3f}", f"{mine:.4f}", ratio, f"{statistics.median(likeness):.3f}"]


def at_equal_error(
    directory: Path, forwards: list[PlainForward], sequences: list[str]
) -> list[str]:
    """Return the evaluations of dnasweep, those that shap needs for the same error, and the ratio of seconds."""
    ours = Explainer(directory, _config())
    converged = Explainer(
        directory, _config(estimator="permutation", max_evals=CONVERGED, seed=1)
    ).explain(sequences[: len(forwards)])
    ours.explain(sequences[:2])
    mine, found = by_us(ours, sequences)
    needed, ratios, out_of_reach = [], [], False
    for row, (forward, truth) in enumerate(zip(forwards, converged, strict=True)):
        error = ((found[row].phi - truth.phi) ** 2).sum()
        budget = 500  # the default of shap
        while True:
            seconds, theirs = by_shap(forward, budget)
            if ((theirs - truth.phi) ** 2).sum() <= error or budget >= MOST:
                break
            budget *= 2
        out_of_reach |= ((theirs - truth.phi) ** 2).sum() > error
        needed.append(budget)
        ratios.append(seconds / mine)
    more = "> " if out_of_reach else ""
    evaluations = statistics.median(one.num_evals for one in found)
    return [f"{evaluations:.0f}", f"{more}{statistics.median(needed):.0f}",
            f"{more}{statistics.median(ratios):.1f}"]  # fmt: skip


def against_pipeline(
    directory: Path, sequences: list[str], num_evals: int, rounds: int
) -> list[str]:
    """Return the ratio of the seconds of a pipeline explained by shap to ours; empty if shap cannot."""
    try:
        theirs = explainer_of_pipeline(directory, load_classifier(directory))
        theirs([sequences[0]], max_evals=2, silent=True)
    except (AssertionError, OSError, ValueError):
        return [""]
    ours = Explainer(directory, _config(estimator="partition", max_evals=num_evals))
    ours.explain(sequences[:2])
    them, us = [], []
    for sequence in sequences[:rounds]:
        them.append(timed(theirs, [sequence], max_evals=num_evals, silent=True)[0])
        us.append(by_us(ours, sequences)[0])
    return [f"{statistics.median(them) / statistics.median(us):.0f}"]


def _config(**settings: Any) -> ExplainConfig:
    return ExplainConfig(value="probability", precision="fp32", **settings)


def compare_family(
    directory: Path, sequences: list[str], num_evals: int, rounds: int
) -> list[str]:
    """Return a row of the table: with equal evaluations, and with equal error."""
    forwards = [PlainForward(directory, sequence) for sequence in sequences[:rounds]]
    whole = np.ones((1, forwards[0].num_tokens), dtype=bool)
    ours = Explainer(directory, _config())
    same = forwards[0](whole)[0] - ours.values(sequences[:1], [whole])[0][0]
    if abs(same) > 1e-5:
        raise RuntimeError(f"{directory}: the user's function is off by {same:.1e}")
    name = type(forwards[0].model).__name__.removesuffix("ForSequenceClassification")
    return [
        f"{name} {directory.parent.name}",
        str(forwards[0].num_tokens),
        *against_pipeline(directory, sequences, num_evals, rounds),
        *at_equal_evaluations(directory, forwards, sequences, num_evals),
        *at_equal_error(directory, forwards, sequences),
    ]


def compare_families(directories: list[Path], options: Any, console: Console) -> None:
    """Print a table with a row for each classifier.

    Parameters
    ----------
    directories
        Classifiers with their tokenizers.
    options
        Options of `benchmarks/shap_speed.py`, of which `sequences`, `rounds`, `bases` and `evaluations` are used.
    console
        Console for the table.
    """
    rng = np.random.default_rng(0)
    sequences = [
        "".join(rng.choice(list("ACGT"), options.bases)) for _ in range(options.sequences)
    ]
    table = Table(
        "", "tokens", "ratio to a pipeline", "shap, s/sequence", "ours", "ratio", "Pearson's r",
        "evaluations, ours", "shap, same error", "ratio of seconds", box=None,
    )  # fmt: skip
    console.print(
        f"{options.bases} bases; first {options.evaluations} evaluations per sequence, then dnasweep with its "
        "defaults and shap with the same error"
    )
    for directory in directories:
        table.add_row(*compare_family(directory, sequences, options.evaluations, options.rounds))
        console.print(table)
