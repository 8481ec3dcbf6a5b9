"""Test-set scores of trials and of the k-mer baseline."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dnasweep.config import content_key, versions
from dnasweep.data.datasets import Dataset
from dnasweep.data.labels import ZERO_AND_ONE, Labels
from dnasweep.stages.dataset import draw_shots, load_dataset, rows_of
from dnasweep.stages.outcome import CHECKPOINT
from dnasweep.stages.specs import ClassifierSpec
from dnasweep.storage import Storage
from dnasweep.tasks.calls import EVEN_THRESHOLD
from dnasweep.tasks.registry import task_of, task_of_model
from dnasweep.tasks.task import Task, Thresholds

KIND = "tests"
SCORES = "scores.parquet"
METRICS = "metrics.json"


@dataclass(frozen=True, kw_only=True)
class TestScores:
    """Scores of a model for the test rows."""

    __test__ = False

    ids: np.ndarray
    """Unique row ids (n,); cells are compared on the rows they share."""
    labels: np.ndarray
    """True labels (n,), 0 or 1, or class numbers; or outputs (n, outputs)."""
    scores: np.ndarray
    """Predictions: the probability of label 1 (n,), or (n, outputs)."""
    threshold: float | list[float] = 0.5
    """Scores at or above the threshold are called positive; a list has one threshold per output.
    It is chosen on validation, or 0.5 without validation."""
    about: Labels = ZERO_AND_ONE
    """Description of the labels."""

    @property
    def task(self) -> Task:
        """Task of the model."""
        return task_of(self.about)


@dataclass(frozen=True, kw_only=True)
class Scored(TestScores):
    """Scores with the metrics computed from them."""

    metrics: dict[str, float]
    """Metrics on all rows."""
    per_species: dict[str, dict[str, float]]
    """Metrics for each species with sufficient rows, such as rows of both classes."""
    by_output: dict[str, dict[str, float]] = field(default_factory=dict)
    """Metrics by name of class or output, for tasks with more than one."""


def score_key(storage: Storage, spec: ClassifierSpec) -> str | None:
    """Return the key of the test scores of a published trial, or None if there is no such trial.

    The key depends on the weights and the threshold. A trial that was deleted and trained again is
    therefore evaluated again, unless its weights are bitwise identical.
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

    The decision threshold is stored with the weights. It was chosen on validation rows of the
    species that the trial was trained on, because nothing is known about a target that was not
    seen in training. A trial that keeps its last weights has the threshold 0.5, and its validation
    rows are not read.
    """
    # Imported here because the driver reads scores, which does not require torch.
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
        dataset = load_dataset(storage, spec.tokenizer.dataset)
        table = dataset.table
        test = rows_of(table, spec.target).test
        model, tokenizer = load_classifier(checkpoint), load_tokenizer(checkpoint)
        thresholds = task_of_model(model.config.to_dict()).thresholds(model.config.to_dict())
        sequences = table["sequence"].iloc[test].tolist()
        predicted = predict_probabilities(
            model, tokenizer, sequences, dtype=spec.training.precision
        )
        _write_scores(folder, dataset, test, predicted, thresholds)

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
    """Score the k-mer baseline of the task, trained on the same rows as the trials.

    Its k-mers and its regularisation are chosen on the validation rows of the target, like the
    learning rate of a trial. Few-shot training sets have no validation: the default k-mers and the
    threshold 0.5 are used.

    Parameters
    ----------
    storage
        Storage of the artefacts.
    dataset
        Key of the data set.
    target
        Species for training and testing; empty: all rows.
    shots
        Number of training rows per class; None: all.
    resample
        Number of the draw of shots.
    """

    def build(folder: Path) -> None:
        data = load_dataset(storage, dataset)
        table, task = data.table, task_of(data.labels)
        rows = rows_of(table, target)
        if shots is not None:
            drawn = draw_shots(table, rows.train, shots, resample)
            rows = rows._replace(train=drawn, validation=rows.validation[:0])
        sequences, targets = table["sequence"].to_numpy(), data.labels.targets(table)
        scored = np.concatenate([rows.validation, rows.test])
        found = task.baseline(
            list(sequences[rows.train]),
            targets[rows.train],
            list(sequences[scored]),
            held=(list(sequences[rows.validation]), targets[rows.validation]),
        )
        cut = len(rows.validation)
        thresholds = task.choose(targets[rows.validation], found[:cut])
        _write_scores(folder, data, rows.test, found[cut:], thresholds)

    inputs: dict[str, Any] = {"dataset": dataset, "target": sorted(target)}
    if shots is not None:
        inputs |= {"shots": shots, "resample": resample}
    key = content_key("baseline", versions.STAGES, versions.BASELINE, *inputs.values())
    return _read_scores(storage.obtain(KIND, key, build, inputs=inputs))


def _write_scores(
    folder: Path, data: Dataset, test: np.ndarray, predicted: np.ndarray, thresholds: Thresholds
) -> None:
    """Write the predictions for the rows `test` of a data set, and their metrics."""
    task, scores = task_of(data.labels), task_of(data.labels).scores(predicted)
    columns = ["id", "label", *data.labels.columns, "species"]
    frame = data.table.iloc[test][columns].reset_index(drop=True)
    for column, values in zip(_columns(task, scores), task.packed(scores), strict=True):
        frame[column] = values
    frame.to_parquet(folder / SCORES, index=False)
    targets = data.labels.targets(frame)
    per_species = {}
    # Metrics are computed from the stored form of scores, so new and stored scores agree.
    predicted = task.predicted(scores)
    for name, rows in sorted(frame.groupby("species").indices.items()):
        if name and task.measurable(targets[rows]):
            found = task.measure(targets[rows], predicted[rows], thresholds)
            per_species[str(name)] = found | {"rows": float(len(rows))}
    metrics: dict[str, Any] = {
        "threshold": list(thresholds)
        if len(thresholds) > 1
        else float((*thresholds, EVEN_THRESHOLD)[0]),
        "metrics": task.measure(targets, predicted, thresholds),
        "per_species": per_species,
    }
    if data.labels != ZERO_AND_ONE:
        by_output = task.by_output(targets, predicted, thresholds)
        metrics |= {"labels": data.labels.to_json(), "by_output": by_output}
    (folder / METRICS).write_text(json.dumps(metrics, indent=2) + "\n")


def _columns(task: Task, scores: np.ndarray) -> list[str]:
    """Return the names of the score columns."""
    return ["score"] if scores.ndim == 1 else [f"score:{name}" for name in task.names]


def _read_scores(folder: Path) -> Scored:
    """Read scores written by `_write_scores`."""
    frame = pd.read_parquet(folder / SCORES)
    metrics = json.loads((folder / METRICS).read_text())
    about = Labels.from_json(metrics["labels"]) if "labels" in metrics else ZERO_AND_ONE
    columns = [name for name in map(str, frame) if name.startswith("score")]
    scores = task_of(about).unpacked([frame[name].to_numpy() for name in columns])
    return Scored(
        ids=frame["id"].to_numpy(),
        labels=about.targets(frame),
        scores=scores[:, 0] if list(frame)[-1] == "score" else scores,
        threshold=metrics["threshold"],
        about=about,
        metrics=metrics["metrics"],
        per_species=metrics["per_species"],
        by_output=metrics.get("by_output", {}),
    )
