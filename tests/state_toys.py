"""Toy trainings in processes of their own, whose state is kept in a storage."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import torch
from dnasweep.config import OptimizerConfig, TrainingConfig
from dnasweep.models.architecture import build_classifier
from dnasweep.models.training.distributed import DistributedContext
from dnasweep.models.training.train import TrainingResult, train
from dnasweep.storage import Bucket, Storage
from toys import TINY, class_task, toy_language

KIND, TRIAL = "trials", "toy"
# 68 training rows in batches of 16: 5 steps an epoch, the last of 4 rows; an evaluation every 5.
CONFIG = TrainingConfig(
    bases=20_000,
    batch_size=16,
    micro_batch_size=8,
    evaluations=4,
    dropout=0.1,
    optimizer=OptimizerConfig(learning_rate=3e-3),
)


def train_toy(
    where: Path | Bucket | None, *, context: DistributedContext | None = None, **how
) -> TrainingResult:
    """Train the toy classifier to its end, or from the state that is there."""
    toy = toy_language(90, ragged=9)
    model = build_classifier(
        TINY,
        tokenizer=toy.tokenizer,
        num_tokens=int(toy.corpus.num_tokens().max()),
        dropout=CONFIG.dropout,
        seed=0,
    )
    context = context or DistributedContext(device=torch.device("cpu"))
    return train(class_task(toy), model, CONFIG, context=context, state_dir=where, **how)


def numbers(result: TrainingResult) -> list:
    """Return everything of its evaluations that has to be reproducible, as JSON types."""
    return [[e.step, e.bases_seen, e.metrics, e.train_loss] for e in result.evaluations]


def toy_stage(root: str, home: str, out: str, kill_at: int | None) -> None:
    """Publish the toy training on the host whose home is `home`; the process may kill itself.

    Writes the first step it took and its numbers to `out`.
    """
    os.environ["HOME"] = home
    torch.set_num_threads(1)
    storage = Storage(root)
    states = storage.state_folder(KIND, TRIAL)
    steps: list[int] = []

    def on_step(done: int, total: int, bases: float, loss: float) -> None:
        steps.append(done)
        if done == kill_at:
            while not sorted(states.files()):
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGKILL)

    def build(folder: Path) -> None:
        result = train_toy(states, on_step=on_step, checkpoint_seconds=0.0)
        (folder / "numbers.json").write_text(json.dumps(numbers(result)))

    storage.obtain(KIND, TRIAL, build)
    Path(out).write_text(json.dumps({"first": steps[0]}))


def toy_ranks(rank: int, *, root: str, stop: bool, out: str) -> None:
    """Train on this worker of a group, to the end or to the first evaluation."""
    where = Storage(root).state_folder(KIND, TRIAL)
    result = train_toy(
        where, context=DistributedContext.current("cpu"), on_evaluation=lambda evaluation: stop
    )
    if rank == 0:
        Path(out).write_text(json.dumps([result.outcome, numbers(result)]))
