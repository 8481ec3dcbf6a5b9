"""Where the functions of the front door compute, where they keep results, and what they say."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console

from dnasweep.errors import InputError
from dnasweep.report.console import Terminal
from dnasweep.tracking.client import NO_TRACKING

if TYPE_CHECKING:
    from dnasweep.jobs.executor import Executor as JobExecutor
    from dnasweep.jobs.job import FinishedJob, Job
    from dnasweep.sweeps.executor import Executor as SweepExecutor

LOCAL = "local"
"""Address of Ray on this machine alone."""


class Workplace:
    """The storage of a call, and the executor that its address stands for; a context manager.

    Parameters
    ----------
    storage
        Storage root to keep results in. None: a folder that is removed with this object, and no
        record in MLflow.
    address
        Ray cluster: `auto`, HOST:PORT, or `local` for workers on this machine. None: this process.
    tracking_uri
        MLflow store. None: none without `storage`, else as on the command line.
    progress
        Whether to say on the standard error stream how it goes.

    Raises
    ------
    InputError
        For a cluster of other machines without a storage that they share.
    """

    def __init__(
        self,
        storage: str | Path | None = None,
        address: str | None = None,
        tracking_uri: str | None = None,
        *,
        progress: bool = True,
    ) -> None:
        if storage is None and address not in (None, LOCAL):
            raise InputError(
                f"address is {address!r}, and no storage is named that its machines share",
                remedy="Name one with storage=..., a shared folder or s3://bucket/folder.",
            )
        self.kept = storage is not None
        """Whether results are kept."""
        self.scratch = None if self.kept else tempfile.TemporaryDirectory(prefix="dnasweep-")
        self.storage = str(storage) if self.scratch is None else self.scratch.name
        self.on_ray = address is not None
        self.address = None if address == LOCAL else address
        self.tracking_uri = tracking_uri if self.kept or tracking_uri else NO_TRACKING
        self.console = console(progress)

    @property
    def options(self) -> dict[str, str | None]:
        """Options of every command that say where it works."""
        return {
            "storage": self.storage,
            "tracking_uri": self.tracking_uri,
            "address": self.address,
        }

    def job_executor(self) -> JobExecutor:
        """Return what computes the shards of a job."""
        if self.on_ray:
            from dnasweep.runtime.shards.pool import RayPool

            return RayPool()
        from dnasweep.jobs.executor import InProcess

        # Results that are kept have the same bytes wherever they were computed.
        return InProcess(one_thread=self.kept)

    def run(self, job: Job[Any], executor: JobExecutor) -> FinishedJob:
        """Run a job; its closing lines are said, and its files copied, where results are kept."""
        from dnasweep.jobs.job import run_job, run_together

        if self.kept:
            finished = run_job(job, self.console, executor=executor)
            assert finished is not None
            return finished
        options = job.request.options
        (finished,) = run_together([job], options, self.console, executor=executor)
        return finished

    def sweep_executor(self) -> type[SweepExecutor]:
        """Return what trains the cells of a sweep."""
        if self.on_ray:
            from dnasweep.runtime.executor import RayExecutor

            return RayExecutor
        from dnasweep.sweeps.in_process import InProcessExecutor

        return InProcessExecutor

    def close(self) -> None:
        """Remove what is not kept."""
        if self.scratch is not None:
            self.scratch.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def console(progress: bool) -> Console:
    """Return where to say how it goes: the standard error stream, or nowhere."""
    return Terminal(stderr=True, highlight=False, quiet=not progress)
