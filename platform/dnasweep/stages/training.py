"""Training a stage and publishing it: the same for encoders and classifiers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

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
from dnasweep.stages.ranks import obtain_together
from dnasweep.stages.specs import ClassifierSpec, EncoderSpec
from dnasweep.storage import Storage
from dnasweep.tokens.tokenizers import DnaTokenizer


class TrainableStage(NamedTuple):
    """A stage that can be trained."""

    task: Task
    """What it learns."""
    model: Any
    """Where it starts."""
    tokenizer: DnaTokenizer
    """Saved beside the weights."""
    facts: Callable[[TrainingResult], dict[str, float]]
    """Called on worker 0 before the model is saved; returns numbers to keep with the outcome."""
    notes: Mapping[str, str] = MappingProxyType({})
    """Texts to keep beside the outcome, by file name."""


def train_stage(
    storage: Storage,
    spec: EncoderSpec | ClassifierSpec,
    make_ready: Callable[[], TrainableStage],
    *,
    context: DistributedContext,
    listener: Listener | None = None,
) -> StageOutcome:
    """Train a stage and publish its checkpoint and outcome, or find them published.

    Run it on every worker of a group, or alone. A killed run goes on from its last state,
    on whatever machine.
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

    # Workers look at different moments: in a group only the leader's look may decide.
    if context.world_size > 1 or storage.find(spec.kind, spec.key) is None:
        obtain_together(storage, spec.kind, spec.key, build, context=context, inputs=spec)
    else:
        # Killed after it was published, a builder leaves its state.
        storage.forget(spec.kind, spec.key)
    outcome = find_outcome(storage, spec)
    assert outcome is not None
    return outcome
