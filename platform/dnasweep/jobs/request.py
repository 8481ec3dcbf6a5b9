"""The parts common to all job requests: storage, work list, and everything that determines the result."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import pyarrow as pa

from dnasweep.formats.rejects import RejectedRow
from dnasweep.jobs.options import JobOptions
from dnasweep.jobs.shards.work_list import key_of
from dnasweep.stages.converted import as_safetensors
from dnasweep.stages.model_sources import find_model
from dnasweep.stages.models import keep_model, model_digest
from dnasweep.storage import Storage, usable_storage
from dnasweep.tracking.client import resolve_uri

Options = TypeVar("Options", bound=JobOptions)


@dataclass(frozen=True, kw_only=True)
class JobRequest(Generic[Options]):
    """A job that can be started."""

    KIND: ClassVar[str]
    """Folder of such jobs below the storage root."""
    options: Options
    """Options of the command."""
    storage: Storage
    """Storage of the job."""
    uri: str
    """MLflow store."""
    rows: pa.Table
    """The work list."""
    settings: dict[str, Any]
    """Everything that determines the result besides the rows; serialisable as JSON."""
    rejects: list[RejectedRow]
    """Bad rows that were left out."""
    shard_size: int
    """Rows per shard, for a new job."""
    notes: tuple[str, ...] = ()
    """Sentences on how files are read, for jobs that print them with their plan."""
    warning: str = ""
    """A sentence on why the results may be less reliable; empty if there is no reason."""

    @property
    def key(self) -> str:
        """The content key of the job: the same request finds its earlier results."""
        return key_of(self.KIND, self.settings, self.rows)


def open_storage(options: JobOptions) -> tuple[Storage, str]:
    """Return the storage of a job, after a test write, and the URI of its MLflow store.

    Raises
    ------
    InputError
        If the storage cannot be written to.
    """
    storage = usable_storage(options.storage, dry_run=options.dry_run)
    return storage, resolve_uri(options.tracking_uri, storage.root)


@contextmanager
def model_directory(source: str, uri: str) -> Iterator[Path]:
    """Provide the directory of a model during the block; a download is removed afterwards.

    Pickled weights are converted to safetensors.

    Parameters
    ----------
    source
        Run id, registered model, directory, or hub name.
    uri
        MLflow store.

    Raises
    ------
    InputError
        If there is no such model.
    """
    with tempfile.TemporaryDirectory(prefix="dnasweep-model-") as scratch:
        found = find_model(source, uri=uri, scratch=Path(scratch)).directory
        yield as_safetensors(found, None, scratch) or found


def model_key(storage: Storage, directory: Path, options: JobOptions) -> str:
    """Return the key of a model, and copy the model into the storage unless this is a dry run.

    Parameters
    ----------
    storage
        Storage of the artefacts.
    directory
        The model.
    options
        Options, which tell whether this is a dry run.
    """
    return model_digest(directory) if options.dry_run else keep_model(storage, directory)
