"""How close each estimator comes to the Shapley values at what cost; the best one is the default.

python benchmarks/shap_fidelity.py

A tiny classifier is trained on simulated promoters. The reference for each held-out promoter is
the mean of 20,000 antithetic permutations (10,000 and their reversals) in log odds; it is kept in
the storage, since it takes minutes per sequence. Each estimator is compared with it at several
budgets: Pearson and Spearman correlation over tokens, whether it agrees on the largest token, and
how many of its three largest lie on planted elements, beside how many of the reference's do.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import tyro
from dnasweep.attribution.attribution import Attribution
from dnasweep.attribution.engine import Explainer
from dnasweep.attribution.settings import ExplainConfig
from dnasweep.config import content_key
from dnasweep.data.planted_elements import ISLAND_NAME
from dnasweep.storage import Storage
from dnasweep.tokens.loading import load_tokenizer
from explained_models import Trained, trained_classifier
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy import stats

BUDGETS: tuple[tuple[str, tuple[int | None, ...]], ...] = (
    ("adjusted_kernel", (100, 150, 200, None, 500, 1000, 2000)),
    ("permutation", (100, 200, 300, 500, 1000, 2000)),
    ("partition", (100, 200, 500, 2000, None)),
    ("integrated_gradients", (26, 50, 98)),
)


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to measure."""

    preset: str = "tiny"
    """Model size."""
    tokenizer: str = "kmer"
    """Tokenizer; 6-mers that do not overlap make 50 tokens of 300 bases."""
    sequences: int = 6
    """Held-out promoters with a planted TATA box."""
    draw: Literal["surest", "random"] = "surest"
    """Take those of which the model is most certain, or any that it calls promoters."""
    permutations: int = 20_000
    """Permutations of the reference, reversals counted."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of the estimators that draw; their results are averaged."""
    per_species: int = 1500
    """Simulated training sequences of each species."""
    epochs: int = 8
    """Epochs of fine-tuning."""
    storage: str = "runs"
    """Where the model and the reference are kept."""
    out: str | None = None
    """CSV to write the table to."""


def chosen(trained: Trained, number: int, draw: str = "surest") -> pd.DataFrame:
    """Return held-out promoters with a TATA box that the model calls promoters."""
    boxes = trained.elements[trained.elements["element"] == "tata_box"]
    table = trained.table.merge(boxes[["id", "start", "end"]], on="id", suffixes=("", "_box"))
    table = table.drop_duplicates("id")
    explained = Explainer(trained.directory).explain(table["sequence"].tolist())
    table["prediction"] = [one.prediction for one in explained]
    called = table[table["prediction"] > 0]
    found = (
        called.nlargest(number, "prediction")
        if draw == "surest"
        else called.sample(number, random_state=0)
    )
    return found.reset_index(drop=True)


def reference(options: Options, trained: Trained, sequences: list[str]) -> list[np.ndarray]:
    """Return the mean of very many permutations for each sequence, (tokens,)."""
    tokenizer = load_tokenizer(trained.directory)
    storage = Storage(options.storage)
    found = []
    for sequence in track(sequences, "reference"):
        num_tokens = len(tokenizer.encode([sequence]).ids) - 2
        # The default estimator would adjust its values by a fitted model.
        config = ExplainConfig(
            estimator="permutation",
            precision="fp32",
            seed=10**6,
            max_evals=options.permutations * (num_tokens - 1) + 2,
        )
        settings = {
            "model": trained.directory.name,
            "sequence": sequence,
            "permutations": options.permutations,
            "estimator": config.estimator,
        }

        def build(folder: Path, sequence: str = sequence, config: ExplainConfig = config) -> None:
            (one,) = Explainer(trained.directory, config).explain([sequence])
            frame = pd.DataFrame({"phi": one.phi, "standard_error": one.standard_error})
            frame.to_parquet(folder / "reference.parquet")

        folder = storage.obtain("benchmark-references", content_key(settings), build)
        found.append(pd.read_parquet(folder / "reference.parquet")["phi"].to_numpy())
    return found


def planted(trained: Trained, identifier: str, one: Attribution) -> np.ndarray:
    """Return which tokens lie on a planted element, CpG islands aside, (tokens,)."""
    table = trained.elements
    boxes = table[(table["id"] == identifier) & (table["element"] != ISLAND_NAME)]
    starts, ends = boxes["start"].to_numpy(), boxes["end"].to_numpy()
    return ((one.starts[:, None] < ends) & (one.ends[:, None] > starts)).any(1)


def compare(one: Attribution, truth: np.ndarray, on_element: np.ndarray) -> dict[str, float]:
    """Return how an attribution agrees with the reference and with what was planted."""
    top = np.argsort(one.phi)[::-1]
    return {
        "evaluations": one.num_evals,
        "Pearson": float(np.corrcoef(one.phi, truth)[0, 1]),
        "Spearman": float(stats.spearmanr(one.phi, truth).statistic),
        "top-1": float(top[0] == np.argmax(truth)),
        "top-3 planted": float(on_element[top[:3]].mean()),
        "reference's": float(on_element[np.argsort(truth)[::-1][:3]].mean()),
    }


def main(options: Options) -> None:
    """Print the table."""
    console = Console(width=120)
    trained = trained_classifier(
        options.storage,
        options.preset,
        options.tokenizer,
        console,
        per_species=options.per_species,
        epochs=options.epochs,
    )
    rows = chosen(trained, options.sequences, options.draw)
    sequences = rows["sequence"].tolist()
    truth = reference(options, trained, sequences)
    results: list[dict[str, Any]] = []
    for estimator, budgets in BUDGETS:
        for budget in budgets:
            draws = estimator not in ("partition", "integrated_gradients")
            parts = []
            start = time.perf_counter()
            for seed in options.seeds if draws else (0,):
                config = ExplainConfig(
                    estimator=estimator,  # type: ignore[arg-type]
                    max_evals=budget,
                    precision="fp32",
                    seed=seed,
                )
                found = Explainer(trained.directory, config).explain(sequences)
                parts += [
                    compare(one, phi, planted(trained, name, one))
                    for name, one, phi in zip(rows["id"], found, truth, strict=True)
                ]
            seconds = (time.perf_counter() - start) / len(parts)
            mean = pd.DataFrame(parts).mean().to_dict()
            spread = pd.DataFrame(parts)["Pearson"].min()
            results.append(
                {"estimator": estimator, "budget": budget or "default"}
                | mean
                | {"least Pearson": spread, "ms/sequence": 1000 * seconds}
            )
    table = Table(*results[0], title=f"{len(sequences)} promoters, {len(truth[0])} tokens")
    for row in results:
        table.add_row(*(v if isinstance(v, str) else f"{v:.4g}" for v in row.values()))
    console.print(table)
    good = [r for r in results if r["Pearson"] >= 0.99]
    if good:
        best = min(good, key=lambda row: row["evaluations"])
        console.print(
            f"fewest evaluations at a mean Pearson of .99: {best['estimator']}, "
            f"{best['evaluations']:.0f} ({best['Pearson']:.4f})"
        )
    if options.out:
        pd.DataFrame(results).to_csv(options.out, index=False)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
