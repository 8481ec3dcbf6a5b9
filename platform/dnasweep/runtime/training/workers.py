"""Training of one stage: in this process, or by a group of data-parallel workers.

A stage that fits on one device runs where it is called. For a larger one, every rank of a Ray
Train worker group runs the same function. Rank 0 puts its evaluations into a queue that is read by
the calling thread, so the caller receives them in its own thread, in order and without loss.
(Ray's bundled callback can lose its last report, or wait for it for ever.)
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import torch
from ray.exceptions import RayError
from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer
from ray.util.queue import Empty, Queue
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from dnasweep.models.training.distributed import DistributedContext
from dnasweep.runtime.cluster.allotment import Allotment, JobSpec
from dnasweep.runtime.ray_private import remove_orphans
from dnasweep.runtime.training.failures import RESTARTS, Hung, is_final, lost, portable
from dnasweep.runtime.training.progress_actor import ProgressPoster, hang_reports
from dnasweep.runtime.training.rendezvous import torch_config
from dnasweep.runtime.training.watchdog import PreemptionNotice, Watch, this_node
from dnasweep.stages.classifier import finetune
from dnasweep.stages.encoder import pretrain
from dnasweep.stages.outcome import Listener, StageOutcome
from dnasweep.stages.specs import ClassifierSpec, EncoderSpec
from dnasweep.storage import Storage

Spec = EncoderSpec | ClassifierSpec
Evaluations = Callable[[dict[str, Any]], bool | None]

DRAIN_SECONDS = 0.2
ORPHAN_SECONDS = 5.0
"""Seconds between two checks for placement groups of drivers that were killed."""
RESIZE_SECONDS = 300.0
"""Seconds between two checks of whether an elastic group can grow, which costs the steps since the last
state."""
START = "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S"
ELASTIC_START_SECONDS = "60"
"""Seconds for which an elastic group waits for all workers, because Ray may still count a machine
that has just gone."""
MAX_HANGS = 1
"""Number of hangs after which a training run is still started again."""


def run_stage(
    spec: Spec, job: JobSpec, *, text: str, on_evaluation: Evaluations | None = None
) -> StageOutcome:
    """Train a stage to its end and return its outcome.

    Parameters
    ----------
    spec
        Specification of the model to train.
    job
        Placement and resources of the stage.
    text
        Name of the stage in the progress display.
    on_evaluation
        Called with each evaluation. Without a worker group, returning True ends the training.
    """
    torch.set_num_threads(job.allotment.cpus_per_worker)
    if not job.allotment.grouped:
        return _compute(spec, job, text, on_evaluation, None)
    _run_group(spec, job, text, on_evaluation)
    # Rank 0 has published the result; this only reads it.
    return _compute(spec, job, text, None, None)


def _compute(
    spec: Spec,
    job: JobSpec,
    text: str,
    on_evaluation: Evaluations | None,
    context: DistributedContext | None,
) -> StageOutcome:
    actor = job.progress_actor
    leads = context is None or context.rank == 0
    storage = Storage(job.storage)
    hangs = hang_reports(actor).get(spec.key, []) if leads else []
    if len(hangs) > MAX_HANGS:
        raise Hung(f"{hangs[-1]}; {len(hangs)} times")
    nodes = _nodes(context)
    poster = ProgressPoster(actor, spec.key, text)
    seconds = job.hang_seconds if leads else 0.0
    with (
        Watch(seconds, poster.report_hang) as watch,
        PreemptionNotice(nodes if leads else ()) as notice,
    ):

        def step(done: int, total: int, bases: float) -> None:
            watch.beat()
            poster.step(done, total, bases)

        def evaluated(evaluation: dict[str, Any]) -> bool | None:
            watch.beat()
            return None if on_evaluation is None else on_evaluation(evaluation)

        listener = Listener(
            on_evaluation=evaluated if leads else None, on_step=step, save_when=notice.due
        )
        try:
            if isinstance(spec, EncoderSpec):
                return pretrain(storage, spec, context=context, listener=listener)
            return finetune(storage, spec, context=context, listener=listener)
        finally:
            poster.close()


def _nodes(context: DistributedContext | None) -> Collection[str]:
    """Return the NodeIDs of the machines used by a training run."""
    if context is None or context.world_size == 1:
        return {this_node()}
    mine = np.frombuffer(bytes.fromhex(this_node()), np.uint8).astype(float)
    nodes = context.gather_rows(np.array([context.rank]), mine[None], context.world_size)
    return {row.astype(np.uint8).tobytes().hex() for row in nodes}


def _rank(config: dict[str, Any]) -> None:
    """Run on every worker of a group."""
    spec, job = config["spec"], config["job"]
    torch.set_num_threads(job.allotment.cpus_per_worker)
    evaluations: Queue = config["evaluations"]
    final_errors: Queue = config["final_errors"]
    if not final_errors.empty():
        # Ray Train restarts a group after any error, but this one would occur again.
        return
    try:
        _compute(spec, job, config["text"], evaluations.put, DistributedContext.current())
    except Exception as error:
        if is_final(error):
            final_errors.put(portable(error))
        raise


def _run_group(spec: Spec, job: JobSpec, text: str, on_evaluation: Evaluations | None) -> None:
    allotment = job.allotment
    if allotment.elastic:
        os.environ[START] = ELASTIC_START_SECONDS
    # The queues run on this machine and end with this process; other machines may leave in the
    # meantime.
    here = NodeAffinitySchedulingStrategy(this_node(), soft=False)
    options = {"num_cpus": 0, "scheduling_strategy": here}
    evaluations, final_errors = (Queue(actor_options=options) for _ in range(2))
    worker = {"CPU": float(allotment.cpus_per_worker)}
    if allotment.gpus_per_worker:
        worker["GPU"] = allotment.gpus_per_worker
    trainer = TorchTrainer(
        _rank,
        train_loop_config={
            "spec": spec,
            "job": job,
            "text": text,
            "evaluations": evaluations,
            "final_errors": final_errors,
        },
        torch_config=torch_config(),
        scaling_config=ScalingConfig(
            **_size(allotment),
            use_gpu=bool(allotment.gpus_per_worker),
            resources_per_worker=worker,
        ),
        run_config=RunConfig(
            name=spec.key,
            # Ray's own files are always on this machine; nothing is restored from them.
            # This package saves the state of a training run itself; see `Storage.state_folder`.
            storage_path=str(Storage(job.storage).folder("work", "train")),
            failure_config=FailureConfig(
                max_failures=RESTARTS,
                controller_failure_limit=RESTARTS,  # type: ignore[call-arg]
            ),
        ),
    )
    failure: list[BaseException] = []

    def fit() -> None:
        try:
            trainer.fit()
        except BaseException as error:
            failure.append(error)

    logging.getLogger("ray.train").setLevel(logging.ERROR)
    thread = threading.Thread(target=fit, daemon=True)
    thread.start()
    last_look = 0.0
    try:
        while thread.is_alive() or not evaluations.empty():
            if time.monotonic() - last_look > ORPHAN_SECONDS:
                remove_orphans()
                last_look = time.monotonic()
            try:
                evaluation = evaluations.get(timeout=DRAIN_SECONDS)
            except Empty:
                continue
            if on_evaluation is not None:
                on_evaluation(evaluation)
        thread.join()
        if not final_errors.empty():
            raise final_errors.get()
    finally:
        evaluations.shutdown()
        final_errors.shutdown()
    if failure:
        raise _cause(failure[0])


def _size(allotment: Allotment) -> dict[str, Any]:
    """Return the number of workers, or the range of the number used by Ray Train."""
    if not allotment.elastic:
        return {"num_workers": allotment.workers}
    workers = allotment.min_workers, allotment.workers
    return {"num_workers": workers, "elastic_resize_monitor_interval_s": RESIZE_SECONDS}


def _cause(error: BaseException) -> BaseException:
    """Return the error of a worker itself, instead of Ray's wrapper."""
    failures = getattr(error, "worker_failures", None)
    first = next(iter(failures.values())) if failures else error
    cause = getattr(first, "cause", None) or first
    # The group has already been restarted as often as is useful.
    return lost(cause) if isinstance(cause, RayError) else cause
