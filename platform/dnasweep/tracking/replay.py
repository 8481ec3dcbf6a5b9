"""Records of a spool applied to MLflow, so that applying one twice changes nothing.

Runs are looked up by their tag `trial_key` before they are made; parameters are compared with what
stands there; a metric value that a re-opened run already has at that step is left out.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import logging
import math
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from dnasweep.tracking.client import connect, database_path
from dnasweep.tracking.tags import KEY_TAG, PARENT_TAG
from dnasweep.tracking.write_ahead_log import Record

if TYPE_CHECKING:
    from mlflow import MlflowClient

log = logging.getLogger("dnasweep.tracking")

MAX_METRICS, MAX_PARAMS, MAX_TAGS = 1000, 100, 100
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
    """Return whether sending the same again can never succeed."""
    code = getattr(error, "error_code", None)
    return code in _REFUSALS or isinstance(error, FileNotFoundError | TypeError | KeyError)


class Replayer:
    """Applies records to one experiment of one store; used by one thread."""

    def __init__(self, uri: str, experiment: str, *, lock_path: Path) -> None:
        self._uri = uri
        self._experiment = experiment
        self._lock_path = lock_path
        self._client: MlflowClient | None = None
        self._experiment_id = ""
        self.run_ids: dict[str, str] = {}
        self._reopened: dict[str, dict[str, dict[int, float]]] = {}
        self._ended: dict[str, tuple[str, int]] = {}

    @property
    def client(self) -> MlflowClient:
        """The client, made at first use."""
        if self._client is None:
            self._client = connect(self._uri)
        return self._client

    def apply(self, records: list[Record]) -> None:
        """Send records in order; neighbouring metrics and tags of a run travel together."""
        waiting: dict[str, list[Record]] = {}
        for record in records:
            if record.get("kind") in ("metrics", "tags"):
                waiting.setdefault(record["key"], []).append(record)
                continue
            self._send_waiting(waiting)
            self._apply_one(record)
        self._send_waiting(waiting)

    def _send_waiting(self, waiting: dict[str, list[Record]]) -> None:
        for key, records in waiting.items():
            self._log_batch(self.run_of(key), records)
        waiting.clear()

    def _apply_one(self, record: Record) -> None:
        kind = record.get("kind")
        if kind == "run":
            self._open_run(record)
        elif kind == "artifact":
            self._upload(record)
        elif kind == "model":
            from dnasweep.tracking.models import register

            register(
                self.client, self.experiment_id(), self.run_of(record["key"]), record["model"]
            )
        elif kind == "end":
            run_id = self.run_of(record["key"])
            status, time = self._ended.pop(run_id, ("", 0))
            # A run that was only looked at again keeps the end it had.
            when = time if status == record["status"] else record["time"]
            self.client.set_terminated(run_id, status=record["status"], end_time=when)

    def experiment_id(self) -> str:
        """Return the experiment's identity; it is made, or restored where it was deleted."""
        if not self._experiment_id:
            with FileLock(self._lock_path):
                found = self.client.get_experiment_by_name(self._experiment)
                if found is None:
                    path = database_path(self._uri)
                    # Without a place of its own it would write to mlruns/ in the current folder.
                    place = None if path is None else (path.parent / "mlartifacts").as_uri()
                    self._experiment_id = self.client.create_experiment(
                        self._experiment, artifact_location=place
                    )
                else:
                    if found.lifecycle_stage == "deleted":
                        self.client.restore_experiment(found.experiment_id)
                    self._experiment_id = found.experiment_id
        return self._experiment_id

    def run_of(self, key: str) -> str:
        """Return the run of `key`, making a bare one where there is none."""
        return self.run_ids.get(key) or self._find_or_make(key, name=None, tags={})[0]

    def _find_or_make(
        self, key: str, *, name: str | None, tags: dict[str, str], started: int | None = None
    ) -> tuple[str, bool]:
        """Return the run of `key` and whether it stood there before."""
        if "'" in key or "\\" in key:
            raise KeyError(f"a run key has no quotes or backslashes: {key!r}")
        experiment = self.experiment_id()
        with FileLock(self._lock_path):
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
                first = {KEY_TAG: key, **_source_tags(), **tags}
                run = self.client.create_run(
                    experiment, start_time=started, tags=first, run_name=name or key
                )
                run_id = str(run.info.run_id)
        self.run_ids[key] = run_id
        return run_id, bool(found)

    def _open_run(self, record: Record) -> None:
        from mlflow.entities import Param

        key, tags = record["key"], dict(record["tags"])
        if record["parent"]:
            tags[PARENT_TAG] = self.run_of(record["parent"])
        run_id, stood = self._find_or_make(
            key, name=record["name"], tags={}, started=record["time"]
        )
        params, there = record["params"], {}
        if stood:
            run = self.client.get_run(run_id)
            there = run.data.params
            if run.info.end_time:
                self._ended[run_id] = (run.info.status, run.info.end_time)
            self.client.update_run(run_id, status="RUNNING", name=record["name"])
        fresh = []
        for name, value in params.items():
            if name not in there:
                fresh.append(Param(name, value))
            elif there[name] != value:
                tags[f"changed/{name}"] = value
        for begin in range(0, len(fresh), MAX_PARAMS):
            self.client.log_batch(run_id, params=fresh[begin : begin + MAX_PARAMS])
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
                if not self._is_there(run_id, name, record["step"], value):
                    metrics.append(Metric(name, value, record["time"], record["step"]))
        if metrics:
            self._ended.pop(run_id, None)
        run_tags = [RunTag(name, value) for name, value in tags.items()]
        while metrics or run_tags:
            # A request holds at most 1000 things altogether.
            some_tags = run_tags[:MAX_TAGS]
            some = metrics[: MAX_METRICS - len(some_tags)]
            self.client.log_batch(run_id, metrics=some, tags=some_tags)
            metrics, run_tags = metrics[len(some) :], run_tags[len(some_tags) :]

    def _is_there(self, run_id: str, name: str, step: int, value: float) -> bool:
        if run_id not in self._reopened:
            return False
        known = self._reopened[run_id]
        if name not in known:
            history = self.client.get_metric_history(run_id, name)
            known[name] = {entry.step: entry.value for entry in history}
        there = known[name].get(step)
        known[name][step] = value
        return there is not None and math.isclose(there, value, rel_tol=1e-12)

    def _upload(self, record: Record) -> None:
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


def now_ms() -> int:
    """Return the time as MLflow counts it."""
    return time.time_ns() // 1_000_000
