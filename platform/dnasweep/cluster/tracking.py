"""MLflow, and the only room that imports it.

Training never waits for a tracking server: every call of :class:`Tracker` appends one JSON line to
a spool and returns; one background thread ships the lines in order and remembers how far it came.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

RunStatus = Literal["FINISHED", "FAILED", "KILLED"]


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


def resolve_uri(uri: str | None, storage_root: str) -> str:
    raise NotImplementedError


def check_reachable(uri: str) -> None:
    raise NotImplementedError


def package_versions() -> dict[str, str]:
    raise NotImplementedError


def find_model_directory(
    source: str, *, uri: str | None = None, destination: Path | None = None
) -> Path:
    raise NotImplementedError


class Tracker:
    """Records of one process on their way to MLflow.

    Parameters
    ----------
    uri
        Absolute tracking URI, from :func:`resolve_uri`.
    experiment
        Name of the MLflow experiment; made where it is missing.
    spool
        Directory for the records (local disk). Each process writes a file of its own in it; files
        that earlier processes left are shipped first.
    """

    def __init__(self, uri: str, experiment: str, spool: Path) -> None:
        raise NotImplementedError

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
        raise NotImplementedError

    def metrics(
        self, key: str, metrics: Mapping[str, float], *, step: int, timestamp_ms: int | None = None
    ) -> None:
        raise NotImplementedError

    def tags(self, key: str, tags: Mapping[str, object]) -> None:
        raise NotImplementedError

    def artifact(self, key: str, path: Path, folder: str | None = None) -> None:
        raise NotImplementedError

    def model(
        self,
        key: str,
        directory: Path,
        *,
        registered_name: str,
        alias: str,
        example: str,
        task: str = "text-classification",
    ) -> None:
        raise NotImplementedError

    def end(self, key: str, status: RunStatus = "FINISHED") -> None:
        raise NotImplementedError

    def run_id(self, key: str, *, timeout_s: float = 0.0) -> str | None:
        raise NotImplementedError

    def flush(self, timeout_s: float = 60.0) -> int:
        raise NotImplementedError

    def close(self, timeout_s: float | None = None) -> int:
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
