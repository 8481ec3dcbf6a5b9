"""The same work on the CPU and on the stand-in for a GPU; importing this starts the stand-in."""

from __future__ import annotations

from typing import Any

import numpy as np
import standin
import torch
from dnasweep.config import OptimizerConfig, TrainingConfig
from dnasweep.data.labels import Labels
from dnasweep.models.architecture import build_classifier, build_masked_lm
from dnasweep.models.classification import Classification
from dnasweep.models.training.distributed import DistributedContext
from dnasweep.models.training.train import TrainingResult, train
from dnasweep.tasks.registry import task_of
from toys import TINY, ToyLanguage, bases_task, class_task, masked_task, toy_language

standin.start()

CONFIG = TrainingConfig(
    bases=2_500,
    batch_size=16,
    micro_batch_size=8,
    evaluations=2,
    optimizer=OptimizerConfig(learning_rate=3e-3),
)
"""Three steps of two micro-batches, and two evaluations."""
OUTPUTS = ("one", "two", "three")


def task_named(name: str, toy: ToyLanguage) -> Any:
    """Return a task with labels drawn at random: a masking scheme, or what is fine-tuned."""
    rng = np.random.default_rng(0)
    rows = {"train_rows": toy.train_rows, "validation_rows": toy.validation_rows}
    number = len(toy.sequences)
    if name == "binary":
        return class_task(toy)
    if name == "token":
        return bases_task(toy)
    if name == "multiclass":
        labels, values = Labels(task="multiclass", names=OUTPUTS), np.arange(number) % 3
    elif name == "multilabel":
        labels, values = Labels(task="multilabel", names=OUTPUTS), rng.random((number, 3)) < 0.5
    elif name == "regression":
        labels, values = Labels(task="regression", names=OUTPUTS), rng.normal(5, 2, (number, 3))
    elif name == "profile":
        labels = Labels(task="profile", names=("atac", "dnase"), places=3)
        values = rng.poisson(4.0, (number, 6))
    else:
        return masked_task(toy, scheme=name, threshold=2)
    return Classification(
        toy.corpus,
        values.astype(float) if labels.columns else values,
        task=task_of(labels),
        **rows,
    )


def model_for(task: Any, toy: ToyLanguage, *, dropout: float = 0.0, size: Any = TINY) -> Any:
    """Return a fresh model for a task of :func:`task_named`."""
    how = {
        "tokenizer": toy.tokenizer,
        "num_tokens": int(toy.corpus.num_tokens().max()),
        "dropout": dropout,
        "seed": 0,
    }
    if task.name == "pretrain":
        return build_masked_lm(size, **how)
    learned = task.learned
    return build_classifier(
        size, **how, head=learned.head, places=learned.places, num_labels=learned.num_outputs
    )


def language(name: str) -> ToyLanguage:
    """Return sequences of several lengths, so that batches are padded, by tokens that a task can have."""
    overlapping = name in ("span", "genemask", "global_pmi", "cm_step", "cm_gems", "token")
    return toy_language(60, spec="kmer-3-overlap" if overlapping else "kmer-3", ragged=9)


def train_on(
    device: str, name: str, config: TrainingConfig = CONFIG, **how: Any
) -> TrainingResult:
    """Train a fresh model on a task of :func:`task_named`."""
    toy = language(name)
    task = task_named(name, toy)
    model = model_for(task, toy, dropout=config.dropout)
    return train(
        task, model, config, context=DistributedContext(device=torch.device(device)), **how
    )


def numbers(result: TrainingResult) -> list[tuple[float, ...]]:
    """Return losses and metrics of every evaluation."""
    return [(e.train_loss, *e.metrics.values()) for e in result.evaluations]
