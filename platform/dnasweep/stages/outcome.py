"""The published outcome of a training stage: history, best evaluation and cost."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dnasweep.stages.specs import ClassifierSpec, EncoderSpec
from dnasweep.storage import Storage

if TYPE_CHECKING:
    # The driver reads outcomes, which should not require torch.
    from dnasweep.models.training.train import Evaluation, TrainingResult

OUTCOME = "outcome.json"
CHECKPOINT = "checkpoint"


@dataclass(frozen=True, kw_only=True)
class StageOutcome:
    """The history and the result of the training of one encoder or classifier."""

    outcome: str
    """`completed`, `diverged`, `collapsed` or `stopped`."""
    reason: str
    """Why training did not complete, in words; empty if it did."""
    best: dict[str, Any]
    """The best evaluation on validation: step, epoch, bases_seen and metrics."""
    history: list[dict[str, Any]]
    """Every evaluation, in order."""
    device_seconds: float
    """Seconds of training and evaluation, multiplied by the number of workers."""
    peak_memory_bytes: int
    """Peak memory of one worker."""
    steps: int
    """Number of optimizer steps."""
    facts: dict[str, float] = field(default_factory=dict)
    """Further numbers, such as baselines on the same sequences."""

    @classmethod
    def of(cls, result: TrainingResult, *, facts: dict[str, float] | None = None) -> StageOutcome:
        """Return the outcome for a training result."""
        return cls(
            outcome=result.outcome,
            reason=result.reason,
            best=plain(result.best),
            history=[plain(e) for e in result.evaluations],
            device_seconds=float(result.device_seconds),
            peak_memory_bytes=int(result.peak_memory_bytes),
            steps=int(result.steps),
            facts=facts or {},
        )

    @property
    def healthy(self) -> bool:
        """Whether training came to its end, or was stopped by a callback, with usable weights."""
        return self.outcome in ("completed", "stopped")

    def write(self, path: Path) -> None:
        """Write the outcome as JSON."""
        path.write_text(json.dumps(dataclasses.asdict(self), indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> StageOutcome:
        """Read an outcome that :meth:`write` has written."""
        return cls(**json.loads(path.read_text()))


def find_outcome(storage: Storage, spec: EncoderSpec | ClassifierSpec) -> StageOutcome | None:
    """Return the outcome of a published stage, or None if it is not published."""
    path = storage.file(spec.kind, spec.key, OUTCOME)
    return None if path is None else StageOutcome.read(path)


def plain(evaluation: Evaluation) -> dict[str, Any]:
    """Return an evaluation as JSON types."""
    fields = evaluation._asdict()
    fields["metrics"] = {name: float(value) for name, value in evaluation.metrics.items()}
    return fields


@dataclass(frozen=True)
class Listener:
    """Callbacks of a running stage."""

    on_evaluation: Callable[[dict[str, Any]], bool | None] | None = None
    """Called on every rank with each evaluation as plain JSON; True from any rank ends
    training."""
    on_step: Callable[[int, int, float], None] | None = None
    """Called on rank 0 with completed steps, planned steps and bases seen."""
    save_when: Callable[[], bool] | None = None
    """Called on rank 0 between steps; if it returns True, the training state is saved."""


def listen(listener: Listener | None) -> dict[str, Any]:
    """Return a listener as keyword arguments of `train`."""
    if listener is None:
        return {}
    arguments: dict[str, Any] = {}
    if listener.on_evaluation is not None:
        on_evaluation = listener.on_evaluation
        arguments["on_evaluation"] = lambda evaluation: on_evaluation(plain(evaluation))
    if listener.on_step is not None:
        on_step = listener.on_step
        arguments["on_step"] = lambda step, total, bases, loss: on_step(step, total, bases)
    if listener.save_when is not None:
        arguments["save_when"] = listener.save_when
    return arguments
