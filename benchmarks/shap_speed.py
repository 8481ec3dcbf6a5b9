"""Attributions per second compared with the shap library, for the same values, measured in turns.

python benchmarks/shap_speed.py                       # tiny, a few minutes on 2 cores
python benchmarks/shap_speed.py --presets tiny small  # both, about half an hour
python benchmarks/shap_speed.py --family models/hyenadna models/caduceus  # published architectures

The user's way is `shap.Explainer(pipeline("text-classification", ..., top_k=None))(sequences)`,
once with its default budget of 500 evaluations and once until everything is expanded. Ours
computes the same quantity (probabilities of the same class) for a batch of sequences. The models
are trained, and 6-mers that do not overlap are used, since the library joins masked pieces to a
string and tokenises again, which for most other tokenizers is another input.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from dnasweep.attribution.engine import Explainer
from dnasweep.attribution.settings import ExplainConfig
from dnasweep.config import ModelConfig
from dnasweep.devices import best_device
from dnasweep.models.pretrained.checkpoint import load_classifier
from explained_models import Trained, trained_classifier
from rich.console import Console
from rich.table import Table
from shap_families import compare_families
from shap_pipeline import explainer_of_pipeline, timed
from train import matmul_peak

TARGETS = {("tiny", "default"): 25.0, ("small", "default"): 6.0}
TARGETS |= {("tiny", "full"): 28.0, ("small", "full"): 6.5}
EVERYTHING = 10**6


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to measure."""

    presets: tuple[str, ...] = ("tiny",)
    """Model sizes, by preset name or LAYERSxHIDDEN; 12x768 and more only make sense on a GPU."""
    sequences: int = 32
    """Sequences of a batch on our side."""
    rounds: int = 3
    """Number of turns of each side; the median is reported. The library explains one sequence per
    turn."""
    full_rounds: int = 1
    """Turns with everything expanded, which at small takes the library over a minute per sequence."""
    threads: int = 0
    """Threads of torch; 0: as many as torch uses by default."""
    storage: str = "runs"
    """Where trained models are kept."""
    per_species: int = 300
    """Simulated training sequences of each species."""
    epochs: int = 6
    """Epochs of fine-tuning."""
    family: tuple[str, ...] = ()
    """Folders of classifiers of published architectures, instead of presets; see `shap_families.py`."""
    bases: int = 120
    """Bases of a sequence, for --family."""
    evaluations: int = 500
    """Evaluations of a sequence, for --family."""


def flops_a_row(model: Any, tokens: int) -> float:
    """Return the matrix FLOPs of one perturbed sequence by our forward pass."""
    width, inner = model.config.hidden_size, model.config.intermediate_size
    layers, heads = model.config.num_hidden_layers, model.config.num_attention_heads
    projections = 2 * tokens * 3 * width * width
    attention = 2 * 2 * tokens * tokens * width
    rest = 2 * tokens * (width * width + 2 * width * inner)
    last = 2 * 2 * heads * tokens * width
    return (layers - 2) * projections + (layers - 1) * (attention + rest) + last


def measure(options: Options, preset: str, trained: Trained, console: Console) -> None:
    """Measure one model size and print its table."""
    sequences = trained.table["sequence"].tolist()[: options.sequences]
    theirs = explainer_of_pipeline(trained.directory)
    model = load_classifier(trained.directory)
    peak = matmul_peak("fp32")
    tokens = len(Explainer(trained.directory).tokenizer.encode(sequences[:1]).ids)
    table = Table(
        "", "shap, s/sequence", "ours", "ratio", "target", "rows per sequence", "of peak"
    )
    table.add_column("largest difference")
    for name, max_evals, rounds in (
        ("default", 500, options.rounds),
        ("full", EVERYTHING, options.full_rounds),
    ):
        config = ExplainConfig(
            estimator="partition",
            value="probability",
            precision="fp32",
            max_evals=None if max_evals == EVERYTHING else max_evals,
        )
        ours = Explainer(trained.directory, config)
        ours.explain(sequences[:2])
        batch = sequences if name == "default" else sequences[: max(2, options.sequences // 8)]
        seconds: tuple[list[float], list[float]] = ([], [])
        apart, rows = 0.0, 0.0
        for i in range(rounds):
            them, expected = timed(theirs, [batch[i]], max_evals=max_evals, silent=True)
            us, found = timed(ours.explain, batch)
            seconds[0].append(them)
            seconds[1].append(us / len(batch))
            rows = float(np.mean([one.num_evals for one in found]))
            values = expected.values[0][1:-1, 1]
            apart = max(apart, float(np.abs(values - found[i].phi).max() / np.abs(values).max()))
        them, us = (statistics.median(side) for side in seconds)
        reached = rows * flops_a_row(model, tokens) / us
        table.add_row(
            name,
            f"{them:.2f}",
            f"{us:.4f}",
            f"{them / us:.1f}",
            str(TARGETS.get((preset, name), "")),
            f"{rows:,.0f}",
            f"{reached / peak:.0%}",
            f"{apart:.1e} of the largest value",
        )
    console.print(
        f"{preset}: {tokens} tokens, {best_device()}, {torch.get_num_threads()} threads, "
        f"matrix product peak {peak / 1e9:,.0f} GFLOP/s fp32"
    )
    console.print(table)


def main(options: Options) -> None:
    """Measure every preset requested."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    if options.threads:
        torch.set_num_threads(options.threads)
    console = Console(width=120)
    if options.family:
        compare_families([Path(one) for one in options.family], options, console)
        return
    for preset in options.presets:
        ModelConfig.preset(preset)
        trained = trained_classifier(
            options.storage,
            preset,
            "kmer",
            console,
            per_species=options.per_species,
            epochs=options.epochs,
        )
        measure(options, preset, trained, console)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
