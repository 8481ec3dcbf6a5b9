"""Options of a species transfer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tyro.conf import Suppress

from dnasweep.config.ranges import Batch, Between, Count, Positive, Seed, Whole
from dnasweep.sweeps.axes import Baseline, SweepOptions
from dnasweep.sweeps.transfer_strategies import STRATEGIES, Strategy


@dataclass(frozen=True, kw_only=True)
class TransferOptions(SweepOptions):
    """Options of a species transfer."""

    targets: tuple[str, ...] = ()
    """Species to evaluate on. Default: every species with enough rows."""
    strategies: tuple[Strategy, ...] = STRATEGIES
    """Strategies for a classifier of the target: random (no pretraining); pretraining on target, all, or
    all-then-close (all species, then the target and its close relatives); zero-shot (pretraining and
    fine-tuning on all species except the target)."""
    min_rows: Count = 10
    """Minimum number of rows of each class in training, validation and test for a target species; for rows
    without classes, minimum number of rows."""
    tokenizers: tuple[str, ...] = ("kmer-6",)
    """kmer-K, kmer-K-overlap, kmer-K-stride-S, greedy-K, bpe-SIZE, wordpiece-SIZE, char."""
    learning_rates: tuple[Between, ...] = (3e-4, 1e-3)
    """Peak learning rates of fine-tuning; the best on validation is used for each strategy and target."""
    seeds: tuple[Seed, ...] = (0, 1, 2)
    """Seeds of fine-tuning; results are means over them, with spread."""
    pretrain_epochs: Positive = 10.0
    """Pretraining budget, in passes over the training positives of all species; the same number of
    bases for every strategy, half of it in each stage of all-then-close."""
    batch_size: Batch = 16
    """Sequences per fine-tuning step, over all workers."""
    finetune_epochs: Positive = 4.0
    """Fine-tuning budget, in passes over the training rows of a target of average size; the same number of
    bases for every strategy and target."""
    # Options that the strategies determine, or that would make their comparison unfair.
    species_sets: Suppress[tuple[str, ...]] = ()
    checkpoints: Suppress[tuple[str, ...]] = ()
    baselines: Suppress[tuple[Baseline, ...]] = ("kmer",)
    pickle: Suppress[bool] = True
    target: Suppress[str] = "all"
    search: Suppress[Literal["grid", "optuna"]] = "grid"
    num_samples: Suppress[Whole] = 0
    asha: Suppress[bool] = False
