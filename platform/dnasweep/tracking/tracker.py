"""MLflow for a sweep: one run per trial; training never waits for the server.

Every call of :class:`Tracker` appends one JSON line to a write-ahead log on local disk and
returns. One background thread uploads the lines in order, records its position, and retries while
the server is unavailable. Lines that a process leaves behind are uploaded by the next process.
"""

from __future__ import annotations

import logging
import math
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self

from dnasweep.tracking.client import NO_TRACKING, without_password
from dnasweep.tracking.copies import Copy
from dnasweep.tracking.replay import MAX_PARAM_CHARS, MAX_TAG_CHARS
from dnasweep.tracking.uploader import Uploader
from dnasweep.tracking.write_ahead_log import WriteAheadLog

log = logging.getLogger("dnasweep.tracking")

RunStatus = Literal["FINISHED", "FAILED", "KILLED"]

_NOT_A_NAME = re.compile(r"[^\w\-./ :]")


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetInput:
    """A data set used by a run, identified by its digest; no data are uploaded."""

    name: str
    """Name shown in MLflow."""
    digest: str
    """Content key, at most 36 characters."""
    source: str
    """Path or URI of its source."""
    context: str = "training"
    """What it was used for."""


class Tracker:
    """Records what a process does for MLflow; a context manager that any thread may use.

    Parameters
    ----------
    uri
        Absolute tracking URI, from :func:`~dnasweep.tracking.client.resolve_uri`; with `none`
        nothing is recorded.
    experiment
        Name of the MLflow experiment; created if there is none.
    folder
        Directory for the write-ahead log, on local disk. Each process writes its own file there.
        Files that earlier processes left for the same `uri` are uploaded first.
    copies
        Other trackers that also get runs, metrics and tags.
    """

    def __init__(
        self, uri: str, experiment: str, folder: Path, *, copies: Sequence[Copy] = ()
    ) -> None:
        self._uri = uri
        self._folder = folder.absolute()
        self._copies = copies
        self._closed = False
        self._uploader: Uploader | None = None
        if uri == NO_TRACKING:
            return
        header = {"uri": without_password(uri), "experiment": experiment}
        self._own = WriteAheadLog.create(self._folder, header)
        self._uploader = Uploader(uri, experiment, self._folder, self._own)

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
        """Open the run of `key`: an existing or a new one.

        Parameters
        ----------
        key
            Identity of the run within the experiment, stored as its tag `trial_key`.
        name
            Name shown in MLflow.
        parent
            Key of the run to nest it under.
        params
            Parameters. MLflow does not allow changes: if the run already has another value, that
            value is kept, and the new one becomes the tag `changed/<name>`.
        tags
            Tags. Use them for values that may differ between attempts.
        inputs
            Data sets used.
        """
        shown = _texts(tags, MAX_TAG_CHARS)
        self._copy("run", key, name=name, params=dict(params or {}), tags=shown)
        self._append(
            "run",
            key,
            name=name,
            parent=parent,
            params=_texts(params, MAX_PARAM_CHARS),
            tags=shown,
            inputs=[asdict(entry) for entry in inputs or ()],
            time=_now_ms(),
        )

    def metrics(self, key: str, metrics: Mapping[str, float], *, step: int) -> None:
        """Record metrics at a step; a non-finite value becomes the tag `nonfinite/<name>`.

        Parameters
        ----------
        key
            Key of the run.
        metrics
            Values of the metrics by name.
        step
            Step of the run that they belong to.
        """
        finite = {_clean(n): float(v) for n, v in metrics.items() if math.isfinite(v)}
        if finite:
            self._copy("metrics", key, metrics=finite, step=int(step))
            self._append("metrics", key, metrics=finite, step=int(step), time=_now_ms())
        self.tags(
            key,
            {
                f"nonfinite/{n}": f"{float(v)} at step {step}"
                for n, v in metrics.items()
                if not math.isfinite(v)
            },
        )

    def tags(self, key: str, tags: Mapping[str, object]) -> None:
        """Set tags of a run."""
        if tags:
            shown = _texts(tags, MAX_TAG_CHARS)
            self._copy("tags", key, tags=shown)
            self._append("tags", key, tags=shown)

    def artifact(self, key: str, path: Path, folder: str | None = None) -> None:
        """Upload a file or folder, which must stay in place until then, to a folder of artifacts.

        Parameters
        ----------
        key
            Key of the run.
        path
            The file or folder.
        folder
            Folder of artifacts; None: the top one.
        """
        self._append("artifact", key, path=str(path.absolute()), folder=folder)

    def model(
        self,
        key: str,
        directory: Path,
        *,
        registered_name: str,
        alias: str,
        example: str,
    ) -> None:
        """Log a transformers directory as the model of a run, register it and set an alias.

        The model can then be used by `mlflow models predict -m models:/NAME@ALIAS` with raw DNA as
        input. The same content of one run is registered only once.

        Parameters
        ----------
        key
            The run that made the model.
        directory
            Contains config.json, model.safetensors and the tokenizer; it must stay in place until it
            has been uploaded.
        registered_name
            Name in the model registry.
        alias
            Alias that will point to this version.
        example
            A DNA sequence as input example.
        """
        model = {
            "directory": str(directory.absolute()),
            "name": registered_name,
            "alias": alias,
            "example": example,
        }
        self._append("model", key, model=model)

    def view(self, name: str, state: str) -> None:
        """Store a view of the experiment's runs; see :mod:`dnasweep.tracking.saved_view`."""
        self._append("view", name, state=state)

    def end(self, key: str, status: RunStatus = "FINISHED") -> None:
        """Close a run."""
        self._copy("end", key, status=status)
        self._append("end", key, status=status, time=_now_ms())

    @property
    def pending(self) -> int:
        """Number of records not uploaded yet, including those of earlier processes."""
        return 0 if self._uploader is None else self._uploader.pending

    def flush(self, timeout_s: float = 60.0) -> int:
        """Wait at most `timeout_s` for all uploads; return the number of records not uploaded."""
        return 0 if self._uploader is None else self._uploader.wait_until_uploaded(timeout_s)

    def close(self, timeout_s: float | None = None) -> int:
        """Upload the remaining records and stop; return the number of records not uploaded.

        This waits as long as uploads succeed and gives up at the first failure; a log line then
        says how many records are waiting and where. `timeout_s` is an additional limit.
        """
        if self._closed:
            return self.pending
        self._closed = True
        for copy in self._copies:
            copy.close(timeout_s)
        if self._uploader is None:
            return 0
        waiting = self._uploader.stop(timeout_s)
        if waiting:
            log.warning(
                "%d records for MLflow wait in %s (%s); the same command sends them when %s "
                "answers again",
                waiting,
                self._folder,
                self._uploader.failure or "there was no time",
                without_password(self._uri),
            )
        if self._uploader.rejected:
            log.warning(
                "MLflow refused %d records; they stand in %s/*.rejected",
                self._uploader.rejected,
                self._folder,
            )
        return waiting

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _copy(self, kind: str, key: str, **values: Any) -> None:
        for copy in self._copies:
            copy.put({"kind": kind, "key": key, **values})

    def _append(self, kind: str, key: str, **values: Any) -> None:
        if self._closed:
            raise RuntimeError("the tracker is closed")
        if self._uploader is None:
            return
        self._own.append({"kind": kind, "key": key, **values})


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _clean(name: str) -> str:
    return _NOT_A_NAME.sub("_", name)


def _texts(values: Mapping[str, object] | None, limit: int) -> dict[str, str]:
    return {_clean(name): str(value)[:limit] for name, value in (values or {}).items()}
