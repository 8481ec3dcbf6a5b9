"""Training one stage: in this process, or by a group of data-parallel workers.

A stage that fits one device runs where it is called. A larger one runs the same function on every
rank of a Ray Train worker group. Rank 0 puts its evaluations into a queue that the calling thread
drains, so the caller hears of them in its own thread, in order and without loss; Ray's bundled
callback can lose its last report or wait for ever on it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import torch
from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer
from ray.util.queue import Empty, Queue

from dnasweep.cluster.allotment import Allotment
from dnasweep.cluster.board import Poster
from dnasweep.cluster.order import Order
from dnasweep.model.mesh import Mesh
from dnasweep.stages.classifier import finetune
from dnasweep.stages.encoder import pretrain
from dnasweep.stages.outcome import Listener, StageOutcome
from dnasweep.stages.specs import ClassifierSpec, EncoderSpec
from dnasweep.storage import Storage

Spec = EncoderSpec | ClassifierSpec
Evaluations = Callable[[dict[str, Any]], bool | None]

DRAIN_SECONDS = 0.2
RESIZE_SECONDS = 300.0
"""How often a group that may grow looks whether it can; growing costs the steps since the last state."""
MAX_FAILURES = 3
"""Starts of a worker group after the first; each goes on from the last state."""


def run_stage(
    spec: Spec, order: Order, *, text: str, on_evaluation: Evaluations | None = None
) -> StageOutcome:
    """Train a stage to its end and return how it went.

    Parameters
    ----------
    text
        The stage in words, for the progress display.
    on_evaluation
        Hears each evaluation; in process, returning True ends the training there.
    """
    torch.set_num_threads(order.allotment.threads)
    if not order.allotment.grouped:
        return _compute(spec, order, text, on_evaluation, None)
    _run_group(spec, order, text, on_evaluation)
    # Published by rank 0: this only reads it.
    return _compute(spec, order, text, None, None)


def _compute(
    spec: Spec, order: Order, text: str, on_evaluation: Evaluations | None, mesh: Mesh | None
) -> StageOutcome:
    poster = Poster(order.board, spec.key, text)
    leads = mesh is None or mesh.rank == 0
    listener = Listener(on_evaluation=on_evaluation if leads else None, on_step=poster.step)
    storage = Storage(order.storage)
    how: dict[str, Any] = {"mesh": mesh, "listener": listener, "precision": order.precision}
    try:
        if isinstance(spec, EncoderSpec):
            return pretrain(storage, spec, **how)
        return finetune(storage, spec, **how)
    finally:
        poster.close()


def _rank(config: dict[str, Any]) -> None:
    """Run on every worker of a group."""
    spec, order = config["spec"], config["order"]
    torch.set_num_threads(order.allotment.threads)
    queue: Queue = config["queue"]
    _compute(spec, order, config["text"], queue.put, Mesh.current())


def _run_group(spec: Spec, order: Order, text: str, on_evaluation: Evaluations | None) -> None:
    allotment = order.allotment
    queue = Queue(actor_options={"num_cpus": 0})
    worker = {"CPU": float(allotment.cpus_per_worker)}
    if allotment.gpus_per_worker:
        worker["GPU"] = allotment.gpus_per_worker
    trainer = TorchTrainer(
        _rank,
        train_loop_config={"spec": spec, "order": order, "text": text, "queue": queue},
        scaling_config=ScalingConfig(
            num_workers=_num_workers(allotment),
            elastic_resize_monitor_interval_s=RESIZE_SECONDS,
            use_gpu=bool(allotment.gpus_per_worker),
            resources_per_worker=worker,
        ),
        run_config=RunConfig(
            name=spec.key,
            # Of this machine alone, whatever the storage: Ray's own notes, from which nothing is
            # restored. The state of a training is ours, see `Storage.states`.
            storage_path=str(Storage(order.storage).folder("work", "train")),
            failure_config=FailureConfig(
                max_failures=MAX_FAILURES,
                controller_failure_limit=MAX_FAILURES,  # type: ignore[call-arg]
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
    try:
        while thread.is_alive() or not queue.empty():
            try:
                evaluation = queue.get(timeout=DRAIN_SECONDS)
            except Empty:
                continue
            if on_evaluation is not None:
                on_evaluation(evaluation)
        thread.join()
    finally:
        queue.shutdown()
    if failure:
        raise _cause(failure[0])


def _num_workers(allotment: Allotment) -> int | tuple[int, int]:
    """Return a fixed number, or the range within which Ray Train takes what there is."""
    least = allotment.workers if allotment.least is None else allotment.least
    return allotment.workers if least == allotment.workers else (least, allotment.workers)


def _cause(error: BaseException) -> BaseException:
    """Return what a worker raised, rather than Ray's account of it."""
    failures = getattr(error, "worker_failures", None)
    if failures:
        first = next(iter(failures.values()))
        return getattr(first, "cause", None) or first
    return error
