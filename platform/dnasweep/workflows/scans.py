"""The job of a genome scan, by what its model predicts."""

from __future__ import annotations

from rich.console import Console

from dnasweep.jobs.executor import Executor
from dnasweep.jobs.scan_options import ScanOptions
from dnasweep.jobs.scan_request import prepare_scan
from dnasweep.workflows.output_scans import OutputScanJob
from dnasweep.workflows.run import Say
from dnasweep.workflows.scan_job import ScanJob


def scan_job(options: ScanOptions, executor: Executor, console: Console, say: Say) -> ScanJob:
    """Return the job of a scan.

    Parameters
    ----------
    options, executor, console, say
        As for every job: see :data:`dnasweep.workflows.run.MakeJob`.
    """
    request = prepare_scan(options, resolve=executor.resolve_precision)
    return OutputScanJob(request) if request.outputs else ScanJob(request)
