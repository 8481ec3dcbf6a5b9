"""The records of a sweep in MLflow: a parent run, and a run for each encoder and each trial."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dnasweep.config import canonical
from dnasweep.stages.outcome import StageOutcome
from dnasweep.stages.recipe import Cell
from dnasweep.stages.specs import ClassifierSpec, EncoderSpec, PretrainedCheckpoint
from dnasweep.tracking.tags import (
    CHECKPOINT_TAG,
    NOTE_TAG,
    SWEEP_TAG,
    command,
    package_versions,
)
from dnasweep.tracking.tracker import DatasetInput, Tracker

if TYPE_CHECKING:
    from dnasweep.sweeps.preparation import Prepared


READING = (
    "The step of every metric is the number of bases seen. `validation/` and `train/` are of each "
    "evaluation, `best/` of the one whose weights were kept; loss is in nats, `device_seconds` in "
    "seconds times workers."
)
"""What a run's metrics are, for its description."""


class Records:
    """The records of one sweep or job.

    Parameters
    ----------
    tracker
        Tracker that sends the records.
    parent
        Key of the parent run.
    data
        The data set, which is recorded as the input of every run.
    metric
        Full name of the metric that MLflow shows first.
    checkpoints
        The pretrained checkpoints that trials start from.
    """

    def __init__(
        self,
        tracker: Tracker,
        parent: str,
        data: Prepared,
        metric: str = "",
        checkpoints: Sequence[PretrainedCheckpoint] = (),
    ) -> None:
        self.tracker, self.parent, self.metric = tracker, parent, metric
        self._commits = {one.key: one.commit for one in checkpoints if one.commit}
        self._versions = package_versions()
        self._inputs = [
            DatasetInput(name=f"dataset-{data.key[:8]}", digest=data.key, source=str(data.folder))
        ]
        self._opened: set[str] = set()
        self._name = ""

    def open(self, name: str, params: Mapping[str, object]) -> None:
        """Open the parent run."""
        self._name = name
        self.tracker.run(
            self.parent,
            name=name,
            params=params,
            tags=self._versions | {"stage": "sweep", "command": command()},
            inputs=self._inputs,
        )

    def encoder(self, spec: EncoderSpec, name: str, outcome: StageOutcome) -> None:
        """Record a pretrained encoder, from start to end.

        Parameters
        ----------
        spec
            Specification of the encoder.
        name
            Its name.
        outcome
            Outcome of the training.
        """
        key = f"encoder-{spec.key}"
        params = {
            "tokenizer": spec.tokenizer.config.name,
            "species": " ".join(spec.species) or "all",
            **settings(spec.training, "pretrain."),
            **settings(spec.model, "model."),
            **settings(spec.masking, "masking."),
        }
        if spec.pmi is not None:
            params["pmi.table"] = spec.pmi.key
            params |= settings(spec.pmi.config, "pmi.") if spec.pmi.config else {}
        tags = {"encoder_key": spec.parent.key} if spec.parent else {}
        text = (
            f"Pretraining of an encoder: {name}. `markov_bits_per_base` is that of a Markov chain"
        )
        self._open(key, f"encoder {name}", params, "encoder", spec, tags, text, parent=self.parent)
        for evaluation in outcome.history:
            self.tracker.metrics(key, curve(evaluation), step=int(evaluation["bases_seen"]))
        self._close(key, outcome)

    def start(self, cell: Cell, spec: ClassifierSpec) -> None:
        """Open the run of a trial, if it is not open."""
        if spec.key in self._opened:
            return
        self._opened.add(spec.key)
        axes = {k: v for k, v in dataclasses.asdict(cell).items() if v is not None}
        fixed = {
            **settings(spec.training, "finetune."),
            **settings(spec.classification, "finetune."),
            **settings(spec.model, "model."),
        }
        params = {
            **axes,
            "target": " ".join(spec.target) or "all",
            **{k: v for k, v in fixed.items() if k.partition(".")[2] not in axes},
        }
        # MLflow's comparison shows the first parameters that differ. Those of the encoder follow from
        # the axes and are in its own run; here they would hide the axes.
        tags = {"encoder_key": spec.encoder.key} if spec.encoder else {}
        if commit := self._commits.get(spec.checkpoint or ""):
            tags["checkpoint_commit"] = commit
        text = f"Fine-tuning of one combination: {cell.label}. `test/` stands where it was chosen"
        # Not nested: MLflow folds nested runs below their parent, also where a filter leaves it out.
        self._open(
            spec.key, cell.label, params, "trial", spec, tags | {SWEEP_TAG: self.parent}, text
        )

    def evaluation(self, spec: ClassifierSpec, evaluation: Mapping[str, Any]) -> None:
        """Record one evaluation of a trial."""
        # MLflow's comparison shows the metric that came first.
        points = curve(evaluation)
        first = {self.metric: points[self.metric]} if self.metric in points else {}
        self.tracker.metrics(spec.key, first | points, step=int(evaluation["bases_seen"]))

    def finish(
        self,
        cell: Cell,
        spec: ClassifierSpec,
        outcome: StageOutcome | None,
        *,
        checkpoint: str | None = None,
        error: str | None = None,
    ) -> None:
        """Close the run of a trial, with its best evaluation, its cost and the URI of its weights.

        Parameters
        ----------
        cell
            The combination.
        spec
            Specification of its classifier.
        outcome
            Outcome of the training; None if it failed or was stopped.
        checkpoint
            URI of the weights.
        error
            Reason of the failure.
        """
        self.start(cell, spec)
        if outcome is None:
            said = {"outcome": "failed", "reason": error} if error else {"outcome": "stopped"}
            self.tracker.tags(spec.key, said)
            self.tracker.end(spec.key, "FAILED" if error else "KILLED")
            return
        if checkpoint is not None:
            self.tracker.tags(spec.key, {CHECKPOINT_TAG: checkpoint})
        self._close(spec.key, outcome)

    def tested(
        self, spec: ClassifierSpec, metrics: Mapping[str, float], *, selected: bool = True
    ) -> None:
        """Record the test metrics of a trial, and whether it was chosen on validation.

        Parameters
        ----------
        spec
            Specification of the trial.
        metrics
            Test metrics by name.
        selected
            Whether it was chosen on validation.
        """
        self.tracker.metrics(spec.key, named("test", metrics), step=0)
        if selected:
            self.tracker.tags(spec.key, {"selected": "true"})

    def summary(self, note: str, **groups: Mapping[str, float]) -> None:
        """Describe the parent run in Markdown, with groups of metrics such as `test`."""
        self.tracker.tags(self.parent, {NOTE_TAG: note})
        for group, metrics in groups.items():
            self.tracker.metrics(self.parent, named(group, metrics), step=0)

    def _open(
        self,
        key: str,
        name: str,
        params: Mapping[str, object],
        stage: str,
        spec: Any,
        tags: Mapping[str, object],
        text: str,
        parent: str | None = None,
    ) -> None:
        data = self._inputs[0].name
        self.tracker.run(
            key,
            name=name,
            parent=parent,
            params=params,
            tags=self._versions
            | {
                "stage": stage,
                "tokenizer_key": spec.tokenizer.key,
                "corpus_key": spec.tokenizer.corpus_key,
                "artefact_key": spec.key,
                NOTE_TAG: f"{text}.\n\n{READING}\n\nData: `{data}`. The page of the whole sweep is "
                f"an artifact of the run {self._name or self.parent}.",
                **tags,
            },
            inputs=self._inputs,
        )

    def _close(self, key: str, outcome: StageOutcome) -> None:
        best = outcome.best
        self.tracker.metrics(key, named("best", best["metrics"]), step=int(best["bases_seen"]))
        cost = {
            "device_seconds": outcome.device_seconds,
            "peak_memory_bytes": outcome.peak_memory_bytes,
        }
        last = outcome.history[-1] if outcome.history else best
        self.tracker.metrics(key, cost | outcome.facts, step=int(last["bases_seen"]))
        reason = {"reason": outcome.reason} if outcome.reason else {}
        self.tracker.tags(key, {"outcome": outcome.outcome, **reason})
        self.tracker.end(key, "FINISHED" if outcome.healthy else "FAILED")


def curve(evaluation: Mapping[str, Any]) -> dict[str, float]:
    """Return an evaluation as metrics: `validation/...`, then `train/...`."""
    progress = {
        f"train/{name.removeprefix('train_')}": value
        for name, value in evaluation.items()
        # Time and memory are recorded once, at the end; bases are the step.
        if name not in ("metrics", "peak_memory_bytes", "device_seconds", "bases_seen")
        and value is not None
    }
    return {**evaluation["metrics"], **progress}


def named(group: str, metrics: Mapping[str, float]) -> dict[str, float]:
    """Return metrics with the name of a group instead of that of their split."""
    return {f"{group}/{name.rpartition('/')[2]}": value for name, value in metrics.items()}


def settings(value: Any, prefix: str) -> dict[str, Any]:
    """Return a configuration as flat parameters, without those that are None."""
    found: dict[str, Any] = {}
    for name, inner in canonical(value).items():
        found |= inner if isinstance(inner, dict) else {name: inner}
    return {f"{prefix}{name}": inner for name, inner in found.items() if inner is not None}
