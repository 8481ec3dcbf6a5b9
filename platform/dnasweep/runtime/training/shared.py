"""Stages that trials share, built on Ray before the trials start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ray

from dnasweep.errors import InputError
from dnasweep.runtime.cluster.allotment import JobSpec
from dnasweep.runtime.training.failures import RESTARTS, lost
from dnasweep.stages.outcome import StageOutcome
from dnasweep.stages.pmi import obtain_table
from dnasweep.stages.pmi_specs import PmiSpec
from dnasweep.stages.specs import ClassifierSpec, EncoderSpec, TokenizerSpec
from dnasweep.stages.tokens import obtain_corpus
from dnasweep.storage import Storage

_LOOK_S = 10.0
"""Seconds between two looks for machines that have joined."""


def _tokenise(spec: TokenizerSpec, storage: str) -> None:
    obtain_corpus(Storage(storage), spec)


def _tabulate(spec: PmiSpec, storage: str) -> None:
    obtain_table(Storage(storage), spec)


def _pretrain(spec: EncoderSpec, job: JobSpec, text: str) -> StageOutcome:
    # Imported here because the driver imports this module and does not need torch.
    from dnasweep.runtime.training.workers import run_stage

    return run_stage(spec, job, text=text)


def _evaluate_on_test(spec: ClassifierSpec, storage: str) -> None:
    from dnasweep.stages.testing import evaluate_on_test

    evaluate_on_test(Storage(storage), spec)


def build_corpora(
    specs: Sequence[TokenizerSpec], job: JobSpec, *, done: Callable[[TokenizerSpec], None]
) -> None:
    """Fit tokenizers and tokenise the data set, in parallel."""
    _build(_tokenise, specs, job, done)


def build_tables(
    specs: Sequence[PmiSpec], job: JobSpec, *, done: Callable[[PmiSpec], None]
) -> None:
    """Count and score the k-mers that maskings use, in parallel."""
    _build(_tabulate, specs, job, done)


def _build(
    build: Callable[[Any, str], None],
    specs: Sequence[Any],
    job: JobSpec,
    done: Callable[[Any], None],
) -> None:
    remote = ray.remote(build).options(num_cpus=1)
    running = {remote.remote(spec, job.storage): spec for spec in specs}
    while running:
        for reference in ray.wait(list(running), num_returns=1)[0]:
            spec = running.pop(reference)
            _get(reference)
            done(spec)


def build_encoders(
    specs: Sequence[EncoderSpec],
    job: JobSpec,
    *,
    room: Callable[[], int],
    name: Callable[[EncoderSpec], str],
    done: Callable[[EncoderSpec, StageOutcome], None],
) -> None:
    """Pretrain encoders in parallel, parents before children.

    Parameters
    ----------
    specs
        What to pretrain.
    job
        Where, and with which resources.
    room
        Returns how many have room at once.
    name
        Returns the name of an encoder in the progress display.
    done
        Called with each encoder and its outcome.
    """
    storage = Storage(job.storage)
    allotment = job.allotment
    single = not allotment.grouped
    remote = ray.remote(_pretrain).options(
        num_cpus=allotment.cpus_per_worker if single else 0,
        num_gpus=allotment.gpus_per_worker if single else 0,
        # The driver of a group runs on a node for drivers; Ray needs no CPU for a task without one.
        resources={name: n for name, n in allotment.driver if name != "CPU"},
        max_retries=RESTARTS,
    )
    waiting = list(specs)
    running: dict[Any, EncoderSpec] = {}
    while waiting or running:
        for spec in list(waiting):
            ready = spec.parent is None or storage.exists(spec.kind, spec.parent.key)
            if ready and len(running) < max(1, room()):
                waiting.remove(spec)
                running[remote.remote(spec, job, name(spec))] = spec
        for reference in ray.wait(list(running), num_returns=1, timeout=_LOOK_S)[0]:
            spec = running.pop(reference)
            done(spec, _get(reference))


def evaluate_on_tests(
    specs: Sequence[ClassifierSpec], job: JobSpec, *, done: Callable[[], None]
) -> None:
    """Score chosen trials on their test rows, in parallel."""
    allotment = job.allotment
    remote = ray.remote(_evaluate_on_test).options(
        num_cpus=allotment.cpus_per_worker, num_gpus=allotment.gpus_per_worker
    )
    for reference in [remote.remote(spec, job.storage) for spec in specs]:
        _get(reference)
        done()


def _get(reference: Any) -> Any:
    """Return the result of a task, or raise its own error instead of Ray's wrapper."""
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, InputError):
            raise error.cause from None
        raise
    except ray.exceptions.RayError as error:
        raise InputError(
            str(lost(error)),
            remedy="Run the same command again: it goes on from the last state.",
        ) from error
