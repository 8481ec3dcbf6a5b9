"""Scores on the test set: those of a trial, and those of the k-mer baseline."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dnasweep.config import content_key, versions
from dnasweep.data.baseline import kmer_baseline
from dnasweep.data.decision_threshold import best_threshold
from dnasweep.stages.dataset import draw_shots, load_dataset, rows_of
from dnasweep.stages.outcome import CHECKPOINT
from dnasweep.stages.specs import ClassifierSpec
from dnasweep.storage import Storage
from dnasweep.tasks.calls import decision_threshold
from dnasweep.tasks.metrics import classification_metrics

KIND = "tests"
SCORES = "scores.parquet"
METRICS = "metrics.json"


@dataclass(frozen=True, kw_only=True)
class TestScores:
    """What a model said about the test rows."""

    __test__ = False

    ids: np.ndarray
    """Row identities (n,), unique; cells are compared on the rows they share."""
    labels: np.ndarray
    """True labels (n,), 0 or 1."""
    scores: np.ndarray
    """Probability of label 1 (n,)."""
    threshold: float = 0.5
    """Scores at or above it are called positive; chosen on validation, 0.5 if there is none."""


@dataclass(frozen=True, kw_only=True)
class Scored(TestScores):
    """Scores with the metrics that follow from them."""

    metrics: dict[str, float]
    """Metrics on all rows."""
    per_species: dict[str, dict[str, float]]
    """The same for each species that has rows of both classes."""


def score_key(storage: Storage, spec: ClassifierSpec) -> str | None:
    """Return the key of the test scores of a published trial, or None if there is no such trial.

    The key depends on the weights and the threshold. A trial that was deleted and trained again is
    therefore evaluated again, unless its weights are the same to the bit.
    """
    manifest = storage.manifest(spec.kind, spec.key)
    if manifest is None:
        return None
    files = manifest.get("sha256", manifest["files"])
    kept = {name: one for name, one in files.items() if name.startswith(f"{CHECKPOINT}/")}
    return content_key("test", versions.STAGES, versions.TEST_SCORES, spec.key, kept)


def find_scores(storage: Storage, spec: ClassifierSpec) -> Scored | None:
    """Return the test scores of a trial, or None if it has not been evaluated on test."""
    key = score_key(storage, spec)
    folder = None if key is None else storage.find(KIND, key)
    return None if folder is None else _read_scores(folder)


def evaluate_on_test(storage: Storage, spec: ClassifierSpec) -> Scored:
    """Score a trial on the test rows of its target; if it is damaged, train it again first.

    The decision threshold is stored with the weights. It was chosen on validation rows of the species
    that the trial was trained on, because nothing is known of a target that it has never seen. A trial
    that kept its last weights has the threshold 0.5, and its validation rows are not read.
    """
    # Imported here because the driver reads scores, and does not need torch for that.
    from dnasweep.models.predict import predict_probabilities
    from dnasweep.models.pretrained.checkpoint import load_classifier
    from dnasweep.stages.classifier import finetune
    from dnasweep.tokens.loading import load_tokenizer

    trial = storage.find(spec.kind, spec.key)
    if trial is None:
        finetune(storage, spec)
        trial = storage.expect(spec.kind, spec.key)

    def build(folder: Path) -> None:
        checkpoint = trial / CHECKPOINT
        table = load_dataset(storage, spec.tokenizer.dataset).table
        test = rows_of(table, spec.target).test
        model, tokenizer = load_classifier(checkpoint), load_tokenizer(checkpoint)
        threshold = decision_threshold(model.config.to_dict())
        sequences = table["sequence"].iloc[test].tolist()
        predicted = predict_probabilities(
            model, tokenizer, sequences, dtype=spec.training.precision
        )
        _write_scores(folder, table, test, predicted[:, 1], threshold)

    key = score_key(storage, spec)
    assert key is not None, "the trial was found a moment ago"
    return _read_scores(storage.obtain(KIND, key, build, inputs=spec))


def score_baseline(
    storage: Storage,
    dataset: str,
    target: tuple[str, ...],
    *,
    shots: int | None = None,
    resample: int = 0,
) -> Scored:
    """Score a k-mer logistic regression that is trained on the same rows as the trials.

    For few-shot training sets there is no validation, and the threshold is 0.5.

    Parameters
    ----------
    storage
        Where artefacts are.
    dataset
        Key of the data set.
    target
        Species that it is trained and tested on; empty: all rows.
    shots
        Training rows per class; None: all.
    resample
        Number of the draw of shots.
    """

    def build(folder: Path) -> None:
        table = load_dataset(storage, dataset).table
        rows = rows_of(table, target)
        if shots is not None:
            drawn = draw_shots(table, rows.train, shots, resample)
            rows = rows._replace(train=drawn, validation=rows.validation[:0])
        sequences, labels = table["sequence"].to_numpy(), table["label"].to_numpy()
        scored = np.concatenate([rows.validation, rows.test])
        scores = kmer_baseline(
            list(sequences[rows.train]), labels[rows.train], list(sequences[scored])
        )[:, 1]
        cut = len(rows.validation)
        threshold = best_threshold(labels[rows.validation], scores[:cut])
        _write_scores(folder, table, rows.test, scores[cut:], threshold)

    inputs: dict[str, Any] = {"dataset": dataset, "target": sorted(target)}
    if shots is not None:
        inputs |= {"shots": shots, "resample": resample}
    key = content_key("baseline", versions.STAGES, *inputs.values())
    return _read_scores(storage.obtain(KIND, key, build, inputs=inputs))


def _write_scores(
    folder: Path, table: pd.DataFrame, test: np.ndarray, scores: np.ndarray, threshold: float
) -> None:
    """Write scores of the rows `test` of a table, and metrics at a decision threshold."""
    frame = table.iloc[test][["id", "label", "species"]].assign(score=scores)
    frame.to_parquet(folder / SCORES, index=False)
    per_species = {}
    for name, part in frame.groupby("species"):
        if name and part["label"].nunique() > 1:
            per_species[str(name)] = _metrics(part, threshold) | {"rows": float(len(part))}
    metrics: dict[str, Any] = {
        "threshold": float(threshold),
        "metrics": _metrics(frame, threshold),
        "per_species": per_species,
    }
    (folder / METRICS).write_text(json.dumps(metrics, indent=2) + "\n")


def _metrics(frame: pd.DataFrame, threshold: float) -> dict[str, float]:
    scores = frame["score"].to_numpy()
    both = np.stack([1 - scores, scores], axis=1)
    return classification_metrics(frame["label"].to_numpy(), both, threshold)


def _read_scores(folder: Path) -> Scored:
    """Read what `_write_scores` wrote."""
    frame = pd.read_parquet(folder / SCORES)
    metrics = json.loads((folder / METRICS).read_text())
    return Scored(
        ids=frame["id"].to_numpy(),
        labels=frame["label"].to_numpy(),
        scores=frame["score"].to_numpy(),
        threshold=metrics["threshold"],
        metrics=metrics["metrics"],
        per_species=metrics["per_species"],
    )
