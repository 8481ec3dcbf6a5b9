"""MLflow for a sweep: one run a trial, and training never waits for the server.

Every call of :class:`Tracker` appends one JSON line to a spool on local disk and returns. One
background thread ships the lines in order, remembers how far it came, and tries again while the
server is away; what a process leaves behind is shipped by the next one.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from dnasweep.tracking.client import without_password
from dnasweep.tracking.models import model_record
from dnasweep.tracking.replay import (
    MAX_PARAM_CHARS,
    MAX_TAG_CHARS,
    now_ms,
)
from dnasweep.tracking.uploader import Uploader
from dnasweep.tracking.write_ahead_log import Record, WriteAheadLog

log = logging.getLogger("dnasweep.tracking")

RunStatus = Literal["FINISHED", "FAILED", "KILLED"]

_NOT_A_NAME = re.compile(r"[^\w\-./ :]")


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetInput:
    """A data set a run has used, by digest; no data is uploaded."""

    name: str
    """As shown in MLflow."""
    digest: str
    """Content key, at most 36 characters."""
    source: str
    """Path or URI it was made from."""
    context: str = "training"
    """What it was used for."""


class Tracker:
    """Records of one process on their way to MLflow; a context manager, usable from any thread.

    Parameters
    ----------
    uri
        Absolute tracking URI, from :func:`resolve_uri`.
    experiment
        Name of the MLflow experiment; made where it is missing.
    spool
        Directory for the records, on local disk. Each process writes a file of its own in it;
        files that processes now gone have left for the same `uri` are shipped first.
    """

    def __init__(self, uri: str, experiment: str, spool: Path) -> None:
        self._uri = uri
        self._spool = spool.absolute()
        self._closed = False
        header = {"uri": without_password(uri), "experiment": experiment}
        self._own = WriteAheadLog.create(self._spool, header)
        self._courier = Uploader(uri, experiment, self._spool, self._own)

    def run(
        self,
        key: str,
        *,
        name: str,
        parent: str | None = None,
        params: Mapping[str, object] | None = None,
        tags: Mapping[str, object] | None = None,
        inputs: Sequence[DatasetInput] | None = None,
    ) -> None:
        """Open the run of `key`, the one that stands there or a new one.

        Parameters
        ----------
        key
            Identity of the run within the experiment, kept as its tag `trial_key`.
        name
            Name shown in MLflow.
        parent
            Key of the run to nest it under.
        params
            Parameters. They cannot change in MLflow: one that stands there with another value is
            kept, and the new value becomes the tag `changed/<name>`.
        tags
            Tags; of a value that may change from attempt to attempt make a tag.
        inputs
            Data sets used.
        """
        self._append(
            {
                "kind": "run",
                "key": key,
                "name": name,
                "parent": parent,
                "params": _texts(params, MAX_PARAM_CHARS),
                "tags": _texts(tags, MAX_TAG_CHARS),
                "inputs": [asdict(entry) for entry in inputs or ()],
                "time": now_ms(),
            }
        )

    def metrics(
        self, key: str, metrics: Mapping[str, float], *, step: int, timestamp_ms: int | None = None
    ) -> None:
        """Record metrics at `step`; one that is not finite becomes the tag `nonfinite/<name>`."""
        finite = {_clean(n): float(v) for n, v in metrics.items() if math.isfinite(v)}
        if finite:
            when = now_ms() if timestamp_ms is None else timestamp_ms
            self._append(
                {
                    "kind": "metrics",
                    "key": key,
                    "metrics": finite,
                    "step": int(step),
                    "time": when,
                }
            )
        odd = {
            f"nonfinite/{n}": f"{float(v)} at step {step}"
            for n, v in metrics.items()
            if not math.isfinite(v)
        }
        if odd:
            self.tags(key, odd)

    def tags(self, key: str, tags: Mapping[str, object]) -> None:
        """Set tags."""
        if tags:
            self._append({"kind": "tags", "key": key, "tags": _texts(tags, MAX_TAG_CHARS)})

    def artifact(self, key: str, path: Path, folder: str | None = None) -> None:
        """Upload a file or folder; it must stay where it is until it has been shipped."""
        self._append(
            {"kind": "artifact", "key": key, "path": str(path.absolute()), "folder": folder}
        )

    def model(
        self,
        key: str,
        directory: Path,
        *,
        registered_name: str,
        alias: str,
        example: str,
        task: Literal["text-classification", "fill-mask"] = "text-classification",
    ) -> None:
        """Log a transformers directory as the model of the run, register it and set an alias.

        It then answers `mlflow models predict -m models:/NAME@ALIAS` with raw DNA in. The same
        content of one run is registered once.

        Parameters
        ----------
        key
            The run that made it.
        directory
            Holds config.json, model.safetensors and the tokenizer; must stay until shipped.
        registered_name
            Name in the model registry.
        alias
            Alias that shall point to this version.
        example
            A DNA sequence as input example.
        task
            Pipeline task.
        """
        model = model_record(
            directory, registered_name=registered_name, alias=alias, example=example, task=task
        )
        self._append({"kind": "model", "key": key, "model": model})

    def end(self, key: str, status: RunStatus = "FINISHED") -> None:
        """Close the run."""
        self._append({"kind": "end", "key": key, "status": status, "time": now_ms()})

    def run_id(self, key: str, *, timeout_s: float = 0.0) -> str | None:
        """Return the MLflow run id of `key`, waiting at most `timeout_s`; None if not yet known."""
        return self._courier.run_id(key, timeout_s)

    @property
    def pending(self) -> int:
        """Records not yet shipped, those of earlier processes counted."""
        return self._courier.pending

    def flush(self, timeout_s: float = 60.0) -> int:
        """Wait until everything is shipped, at most `timeout_s`; return how many records are not."""
        return self._courier.wait_until_uploaded(timeout_s)

    def close(self, timeout_s: float | None = None) -> int:
        """Ship what is left and stop; return how many records are not shipped.

        Waits as long as records get through, and gives up at the first one that does not: then
        one logged line says how many wait where. `timeout_s` limits the waiting further.
        """
        if self._closed:
            return self.pending
        self._closed = True
        waiting = self._courier.stop(timeout_s)
        if waiting:
            log.warning(
                "%d records for MLflow wait in %s (%s); the same command sends them when %s "
                "answers again",
                waiting,
                self._spool,
                self._courier.failure or "there was no time",
                without_password(self._uri),
            )
        if self._courier.rejected:
            log.warning(
                "MLflow refused %d records; they stand in %s/*.rejected",
                self._courier.rejected,
                self._spool,
            )
        return waiting

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _append(self, record: Record) -> None:
        if self._closed:
            raise RuntimeError("the tracker is closed")
        self._own.append(record)


def _clean(name: str) -> str:
    return _NOT_A_NAME.sub("_", name)


def _texts(values: Mapping[str, object] | None, limit: int) -> dict[str, str]:
    return {_clean(name): str(value)[:limit] for name, value in (values or {}).items()}
