"""How a command runs its job: in this process, or on Ray, which is imported when it is first needed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from typing import Any

from rich.console import Console

from dnasweep.jobs.executor import Executor, InProcess
from dnasweep.jobs.job import FinishedJob, Job, run_job
from dnasweep.jobs.messages import note
from dnasweep.jobs.options import JobOptions, NearOptions

Say = Callable[[str], None]
"""Called with each sentence on how the input was interpreted."""
MakeJob = Callable[[Any, Executor, Console, Say], Job[Any]]
"""Checks the options of a command and returns its job."""


def run(
    make: MakeJob,
    options: JobOptions,
    console: Console,
    *,
    waiting: str = "",
    executor: Executor | None = None,
) -> FinishedJob | None:
    """Run the job of a command; return None after a dry run.

    Parameters
    ----------
    make
        Method `of` of the kind of job.
    options
        Options of the command.
    console
        Console for progress and results.
    waiting
        Shown while the job is made, if that takes long, such as `reading the model`.
    executor
        Executor; None: Ray, or this process for a job that needs no cluster and for which none is requested.

    Raises
    ------
    InputError
        For any problem that the user can fix, before the first row is computed if it can be detected by then.
    """
    if executor is None:
        near = isinstance(options, NearOptions) and not options.wants_ray
        executor = InProcess(one_thread=False) if near else on_ray()
    with console.status(waiting) if waiting else contextlib.nullcontext():
        job = make(options, executor, console, partial(note, console=console))
    return run_job(job, console, executor=executor)


def on_ray() -> Executor:
    """Return an executor that computes shards on Ray."""
    from dnasweep.runtime.shards.pool import RayPool

    return RayPool()
