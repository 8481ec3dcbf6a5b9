"""Accuracy and cost of each estimator of Shapley values; the best one is the default.

python benchmarks/shap_fidelity.py                                          # two small models, simulated
python benchmarks/shap_fidelity.py --shapiq-python ~/shapiq/bin/python      # and shapiq's estimators
python benchmarks/shap_fidelity.py --models FOLDER FOLDER                   # classifiers of your own

Models are tiny classifiers trained on simulated promoters, or folders with a classifier and
`held_out.csv` (column `sequence`). Sequences are drawn at random. Each estimator is compared, at several
numbers of evaluations, with two independent references by antithetic permutations: squared error
relative to the squared values, its ratio to the error of the default with a bootstrap interval over
sequences, Pearson and Spearman correlation, how many of the five largest tokens are found, how often an
interval of 1.96 standard errors covers the reference, and the time in addition to that of the model.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import tyro
from dnasweep.attribution.engine import Explainer
from dnasweep.attribution.intervals import NORMAL
from dnasweep.attribution.settings import ExplainConfig
from explained_models import explained_models
from fidelity_games import Found, Game, Reference, Shapiq, by_default, ours, references
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy import stats

DEFAULT = "adjusted_kernel"
OURS = (DEFAULT, "permutation")
OWN = (*OURS, "partition", "integrated_gradients")
"""Estimators that are also compared with their own number of evaluations."""
TOP = 5
RESAMPLES = 2000


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to measure."""

    models: tuple[str, ...] = ()
    """Folders with a classifier and `held_out.csv`. Default: classifiers trained here."""
    tokenizers: tuple[str, ...] = ("kmer", "bpe-1024")
    """Tokenizers of those trained here."""
    sequences: int = 24
    """Held-out sequences of each model."""
    skip: int = 0
    """Number of sequences to skip in the random order, such as those used for a choice."""
    budgets: tuple[int, ...] = (100, 250, 500, 1000)
    """Evaluations of a sequence."""
    evaluations: int = 7500
    """Evaluations of each of the two references."""
    shapiq_python: str | None = None
    """A Python with shapiq 1.6, to compare with its estimators."""
    shapiq: tuple[str, ...] = (
        *("KernelSHAP", "LeverageSHAP", "OddSHAP", "OddSHAP, factor 5"),
        *("PermutationSamplingSV", "SVARM", "RegressionMSR"),
    )
    """Which of them; ProxySPEX and ProxySHAP take many seconds per sequence."""
    per_species: int = 800
    """Simulated training sequences of each species."""
    epochs: int = 6
    """Epochs of fine-tuning."""
    storage: str = "runs"
    """Storage of models and references."""
    out: str | None = None
    """CSV with a row for each model, sequence, estimator and budget."""


def classifiers(options: Options, console: Console) -> dict[Path, list[str]]:
    """Return the sequences to explain by the folder of the classifier."""
    found = {}
    tables = explained_models(
        options.models,
        options.tokenizers,
        options.storage,
        console,
        per_species=options.per_species,
        epochs=options.epochs,
    )
    for folder, table in tables.items():
        known = [one for one in dict.fromkeys(table["sequence"]) if "N" not in one]
        order = np.random.default_rng(123).permutation(len(known))
        chosen = order[options.skip : options.skip + options.sequences]
        found[folder] = [known[i] for i in chosen]
    return found


def judge(found: Found, reference: Reference) -> dict[str, float]:
    """Return how an estimate agrees with the reference."""
    truth = reference.mean
    row = {
        "evaluations": found.evaluations,
        "error": reference.squared_error(found.phi),
        "Pearson": float(np.corrcoef(found.phi, truth)[0, 1]),
        "Spearman": float(stats.spearmanr(found.phi, truth).statistic),
        "top 5": len(set(_largest(found.phi)) & set(_largest(truth))) / TOP,
        "ms": 1000 * found.seconds,
    }
    if found.error is not None and np.isfinite(found.error).all():
        inside = np.abs(found.phi - truth) <= NORMAL * np.hypot(found.error, reference.error)
        row["coverage"] = float(inside.mean())
    return row


def _largest(phi: np.ndarray) -> list[int]:
    return np.argsort(-np.abs(phi))[:TOP].tolist()


def measure(
    options: Options, folder: Path, sequences: list[str], shapiq: Shapiq | None
) -> list[dict]:
    """Return a row for each sequence, estimator and budget."""
    explainer = Explainer(folder, ExplainConfig(precision="fp32"))
    known = references(options.storage, folder, sequences, options.evaluations)
    rows = []
    for number in track(range(len(sequences)), folder.name):
        game = Game(explainer, sequences[number])
        rows += [
            {"model": folder.name, "sequence": number, "estimator": name, "budget": "own"}
            | judge(by_default(folder, name, sequences[number]), known[number])
            for name in OWN
        ]
        for budget in options.budgets:
            found: dict[str, Found | None] = {
                name: ours(game, name, budget, number)
                for name in OURS
                if name == DEFAULT or budget >= 2 * game.num_tokens
            }
            if shapiq is not None:
                found |= {name: shapiq(game, name, budget, number) for name in options.shapiq}
            start = game.seconds
            masks = np.random.default_rng(0).random((budget, game.num_tokens)) < 0.5
            game.values(np.zeros(budget, int), masks)
            model = 1000 * (game.seconds - start)
            rows += [
                {
                    "model": folder.name,
                    "sequence": number,
                    "estimator": name,
                    "budget": str(budget),
                }
                | judge(one, known[number])
                | {"model's ms": model}
                for name, one in found.items()
                if one is not None
            ]
    return rows


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the means over sequences of each estimator and budget, and the ratios to the default.

    Ratios are of mean errors over the same sequences, with 95 % intervals by resampling these.
    """
    found = []
    for (budget, name), group in rows.groupby(["budget", "estimator"], sort=False):
        base = rows[(rows["budget"] == budget) & (rows["estimator"] == DEFAULT)]
        both = group.merge(base, on=["model", "sequence"], suffixes=("", " default"))
        pairs = both[["error", "error default"]].to_numpy()
        draws = np.random.default_rng(0).integers(len(pairs), size=(RESAMPLES, len(pairs)))
        means = pairs[draws].mean(1)
        low, high = np.quantile(means[:, 0] / means[:, 1], [0.025, 0.975])
        means = group.drop(columns=["model", "estimator", "sequence", "budget"]).mean()
        ratio = pairs[:, 0].mean() / pairs[:, 1].mean()
        found.append(
            {"budget": budget, "estimator": name, "sequences": len(group)}
            | means.to_dict()
            | {"ratio": ratio, "low": low, "high": high}
        )
    return pd.DataFrame(found)


def show(console: Console, title: str, table: pd.DataFrame) -> None:
    """Print a table."""
    printed = Table(*table.columns, title=title)
    for row in table.itertuples(index=False):
        printed.add_row(*(v if isinstance(v, str) else f"{v:.3g}" for v in row))
    console.print(printed)


def main(options: Options) -> None:
    """Print a table for each model, and one over all."""
    console = Console(width=160)
    parts = []
    with contextlib.ExitStack() as stack:
        python = options.shapiq_python
        shapiq = None if python is None else stack.enter_context(Shapiq(python))
        for folder, sequences in classifiers(options, console).items():
            parts.append(pd.DataFrame(measure(options, folder, sequences, shapiq)))
            show(console, folder.name, summary(parts[-1]))
            if options.out:
                pd.concat(parts).to_csv(options.out, index=False)
    if len(parts) > 1:
        show(console, "all models", summary(pd.concat(parts)))


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
