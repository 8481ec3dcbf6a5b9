"""Idempotent replay of the records of a write-ahead log into MLflow.

A run is looked up by its tag `trial_key` before it is created; parameters are compared with those the
run already has; a metric value that a reopened run already has at that step is skipped.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import logging
import math
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dnasweep.storage import StorageLock
from dnasweep.tracking.client import connect, database_path
from dnasweep.tracking.models import register
from dnasweep.tracking.saved_view import VIEW_TAG
from dnasweep.tracking.tags import (
    EXPERIMENT_NOTE,
    KEY_TAG,
    KIND_TAG,
    MODEL_TRAINING,
    NOTE_TAG,
    PARENT_TAG,
)
from dnasweep.tracking.write_ahead_log import Record

if TYPE_CHECKING:
    from mlflow import MlflowClient

log = logging.getLogger("dnasweep.tracking")

MAX_METRICS, MAX_PARAMS, MAX_TAGS = 1000, 100, 100
"""Maximum number of each in one MLflow request; 1000 of all kinds together."""
MAX_PARAM_CHARS, MAX_TAG_CHARS = 6000, 8000

_REFUSALS = frozenset(
    {
        "INVALID_PARAMETER_VALUE",
        "BAD_REQUEST",
        "MALFORMED_REQUEST",
        "INVALID_STATE",
        "RESOURCE_ALREADY_EXISTS",
        "RESOURCE_DOES_NOT_EXIST",
    }
)


def is_refusal(error: BaseException) -> bool:
    """Return whether sending the same record again can never succeed."""
    code = getattr(error, "error_code", None)
    return code in _REFUSALS or isinstance(error, FileNotFoundError | TypeError | KeyError)


class Replayer:
    """Applies records to one experiment of one store; used by one thread.

    Parameters
    ----------
    uri
        Absolute tracking URI.
    experiment
        Name of the experiment; created when first needed.
    lock_path
        File of a lock shared by the processes that may create the same experiment or run.
    """

    def __init__(self, uri: str, experiment: str, *, lock_path: Path) -> None:
        self._uri = uri
        self._experiment = experiment
        self._lock_path = lock_path
        self._client: MlflowClient | None = None
        self._experiment_id = ""
        self._run_ids: dict[str, str] = {}
        self._reopened: dict[str, dict[str, dict[int, float]]] = {}
        """For each run that existed before: values by metric name and step, as far as looked
        up."""
        self._ended: dict[str, tuple[str, int]] = {}
        """For each reopened run: its previous final status and end time."""

    @property
    def client(self) -> MlflowClient:
        """The client, created when first needed."""
        if self._client is None:
            self._client = connect(self._uri)
        return self._client

    def store_answers(self) -> bool:
        """Return whether the store answers a small request."""
        try:
            self.client.search_experiments(max_results=1)
        except Exception:
            return False
        return True

    def apply(self, records: list[Record]) -> None:
        """Send records in order; successive metrics and tags of a run are sent together."""
        waiting: dict[str, list[Record]] = defaultdict(list)
        for record in records:
            if record.get("kind") in ("metrics", "tags"):
                waiting[record["key"]].append(record)
                continue
            self._send(waiting)
            self._apply_one(record)
        self._send(waiting)

    def _send(self, waiting: dict[str, list[Record]]) -> None:
        for key, records in waiting.items():
            run_id = self.run_of(key)
            try:
                self._log_batch(run_id, records)
            except Exception:
                # Not all values have arrived: look up which, before they are sent again.
                if run_id in self._reopened:
                    self._reopened[run_id].clear()
                raise
        waiting.clear()

    def _apply_one(self, record: Record) -> None:
        kind = record.get("kind")
        if kind == "run":
            self._open_run(record)
        elif kind == "artifact":
            self._log_artifact(record)
        elif kind == "model":
            run_id = self.run_of(record["key"])
            register(self.client, self.experiment_id(), run_id, record["model"])
        elif kind == "view":
            tag = VIEW_TAG + record["key"]
            self.client.set_experiment_tag(self.experiment_id(), tag, record["state"])
        elif kind == "end":
            run_id = self.run_of(record["key"])
            status, ended_at = self._ended.get(run_id, ("", 0))
            # A run that was reopened without new metrics keeps its end time.
            end_time = ended_at if status == record["status"] else record["time"]
            self.client.set_terminated(run_id, status=record["status"], end_time=end_time)
            self._ended.pop(run_id, None)

    def experiment_id(self) -> str:
        """Return the experiment's id; it is created, or restored if it was deleted."""
        if not self._experiment_id:
            with StorageLock(self._lock_path):
                found = self.client.get_experiment_by_name(self._experiment)
                if found is None:
                    path = database_path(self._uri)
                    # By default MLflow would write artifacts to mlruns/ in the current folder.
                    location = None if path is None else (path.parent / "mlartifacts").as_uri()
                    self._experiment_id = self.client.create_experiment(
                        self._experiment,
                        artifact_location=location,
                        tags={KIND_TAG: MODEL_TRAINING, NOTE_TAG: EXPERIMENT_NOTE},
                    )
                else:
                    if found.lifecycle_stage == "deleted":
                        self.client.restore_experiment(found.experiment_id)
                    self._experiment_id = found.experiment_id
                    if KIND_TAG not in found.tags:
                        self.client.set_experiment_tag(
                            found.experiment_id, KIND_TAG, MODEL_TRAINING
                        )
        return self._experiment_id

    def run_of(self, key: str) -> str:
        """Return the run id of `key`, creating an empty run if there is none."""
        return self._run_ids.get(key) or self._find_or_create(key)[0]

    def _find_or_create(
        self, key: str, *, name: str | None = None, started: int | None = None
    ) -> tuple[str, bool]:
        """Return the run id of `key` and whether the run existed before."""
        if "'" in key or "\\" in key:
            raise KeyError(f"a run key has no quotes or backslashes: {key!r}")
        experiment = self.experiment_id()
        with StorageLock(self._lock_path):
            found = self.client.search_runs(
                [experiment],
                f"tags.{KEY_TAG} = '{key}'",
                order_by=["attributes.start_time ASC"],
                max_results=1,
            )
            if found:
                run_id = str(found[0].info.run_id)
                self._reopened.setdefault(run_id, {})
            else:
                run = self.client.create_run(
                    experiment,
                    start_time=started,
                    tags={KEY_TAG: key, **_source_tags()},
                    run_name=name or key,
                )
                run_id = str(run.info.run_id)
        self._run_ids[key] = run_id
        return run_id, bool(found)

    def _open_run(self, record: Record) -> None:
        from mlflow.entities import Param

        key, tags = record["key"], dict(record["tags"])
        if record["parent"]:
            tags[PARENT_TAG] = self.run_of(record["parent"])
        run_id, existed = self._find_or_create(key, name=record["name"], started=record["time"])
        known: dict[str, str] = {}
        if existed:
            run = self.client.get_run(run_id)
            known = run.data.params
            if run.info.end_time:
                self._ended[run_id] = (run.info.status, run.info.end_time)
            self.client.update_run(run_id, status="RUNNING", name=record["name"])
        new = []
        for name, value in record["params"].items():
            if name not in known:
                new.append(Param(name, value))
            elif known[name] != value:
                tags[f"changed/{name}"] = value
        for begin in range(0, len(new), MAX_PARAMS):
            self.client.log_batch(run_id, params=new[begin : begin + MAX_PARAMS])
        self._log_batch(run_id, [{"kind": "tags", "tags": tags}])
        if record["inputs"]:
            self.client.log_inputs(run_id, [_dataset(entry) for entry in record["inputs"]])

    def _log_batch(self, run_id: str, records: list[Record]) -> None:
        from mlflow.entities import Metric, RunTag

        metrics, tags = [], {}
        for record in records:
            if record["kind"] == "tags":
                tags.update(record["tags"])
                continue
            for name, value in record["metrics"].items():
                if not self._is_logged(run_id, name, record["step"], value):
                    metrics.append(Metric(name, value, record["time"], record["step"]))
        if metrics:
            self._ended.pop(run_id, None)
        run_tags = [RunTag(name, value) for name, value in tags.items()]
        while metrics or run_tags:
            some_tags = run_tags[:MAX_TAGS]
            some = metrics[: MAX_METRICS - len(some_tags)]
            self.client.log_batch(run_id, metrics=some, tags=some_tags)
            metrics, run_tags = metrics[len(some) :], run_tags[len(some_tags) :]

    def _is_logged(self, run_id: str, name: str, step: int, value: float) -> bool:
        if run_id not in self._reopened:
            return False
        known = self._reopened[run_id]
        if name not in known:
            history = self.client.get_metric_history(run_id, name)
            known[name] = {entry.step: entry.value for entry in history}
        before = known[name].get(step)
        known[name][step] = value
        return before is not None and math.isclose(before, value, rel_tol=1e-12)

    def _log_artifact(self, record: Record) -> None:
        run_id, path = self.run_of(record["key"]), Path(record["path"])
        if path.is_dir():
            self.client.log_artifacts(run_id, str(path), record["folder"])
        elif path.is_file():
            self.client.log_artifact(run_id, str(path), record["folder"])
        else:
            raise FileNotFoundError(f"{path} is gone")


def _source_tags() -> dict[str, str]:
    tags = {"mlflow.source.name": sys.argv[0] or "python", "mlflow.source.type": "LOCAL"}
    with contextlib.suppress(Exception):
        tags["mlflow.user"] = getpass.getuser()
    return tags


def _dataset(entry: dict[str, str]) -> Any:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    dataset = Dataset(
        name=entry["name"],
        digest=entry["digest"],
        source_type="local",
        source=json.dumps({"uri": entry["source"]}),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", entry["context"])])
