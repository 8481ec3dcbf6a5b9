"""Where the functions of the Python interface compute, keep results, and print progress."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

from rich.console import Console

from dnasweep.errors import InputError
from dnasweep.report.console import Terminal
from dnasweep.tracking.client import NO_TRACKING

if TYPE_CHECKING:
    from dnasweep.jobs.executor import Executor as JobExecutor
    from dnasweep.jobs.job import FinishedJob
    from dnasweep.jobs.options import JobOptions
    from dnasweep.sweeps.executor import Executor as SweepExecutor
    from dnasweep.workflows.run import MakeJob

LOCAL = "local"
"""Address that means a Ray instance on this machine alone."""


class Workplace:
    """The storage of a call and the executor selected by its address; a context manager.

    Parameters
    ----------
    storage
        Storage root to keep results in. None: a temporary folder that is removed with this object, and
        no record in MLflow.
    address
        Ray cluster: `auto`, HOST:PORT, or `local` for workers on this machine. None: this process.
    tracking_uri
        MLflow tracking URI. None: no tracking without `storage`, otherwise the command line's default.
    progress
        Whether to print progress to standard error.

    Raises
    ------
    InputError
        For a cluster of several machines without a storage that they share.
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
                f"address is {address!r}, but no storage is given that its machines share",
                remedy="Give one with storage=..., a shared folder or s3://bucket/folder.",
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
        """The options, common to all commands, for where to work."""
        return {
            "storage": self.storage,
            "tracking_uri": self.tracking_uri,
            "address": self.address,
        }

    def job_executor(self) -> JobExecutor:
        """Return the executor for the shards of a job."""
        if self.on_ray:
            from dnasweep.runtime.shards.pool import RayPool

            return RayPool()
        from dnasweep.jobs.executor import InProcess

        # Stored results must have the same bytes wherever they are computed.
        return InProcess(one_thread=self.kept)

    def run(self, make: MakeJob, asked: JobOptions) -> FinishedJob:
        """Run the job of these options; if results are kept, print its closing lines and copy its files."""
        from dnasweep.jobs.job import run_job, run_together
        from dnasweep.jobs.messages import note, warn

        executor = self.job_executor()
        job = make(asked, executor, self.console, self.console.print)
        if self.kept:
            finished = run_job(job, self.console, executor=executor)
            assert finished is not None
            return finished
        for line in job.request.notes:
            note(line, self.console)
        warn(job.request.warning, self.console)
        (finished,) = run_together([job], asked, self.console, executor=executor)
        return finished

    def sweep_executor(self) -> type[SweepExecutor]:
        """Return the executor class that trains the cells of a sweep."""
        if self.on_ray:
            from dnasweep.runtime.executor import RayExecutor

            return RayExecutor
        from dnasweep.sweeps.in_process import InProcessExecutor

        return InProcessExecutor

    def close(self) -> None:
        """Remove temporary files."""
        if self.scratch is not None:
            self.scratch.cleanup()

    @contextmanager
    def closed_on_error(self) -> Iterator[None]:
        """Remove temporary files if the block fails; otherwise the returned object keeps them."""
        try:
            yield
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def console(progress: bool) -> Console:
    """Return a console for progress messages: standard error, or a silent one."""
    return Terminal(stderr=True, highlight=False, quiet=not progress)
