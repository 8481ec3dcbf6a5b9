"""Are attributions from a single backward pass better than dnasweep's estimators with few evaluations?

    python benchmarks/one_pass.py                       # three small models, simulated promoters
    python benchmarks/one_pass.py --models FOLDER       # a classifier of your own with held_out.csv

The reference is `adjusted_kernel` with 2,000 evaluations, whose squared error is about 1e-3 of the squared
values. The relevance of a token is the difference between its embedding and that of the mask token, times
the gradient under the rule. A backward pass counts as two evaluations. `error` is the squared error relative
to the squared values; `scaled` is the same after multiplying the values of each sequence by the best
constant, for methods whose scale has no meaning.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from dnasweep.attribution.engine import Explainer
from dnasweep.attribution.settings import ExplainConfig
from explained_models import explained_models
from one_pass_rules import RULES, DeepLift
from rich.console import Console
from rich.table import Table
from scipy import stats

OWN = (
    *(("integrated_gradients", evaluations) for evaluations in (8, 14, 50)),
    *(("adjusted_kernel", evaluations) for evaluations in (22, 50, 100)),
)
TOP = 5


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to measure."""

    models: tuple[str, ...] = ()
    """Folders with a classifier and `held_out.csv`. Default: classifiers trained here."""
    tokenizers: tuple[str, ...] = ("kmer", "bpe-1024", "char")
    """Tokenizers of the classifiers trained here."""
    sequences: int = 24
    """Number of held-out sequences per model."""
    per_species: int = 800
    """Number of simulated training sequences per species."""
    epochs: int = 6
    """Epochs of fine-tuning."""
    storage: str = "runs"
    """Storage of the trained models."""


def relevance(explainer: Explainer, sequence: str, rule: str) -> tuple[np.ndarray, float]:
    """Return the relevance of each token, and the difference between its sum and the change of the output.

    The difference is nan for rules other than DeepLIFT.

    Parameters
    ----------
    explainer
        Explainer of the model, on the CPU, in double precision, which quotients of small differences need.
    sequence
        DNA.
    rule
        Name of the rule in `RULES`.
    """
    model: Any = explainer.model
    embeddings = model.classifier.get_input_embeddings()
    encoded = explainer.tokenizer.encode([sequence])
    ids = torch.from_numpy(np.asarray(encoded.ids, np.int64))[None]
    masked = ids.clone()
    masked[:, 1:-1] = explainer.tokenizer.mask_id
    there, away = embeddings(ids).detach(), embeddings(masked).detach()
    moving, mode = there.clone().requires_grad_(), RULES[rule]
    both = mode is DeepLift
    inputs = torch.cat([moving, away]) if both else moving
    hook = embeddings.register_forward_hook(lambda *_: inputs)
    try:
        with torch.enable_grad(), mode() if mode else contextlib.nullcontext():
            rows = torch.cat([ids, masked]) if both else ids
            value = model.value_of(model.logits_of(rows, None))
    finally:
        hook.remove()
    (gradient,) = torch.autograd.grad(value[0], moving)
    found = (gradient * (there - away)).sum(-1)[0, 1:-1].double().numpy()
    ends = value.detach()
    gap = abs(float(ends[0] - ends[1]) - found.sum()) if both else float("nan")
    return found, gap


def compared(phi: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    """Return measures of the agreement between the values of a sequence and the reference."""
    scale = (phi @ reference) / (phi @ phi)
    size = reference @ reference
    top = set(np.argsort(-np.abs(reference))[:TOP]) & set(np.argsort(-np.abs(phi))[:TOP])
    return {
        "error": float(((phi - reference) ** 2).sum() / size),
        "scaled": float(((scale * phi - reference) ** 2).sum() / size),
        "Pearson": float(np.corrcoef(phi, reference)[0, 1]),
        "Spearman": float(stats.spearmanr(phi, reference)[0]),
        f"top {TOP}": len(top) / TOP,
    }


def measure(folder: Path, sequences: list[str], console: Console) -> None:
    """Measure a model and print its table."""
    settings = ExplainConfig(max_evals=2000, precision="fp32")
    exact = Explainer(folder, settings, device="cpu")
    references = [one.phi for one in exact.explain(sequences)]
    exact.model.classifier.double()
    rows: list[tuple[str, str, dict[str, float]]] = []
    for rule in RULES:
        found = [relevance(exact, sequence, rule) for sequence in sequences]
        scores = [compared(phi, true) for (phi, _), true in zip(found, references, strict=True)]
        rows.append((rule, "4" if RULES[rule] is DeepLift else "3", mean(scores)))
        if RULES[rule] is DeepLift:
            console.print(f"DeepLIFT: sums differ by at most {max(gap for _, gap in found):.1e}")
    for estimator, evaluations in OWN:
        config = ExplainConfig(estimator=estimator, max_evals=evaluations, precision="fp32")  # type: ignore[arg-type]
        values = [one.phi for one in Explainer(folder, config, device="cpu").explain(sequences)]
        scores = [compared(phi, true) for phi, true in zip(values, references, strict=True)]
        rows.append((estimator, str(evaluations), mean(scores)))
    table = Table(title=f"{folder.name}, {len(sequences)} sequences", box=None)
    for column in ("", "evaluations", *rows[0][2]):
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    for name, evaluations_said, numbers in rows:
        table.add_row(name, evaluations_said, *(f"{value:.3g}" for value in numbers.values()))
    console.print(table)


def mean(scores: list[dict[str, float]]) -> dict[str, float]:
    """Return the means over sequences."""
    return {name: float(np.mean([one[name] for one in scores])) for name in scores[0]}


def main(options: Options) -> None:
    """Measure every model."""
    console = Console()
    found = explained_models(
        options.models,
        options.tokenizers,
        options.storage,
        console,
        per_species=options.per_species,
        epochs=options.epochs,
    )
    for folder, held in found.items():
        drawn = held.sample(min(options.sequences, len(held)), random_state=5)
        measure(folder, drawn["sequence"].tolist(), console)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
