"""The state of a training run in progress: everything on which the next step depends.

Data order, masks and dropout are functions of the seed and the step, so the state contains only
the step for these. Nothing in the state depends on the number of workers.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from dnasweep.errors import InputError


class Evaluation(NamedTuple):
    """The values recorded at one evaluation."""

    step: int
    """Number of completed optimizer steps."""
    epoch: float
    """Number of passes over the training rows, from the steps."""
    bases_seen: float
    """Bases of the rows trained on so far, over all workers."""
    metrics: dict[str, float]
    """Validation metrics by full name; always finite."""
    device_seconds: float
    """Seconds of training and evaluation so far, multiplied by the number of workers."""
    peak_memory_bytes: int
    """Peak memory of any worker so far."""
    learning_rate: float
    """Learning rate of the last step."""
    train_loss: float
    """Mean training loss since the previous evaluation, in nats; always finite."""


@dataclass
class Progress:
    """Progress of a training run; only JSON types, apart from the evaluations."""

    fingerprint: str
    """Content key of the model, the data and the settings of training."""
    step: int = 0
    bases_seen: float = 0.0
    device_seconds: float = 0.0
    nats: float = 0.0
    """Training loss summed since the last evaluation."""
    weight: float = 0.0
    """Weight by which to divide `nats`."""
    best: int | None = None
    """Index of the best evaluation."""
    outcome: str = ""
    """Outcome; empty while training is in progress."""
    reason: str = ""
    """Why training ended early."""
    guard: dict[str, Any] = field(default_factory=dict)
    """State of the guard; see :meth:`dnasweep.models.training.guard.Guard.state`."""
    evaluations: list[Evaluation] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the progress as JSON types."""
        return {**asdict(self), "evaluations": [e._asdict() for e in self.evaluations]}

    @classmethod
    def from_json(cls, fields: dict[str, Any], fingerprint: str, place: str | Path) -> Progress:
        """Return the progress from the result of :meth:`to_json`.

        Parameters
        ----------
        fields
            Fields returned by :meth:`to_json`.
        fingerprint
            Content key of the training run to resume.
        place
            Name for error messages.

        Raises
        ------
        InputError
            If it is the progress of a training run with another fingerprint.
        """
        if fields["fingerprint"] != fingerprint:
            raise InputError(
                "the saved state belongs to another training run",
                file=place,
                remedy="Use another state directory, or remove this one to start again.",
            )
        evaluations = [Evaluation(**e) for e in fields["evaluations"]]
        return cls(**{**fields, "evaluations": evaluations})


def trained_weights(model: nn.Module) -> list[tuple[str, nn.Parameter]]:
    """Return the weights that training changes, by name; frozen weights are not in the state."""
    return [(name, p) for name, p in model.named_parameters() if p.requires_grad]


def pack(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    best: dict[str, Tensor],
    probabilities: Tensor | None,
) -> dict[str, Tensor]:
    """Return all tensors of a state by flat name.

    Parameters
    ----------
    model, optimizer
        Model and optimizer after the last step.
    best
        The trained weights of the best evaluation, by name.
    probabilities
        Validation class probabilities of the best evaluation, if the task has them.
    """
    tensors: dict[str, Tensor] = {f"model.{n}": p for n, p in trained_weights(model)}
    names: dict[Tensor, str] = {parameter: name for name, parameter in trained_weights(model)}
    for parameter, moments in optimizer.state.items():
        for key, value in moments.items():
            tensors[f"optimizer.{key}.{names[parameter]}"] = value
    tensors |= {f"best.{name}": value for name, value in best.items()}
    if probabilities is not None:
        tensors["probabilities"] = probabilities
    return tensors


def unpack(
    tensors: dict[str, Tensor], model: nn.Module, optimizer: torch.optim.Optimizer
) -> tuple[dict[str, Tensor], Tensor | None]:
    """Load the tensors of :func:`pack`; return the best weights and probabilities.

    Parameters
    ----------
    tensors
        Tensors returned by :func:`pack`.
    model, optimizer
        Model and optimizer; both are changed in place.
    """
    with torch.no_grad():
        for name, parameter in trained_weights(model):
            parameter.copy_(tensors[f"model.{name}"])
            moments: dict[str, Tensor] = {}
            for key in ("step", "exp_avg", "exp_avg_sq"):
                value = tensors.get(f"optimizer.{key}.{name}")
                if value is not None:
                    moments[key] = value.clone().to(parameter.device)
            if moments:
                optimizer.state[parameter] = moments
    best = {
        name.removeprefix("best."): value
        for name, value in tensors.items()
        if name.startswith("best.")
    }
    return best, tensors.get("probabilities")
