"""Options for where a sweep runs; only the precision changes results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dnasweep.config.execution import PlaceOptions, WorkerOptions
from dnasweep.config.ranges import Amount


@dataclass(frozen=True, kw_only=True)
class ExecutionOptions(PlaceOptions, WorkerOptions):
    """Where results are stored and where the work runs; only `precision` changes results."""

    also: tuple[Literal["wandb", "tensorboard"], ...] = ()
    """Trackers that get metrics and settings in addition to MLflow: wandb (Weights & Biases;
    WANDB_MODE=offline sends nothing), tensorboard (event files beside the report)."""
    preflight: bool = True
    """Check every node of a cluster first, as `dnasweep doctor` does, and stop if one is not ready."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Precision of training: auto is bf16 on GPUs that support it and fp32 elsewhere."""
    hang_seconds: Amount = 1800.0
    """Restart a training run from its last state if it makes no step for this many seconds (an evaluation
    counts as a step); the second time, the trial fails. 0: wait for ever."""
    dry_run: bool = False
    """Print the plan (cells, shared stages, resources, expected cost) without starting anything."""
