"""What a sweep tells MLflow: one parent run, one run an encoder, one run a trial."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dnasweep.cluster.preparation import Prepared
from dnasweep.cluster.results import flat
from dnasweep.cluster.tracking import CHECKPOINT_TAG, DatasetInput, Tracker, package_versions
from dnasweep.config import canonical
from dnasweep.stages.outcome import StageOutcome
from dnasweep.stages.recipe import Cell, ClassifierSpec, EncoderSpec


class Records:
    """The records of one sweep or job.

    Parameters
    ----------
    tracker
        Takes the records on their way.
    parent
        Key of the parent run.
    data
        The data set, named as the input of every run.
    """

    def __init__(self, tracker: Tracker, parent: str, data: Prepared) -> None:
        self.tracker, self.parent = tracker, parent
        self._versions = package_versions()
        self._inputs = [
            DatasetInput(name=f"dataset-{data.key[:8]}", digest=data.key, source=str(data.folder))
        ]
        self._told: set[str] = set()

    def open(self, name: str, params: Mapping[str, object]) -> None:
        """Open the parent run."""
        self.tracker.run(
            self.parent,
            name=name,
            params=params,
            tags=self._versions | {"stage": "sweep", "command": command()},
            inputs=self._inputs,
        )

    def encoder(self, spec: EncoderSpec, name: str, outcome: StageOutcome) -> None:
        """Record a pretrained encoder, whole."""
        key = f"encoder-{spec.key}"
        params = {
            "tokenizer": spec.tokenizer.config.name,
            "species": " ".join(spec.species) or "all",
            "parent_encoder": spec.parent.key if spec.parent else "none",
            **settings(spec.training, "pretrain."),
            **settings(spec.model, "model."),
            **settings(spec.masking, "masking."),
        }
        self._open(key, f"encoder {name}", params, "encoder", spec)
        for evaluation in outcome.history:
            self.tracker.metrics(key, flat(evaluation), step=int(evaluation["bases_seen"]))
        self._close(key, outcome)

    def start(self, cell: Cell, spec: ClassifierSpec) -> None:
        """Open the run of a trial; telling it twice does no harm."""
        if spec.key in self._told:
            return
        self._told.add(spec.key)
        params = {k: v for k, v in dataclasses.asdict(cell).items() if v is not None} | {
            "target": " ".join(spec.target) or "all",
            "encoder": spec.encoder.key if spec.encoder else "none",
            **settings(spec.training, "finetune."),
            **settings(spec.model, "model."),
        }
        if spec.encoder:
            params |= settings(spec.encoder.training, "pretrain.")
            params |= settings(spec.encoder.masking, "masking.")
        self._open(spec.key, cell.label, params, "trial", spec)

    def evaluation(self, spec: ClassifierSpec, evaluation: Mapping[str, Any]) -> None:
        """Record one evaluation of a trial."""
        self.tracker.metrics(spec.key, flat(evaluation), step=int(evaluation["bases_seen"]))

    def finish(
        self,
        cell: Cell,
        spec: ClassifierSpec,
        outcome: StageOutcome | None,
        *,
        checkpoint: Path | None = None,
        error: str | None = None,
    ) -> None:
        """Close the run of a trial: its best evaluation, its cost, and where its weights are."""
        self.start(cell, spec)
        if outcome is None:
            said = {"outcome": "failed", "reason": error} if error else {"outcome": "stopped"}
            self.tracker.tags(spec.key, said)
            self.tracker.end(spec.key, "FAILED" if error else "KILLED")
            return
        if checkpoint is not None:
            self.tracker.tags(spec.key, {CHECKPOINT_TAG: checkpoint})
        best = {f"best/{k}": v for k, v in outcome.best["metrics"].items()}
        self.tracker.metrics(spec.key, best, step=int(outcome.best["bases_seen"]))
        self._close(spec.key, outcome)

    def tested(self, spec: ClassifierSpec, metrics: Mapping[str, float]) -> None:
        """Record the test metrics of a chosen trial."""
        self.tracker.metrics(spec.key, {f"test/{k}": v for k, v in _bare(metrics).items()}, step=0)
        self.tracker.tags(spec.key, {"selected": "true"})

    def _open(
        self, key: str, name: str, params: Mapping[str, object], stage: str, spec: Any
    ) -> None:
        self.tracker.run(
            key,
            name=name,
            parent=self.parent,
            params=params,
            tags=self._versions
            | {
                "stage": stage,
                "tokenizer_key": spec.tokenizer.key,
                "corpus_key": spec.tokenizer.corpus_key,
                "artefact_key": spec.key,
            },
            inputs=self._inputs,
        )

    def _close(self, key: str, outcome: StageOutcome) -> None:
        cost = {
            "device_seconds": outcome.device_seconds,
            "peak_memory_bytes": outcome.peak_memory_bytes,
            "steps": outcome.steps,
            **outcome.facts,
        }
        self.tracker.metrics(key, cost, step=int(outcome.best["bases_seen"]))
        self.tracker.tags(key, {"outcome": outcome.outcome, "reason": outcome.reason})
        healthy = outcome.outcome in ("completed", "stopped")
        self.tracker.end(key, "FINISHED" if healthy else "FAILED")


def settings(value: Any, prefix: str) -> dict[str, Any]:
    """Return a configuration as flat parameters."""
    found: dict[str, Any] = {}
    for name, inner in canonical(value).items():
        if isinstance(inner, dict):
            found |= {f"{prefix}{k}": v for k, v in inner.items()}
        else:
            found[f"{prefix}{name}"] = inner
    return found


def command() -> str:
    """Return the command line that is running, to be typed again."""
    return shlex.join(["python", *sys.argv])


def _bare(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name.rpartition("/")[2]: value for name, value in metrics.items()}
