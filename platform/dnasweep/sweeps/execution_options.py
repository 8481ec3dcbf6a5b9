"""Options of where a sweep is done, which change no result but for the precision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dnasweep.config.execution import PlaceOptions, WorkerOptions
from dnasweep.config.ranges import Amount


@dataclass(frozen=True, kw_only=True)
class ExecutionOptions(PlaceOptions, WorkerOptions):
    """Where results go and where the work is done; none of it changes a result but `precision`."""

    also: tuple[Literal["wandb", "tensorboard"], ...] = ()
    """Trackers that get metrics and settings beside MLflow: wandb (Weights & Biases; WANDB_MODE=offline
    sends nothing), tensorboard (event files beside the report)."""
    preflight: bool = True
    """Look at every node of a cluster first, as `dnasweep doctor` does, and refuse one that is not
    ready."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Arithmetic of training: auto is bf16 on GPUs that have it and fp32 elsewhere."""
    hang_seconds: Amount = 1800.0
    """End a training that takes no step for so many seconds, an evaluation counting as one; it goes
    on from its last state, and the second time it has failed. 0: wait for ever."""
    dry_run: bool = False
    """Print the plan (cells, shared stages, resources, expected cost) and start nothing."""
