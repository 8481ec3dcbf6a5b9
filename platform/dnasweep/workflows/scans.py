"""A genome scan as a command: check the request, then scan shard by shard."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from dnasweep.jobs.executor import Executor
from dnasweep.jobs.job import run_job
from dnasweep.jobs.scan_options import ScanOptions
from dnasweep.jobs.scan_request import ScanRequest, prepare_scan
from dnasweep.workflows.output_scans import OutputScanJob
from dnasweep.workflows.ray_pool import on_ray
from dnasweep.workflows.scan_job import ScanJob


def run_scan(
    options: ScanOptions, console: Console, *, executor: Executor | None = None
) -> Path | None:
    """Scan a genome and return the folder of peaks and comparisons; None after a dry run.

    Parameters
    ----------
    options
        Options of the command.
    console
        Console for progress and results.
    executor
        Executor; None: Ray.

    Raises
    ------
    InputError
        For any problem that the user can fix.
    """
    executor = executor or on_ray()
    with console.status("reading the genome and the model"):
        request = prepare_scan(options, resolve=executor.resolve_precision)
    finished = run_job(scan_job(request), console, executor=executor)
    return None if finished is None else finished.made.folder


def scan_job(request: ScanRequest) -> ScanJob:
    """Return the job of a scan, by what its model predicts."""
    return OutputScanJob(request) if request.outputs else ScanJob(request)
