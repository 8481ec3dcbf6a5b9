"""Training and publication of a stage, shared by encoders and classifiers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import torch

from dnasweep.models.pretrained.checkpoint import export
from dnasweep.models.training.distributed import DistributedContext
from dnasweep.models.training.rows import Task
from dnasweep.models.training.train import TrainingResult, train
from dnasweep.stages.outcome import (
    CHECKPOINT,
    OUTCOME,
    Listener,
    StageOutcome,
    find_outcome,
    listen,
)
from dnasweep.stages.specs import ClassifierSpec, EncoderSpec
from dnasweep.storage import Storage
from dnasweep.tokens.tokenizers import DnaTokenizer

Spec = EncoderSpec | ClassifierSpec


class TrainableStage(NamedTuple):
    """Everything needed to train a stage."""

    task: Task
    """The training task."""
    model: Any
    """The model before training."""
    tokenizer: DnaTokenizer
    """Tokenizer of the model, saved with the weights."""
    facts: Callable[[TrainingResult], dict[str, float]]
    """Called on rank 0 before the model is saved; returns numbers to store in the outcome."""
    notes: Mapping[str, str] = MappingProxyType({})
    """Texts to store beside the outcome, by file name."""


def train_stage(
    storage: Storage,
    spec: Spec,
    make_ready: Callable[[], TrainableStage],
    *,
    context: DistributedContext,
    listener: Listener | None = None,
) -> StageOutcome:
    """Train a stage and publish its checkpoint and outcome, unless they are published.

    Call this on every worker of a group, or in one process. A training run that was killed resumes
    from its last training state, on any machine.

    Parameters
    ----------
    storage
        Storage of the artefacts.
    spec
        Specification of the encoder or classifier.
    make_ready
        Makes the task and the model; called only if training is needed.
    context
        The group of workers.
    listener
        Callbacks, if any.
    """

    def build(folder: Path | None) -> None:
        ready = make_ready()
        result = train(
            ready.task,
            ready.model,
            spec.training,
            context=context,
            state_dir=storage.state_folder(spec.kind, spec.key),
            **listen(listener),
        )
        if folder is not None:
            facts = ready.facts(result)
            export(result.model, ready.tokenizer, folder / CHECKPOINT)
            StageOutcome.of(result, facts=facts).write(folder / OUTCOME)
            for name, text in ready.notes.items():
                (folder / name).write_text(text)

    # Workers check at different times, so in a group only rank 0 may decide.
    if context.world_size > 1 or storage.find(spec.kind, spec.key) is None:
        _obtain_together(storage, spec, build, context)
    else:
        # A process that was killed right after publication left its training state behind.
        storage.forget(spec.kind, spec.key)
    outcome = find_outcome(storage, spec)
    assert outcome is not None
    return outcome


def _obtain_together(
    storage: Storage, spec: Spec, build: Callable[[Path | None], None], context: DistributedContext
) -> None:
    """Build and publish a stage with every rank of `context`, unless it is already published.

    Only rank 0 holds the lock, and gets a folder to fill. It tells the others whether to build,
    because another process may have published the stage while rank 0 waited.
    """

    def agree(there_is_work: bool) -> bool:
        flag = torch.tensor([float(there_is_work)], device=context.device)
        context.all_reduce_sum_(flag)
        return bool(flag.item())

    if context.rank != 0:
        if agree(False):
            build(None)
    else:
        built = False

        def lead(folder: Path) -> None:
            nonlocal built
            built = True
            agree(True)
            build(folder)

        storage.obtain(spec.kind, spec.key, lead, inputs=spec)
        if not built:
            agree(False)
    context.barrier()
