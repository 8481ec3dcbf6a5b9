"""The state of a training in progress: everything the next step depends on.

On disk one directory a state, `step-00000123/`, with `tensors.safetensors` and `state.json`, which
has the checksums of both. It is written under another name and renamed, so that a state is there
whole or not at all; older ones are then removed. A damaged one is set aside, and the training goes on
from the one before, if there is any, or begins anew. Data order, masks and dropout are functions of the seed and the step, so the step is all
that has to be kept of them.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from dnasweep.errors import InputError
from dnasweep.storage import digest_of, seal, share_by_umask, unseal

log = logging.getLogger("dnasweep.storage")

TENSORS_FILE = "tensors.safetensors"
STATE_FILE = "state.json"
_NAME = re.compile(r"step-\d{8}")
_DAMAGED = "damaged"


class Evaluation(NamedTuple):
    """What was known after one evaluation."""

    step: int
    """Optimizer steps done."""
    epoch: float
    """Passes over the training rows, by steps."""
    bases_seen: float
    """Bases of the rows trained on so far, over all workers."""
    metrics: dict[str, float]
    """Validation metrics by full name; always finite."""
    device_seconds: float
    """Seconds of training and evaluation so far, times the workers."""
    peak_memory_bytes: int
    """Most memory a worker has used so far."""
    learning_rate: float
    """Of the last step."""
    train_loss: float
    """Mean training loss since the evaluation before, in nats; always finite."""


@dataclass
class Progress:
    """How far a training has come; JSON types only but for the evaluations."""

    fingerprint: str
    """Content key of what is trained on what and how."""
    step: int = 0
    bases_seen: float = 0.0
    device_seconds: float = 0.0
    nats: float = 0.0
    """Training loss summed since the last evaluation."""
    weight: float = 0.0
    """What to divide it by."""
    best: int | None = None
    """Index of the best evaluation."""
    outcome: str = ""
    """Empty while the training goes on."""
    reason: str = ""
    guard: dict[str, Any] = field(default_factory=dict)
    evaluations: list[Evaluation] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """Return it as JSON types."""
        return {**asdict(self), "evaluations": [e._asdict() for e in self.evaluations]}

    @classmethod
    def of(cls, fields: dict[str, Any], fingerprint: str, place: str | Path) -> Progress:
        """Take back what :meth:`plain` gave.

        Raises
        ------
        InputError
            When it is of another training than `fingerprint` names.
        """
        if fields["fingerprint"] != fingerprint:
            raise InputError(
                "the saved state belongs to another training",
                file=place,
                remedy="Use another state directory, or remove this one to start afresh.",
            )
        evaluations = [Evaluation(**e) for e in fields["evaluations"]]
        return cls(**{**fields, "evaluations": evaluations})


def save_state(directory: Path, progress: Progress, tensors: dict[str, Tensor]) -> None:
    """Write the state of `progress.step` and remove older ones.

    Raises
    ------
    InputError
        When it cannot be written, a full disk for one; the state before is then still there.
    """
    name = f"step-{progress.step:08d}"
    aside = directory / f".{name}.{os.getpid()}"
    try:
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        _write(aside, progress, tensors)
    except (OSError, SafetensorError) as error:
        # Half a state would only take the room that is missing.
        shutil.rmtree(aside, ignore_errors=True)
        raise InputError(
            f"the training state cannot be written ({error})",
            file=directory,
            remedy="Make room or give another storage; the same command then goes on from the "
            "state before.",
        ) from error
    target = directory / name
    if target.exists():
        # The same step again: a directory cannot be renamed onto one that is not empty.
        target.rename(directory / f".{name}.{os.getpid()}.old")
    aside.rename(target)
    for other in directory.iterdir():
        if other != target and _NAME.fullmatch(other.name.lstrip(".")[:13]):
            shutil.rmtree(other, ignore_errors=True)


def _write(folder: Path, progress: Progress, tensors: dict[str, Tensor]) -> None:
    plain = {key: value.detach().contiguous() for key, value in tensors.items()}
    save_file(plain, folder / TENSORS_FILE)
    said = {"progress": progress.plain(), TENSORS_FILE: digest_of(folder / TENSORS_FILE)}
    (folder / STATE_FILE).write_text(seal(said), encoding="utf-8")
    share_by_umask(folder)
    for file in folder.iterdir():
        with file.open("rb") as handle:
            os.fsync(handle.fileno())


def newest_state(directory: Path) -> int | None:
    """Return the step of the newest state that is whole, or None; damaged ones are set aside."""
    names = [p.name for p in directory.iterdir()] if directory.is_dir() else []
    for name in sorted(filter(_NAME.fullmatch, names), reverse=True):
        try:
            said = unseal((directory / name / STATE_FILE).read_bytes())
            if said[TENSORS_FILE] == digest_of(directory / name / TENSORS_FILE):
                return int(name.removeprefix("step-"))
            wrong = f"{TENSORS_FILE} has another content than was written"
        except KeyError:
            wrong = "it was written by another version"
        except (OSError, ValueError) as error:
            wrong = str(error)
        # One is enough to look at.
        kept = directory / _DAMAGED
        shutil.rmtree(kept, ignore_errors=True)
        (directory / name).rename(kept)
        log.warning(
            "the training state %s is damaged: %s. It is set aside as %s and left out",
            directory / name,
            wrong,
            _DAMAGED,
        )
    return None


def load_state(
    directory: Path, fingerprint: str, step: int | None = None
) -> tuple[Progress, dict[str, Tensor]] | None:
    """Return the newest state in `directory`, tensors on the CPU, or None where there is none.

    Parameters
    ----------
    step
        The step of the state, where another worker has chosen it.

    Raises
    ------
    InputError
        When the state belongs to another training.
    """
    step = newest_state(directory) if step is None else step
    if step is None:
        return None
    newest = directory / f"step-{step:08d}"
    said = unseal((newest / STATE_FILE).read_bytes())
    return Progress.of(said["progress"], fingerprint, newest), load_file(newest / TENSORS_FILE)


def moving(model: nn.Module) -> list[tuple[str, nn.Parameter]]:
    """Return the weights that training changes, by name; what is frozen is not kept twice."""
    return [(name, p) for name, p in model.named_parameters() if p.requires_grad]


def pack(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    best: dict[str, Tensor],
    probabilities: Tensor | None,
) -> dict[str, Tensor]:
    """Return every tensor of a state under a flat name."""
    tensors: dict[str, Tensor] = {f"model.{n}": p for n, p in moving(model)}
    names: dict[Tensor, str] = {parameter: name for name, parameter in moving(model)}
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
    """Put a state's tensors back in place; return the best weights and probabilities."""
    with torch.no_grad():
        for name, parameter in moving(model):
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
