"""Classifiers of simulated promoters, trained once and kept, for the benchmarks of explanations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from dnasweep.config import (
    MaskingConfig,
    ModelConfig,
    OptimizerConfig,
    TokenizerConfig,
    TrainingConfig,
)
from dnasweep.data.simulate import Simulation, simulate
from dnasweep.models.architecture import build_classifier, build_masked_lm
from dnasweep.models.classification import Classification
from dnasweep.models.predict import predict_probabilities
from dnasweep.models.pretrained.checkpoint import export
from dnasweep.models.pretraining import MaskedLanguageModelling
from dnasweep.models.training.train import train
from dnasweep.storage import Storage
from dnasweep.tasks.metrics import VALIDATION_AUROC, VALIDATION_MCC, classification_metrics
from dnasweep.tokens.masking.registry import make_masking
from dnasweep.tokens.tokenizers import fit
from rich.console import Console

WINDOW = 300
SEED = 0
LEARNING_RATES = {"tiny": 1e-3}


class Trained(NamedTuple):
    """A classifier and simulated sequences that it has not seen."""

    directory: Path
    table: pd.DataFrame
    """Held-out sequences with labels."""
    elements: pd.DataFrame
    """Positions of the planted promoter elements."""


def explained_models(
    folders: Sequence[str],
    tokenizers: Sequence[str],
    storage: str,
    console: Console,
    *,
    per_species: int,
    epochs: int,
) -> dict[Path, pd.DataFrame]:
    """Return the held-out sequences of each model by its folder.

    Parameters
    ----------
    folders
        Classifiers with a table `held_out.csv`; if there are any, none is trained.
    tokenizers
        Names of tokenizers of the tiny classifiers that are otherwise trained.
    storage, console, per_species, epochs
        As for :func:`trained_classifier`.
    """
    if folders:
        return {Path(name): pd.read_csv(Path(name) / "held_out.csv") for name in folders}
    sizes = {"per_species": per_species, "epochs": epochs}
    trained = [trained_classifier(storage, "tiny", one, console, **sizes) for one in tokenizers]
    return {one.directory: one.table for one in trained}


def trained_classifier(
    storage: str, preset: str, tokenizer: str, console: Console, *, per_species: int, epochs: int
) -> Trained:
    """Return a classifier pretrained and fine-tuned on simulated promoters of eight species.

    Parameters
    ----------
    storage
        Storage of the classifier, which is trained if it is missing.
    preset, tokenizer
        Size and tokenizer, by name.
    console
        Console for a line on its performance.
    per_species
        Training sequences of each species.
    epochs
        Epochs of fine-tuning, and half as many of masked language modelling before it.
    """
    data = simulate(sequences_per_species=per_species + 60, window=WINDOW, seed=SEED)
    # Orthologous rows stay together: whole families are held out.
    families = np.random.default_rng(SEED).permutation(np.unique(data.families))
    held_out = np.isin(data.families, families[: len(families) * 60 // (per_species + 60)])
    key = f"{preset}-{tokenizer}-{per_species}-{epochs}"
    directory = Storage(storage).obtain(
        "benchmark-models",
        key,
        lambda folder: _train(folder, data, ~held_out, preset, tokenizer, epochs),
    )
    table = data.table[held_out].reset_index(drop=True)
    probabilities = predict_probabilities(directory, None, table["sequence"].tolist())
    metrics = classification_metrics(table["label"].to_numpy(), probabilities, 0.5)
    console.print(
        f"{preset} over {tokenizer}, {(~held_out).sum():,} simulated sequences of {WINDOW} bases, "
        f"{epochs} epochs: held-out AUROC {metrics[VALIDATION_AUROC]:.3f}, MCC {metrics[VALIDATION_MCC]:.3f}"
    )
    return Trained(directory, table, data.elements)


def _train(
    folder: Path,
    data: Simulation,
    training: np.ndarray,
    preset: str,
    spec: str,
    epochs: int,
) -> None:
    table = data.table
    sequences = table["sequence"].tolist()
    tokenizer = fit(TokenizerConfig.parse(spec), table["sequence"][training].tolist())
    corpus = tokenizer.encode(sequences)
    config = ModelConfig.preset(preset)
    num_tokens = int(corpus.num_tokens().max()) + 8
    rows = np.random.default_rng(SEED).permutation(np.flatnonzero(training))
    fitted, watched = rows[: -len(rows) // 10], rows[-len(rows) // 10 :]

    def budget(share: float) -> TrainingConfig:
        bases = int(len(fitted) * WINDOW * epochs * share)
        return TrainingConfig(
            bases=bases,
            batch_size=32,
            micro_batch_size=32,
            evaluations=epochs,
            optimizer=OptimizerConfig(learning_rate=LEARNING_RATES.get(preset, 3e-4), warmup=0.1),
        )

    language = build_masked_lm(
        config, tokenizer=tokenizer, num_tokens=num_tokens, dropout=0.0, seed=SEED
    )
    task = MaskedLanguageModelling(
        corpus,
        tokenizer,
        make_masking(MaskingConfig(), tokenizer),
        train_rows=fitted,
        validation_rows=watched,
        seed=SEED,
    )
    encoder = folder / "encoder"
    export(train(task, language, budget(0.5)).model, tokenizer, encoder)
    model = build_classifier(
        config,
        tokenizer=tokenizer,
        num_tokens=num_tokens,
        dropout=0.1,
        seed=SEED,
        encoder=encoder,
        label_names=("background", "promoter"),
    )
    labels = table["label"].to_numpy()
    classes = Classification(corpus, labels, train_rows=fitted, validation_rows=watched)
    export(train(classes, model, budget(1.0)).model, tokenizer, folder)
