"""Trials and shards that take no time, so only the cost of running them remains.

Workers import this module by name; it imports nothing that they do not import anyway.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from dnasweep.runtime.cluster.allotment import JobSpec
from dnasweep.runtime.training.progress_actor import ProgressPoster
from dnasweep.runtime.training.trials import BEST, run_trial
from dnasweep.stages.outcome import CHECKPOINT, OUTCOME, StageOutcome
from dnasweep.stages.recipe import Recipe
from dnasweep.stages.specs import ClassifierSpec
from dnasweep.storage import Storage
from ray import tune

METRICS = ("mcc", "auroc", "auprc", "f1", "macro_f1", "accuracy", "loss", "threshold")


def idle_trial(config: dict[str, Any], *, recipe: Recipe, job: JobSpec, metric: str) -> None:
    """Do everything that a trial does under Tune, except training."""
    run_trial(config, recipe=recipe, job=job, metric=metric, train=publish_at_once)


def publish_at_once(
    spec: ClassifierSpec,
    job: JobSpec,
    *,
    text: str,
    on_evaluation: Callable[[dict[str, Any]], Any] | None = None,
) -> StageOutcome:
    """Publish made-up evaluations instead of a trained model, and report each of them."""
    worth = int(spec.key[:8], 16) / 16**8
    number = spec.training.evaluations
    history = [
        {
            "step": i,
            "epoch": float(i),
            "bases_seen": spec.training.bases * i / number,
            "train_loss": 1.0 - worth * i / number,
            "learning_rate": spec.training.optimizer.learning_rate,
            "bases_per_second": 1e6,
            "device_seconds": 0.01 * i,
            "metrics": {f"validation/{name}": worth * i / number for name in METRICS},
        }
        for i in range(1, number + 1)
    ]
    poster = ProgressPoster(job.progress_actor, spec.key, text)
    for evaluation in history:
        poster.step(int(evaluation["step"]), number, float(evaluation["bases_seen"]))
        if on_evaluation is not None:
            on_evaluation(evaluation)
    outcome = StageOutcome(
        outcome="completed",
        reason="",
        best=history[-1],
        history=history,
        device_seconds=0.01 * number,
        peak_memory_bytes=2**20,
        steps=number,
    )

    def write(folder: Path) -> None:
        (folder / CHECKPOINT).mkdir()
        (folder / CHECKPOINT / "config.json").write_text(json.dumps({"made": "by a benchmark"}))
        outcome.write(folder / OUTCOME)

    Storage(job.storage).obtain(spec.kind, spec.key, write, inputs=spec)
    poster.close()
    return outcome


def plain_trial(config: dict[str, Any]) -> None:
    """Report as often as `idle_trial` and do nothing else, to measure Tune itself."""
    for number in range(1, config["evaluations"] + 1):
        tune.report({BEST: number / config["evaluations"]})


class IdleShards:
    """Shards whose rows are returned as they are."""

    def __init__(self, *, device: str) -> None:
        self.device = device

    def smoke_test(self, rows: pa.Table) -> None:
        """Find nothing wrong."""

    def compute(
        self, rows: pa.Table, progress: Callable[[int], None]
    ) -> tuple[dict[str, pa.Table], dict[str, Any]]:
        """Return the rows."""
        progress(len(rows))
        return {"rows": rows}, {"batch_rows": 1}


class PlainActor:
    """An actor of Ray Data that does nothing."""

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the batch."""
        return batch
