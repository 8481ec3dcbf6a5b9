"""Options of a sweep over all tasks of a published suite."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from tyro.conf import Suppress

from dnasweep.config.ranges import Between, Fraction, Range, Seed, Whole
from dnasweep.data.dataset_config import DECOY_RATE, Bins
from dnasweep.data.leak_policy import LeakPolicy
from dnasweep.data.negatives import NegativeKind
from dnasweep.data.splits import SplitMethod
from dnasweep.sweeps.axes import Axes, SweepOptions
from dnasweep.sweeps.data_options import SimulatedRows

Minutes = Annotated[float, Range(0, 1_000_000, above=True)]


@dataclass(frozen=True, kw_only=True)
class SuiteOptions(SweepOptions):
    """Options of a benchmark suite: which one, with which models, and within which time."""

    suite: str = "gue"
    """The suite: gue, gue-plus, genomic-benchmarks, nucleotide-transformer (revised),
    nucleotide-transformer-original or bend."""
    data: tuple[str, ...] = ()
    """Folder of the suite as published; several if its tasks are in different places."""
    tasks: tuple[str, ...] = ()
    """Names of tasks or groups of tasks. Default: all that the folder contains."""
    download: bool = False
    """Download the suite from the Hugging Face hub if no folder is given. Without this option nothing is
    downloaded."""
    time_budget: Minutes | None = None
    """Time limit in minutes on this machine: the largest number of training rows that fits is drawn, the same
    for every model, and stated beside all scores. Default: all rows."""
    presets: tuple[str, ...] = ("tiny",)
    """Model sizes: tiny, small, base, or LAYERSxHIDDEN, each a separate model."""
    tokenizers: tuple[str, ...] = ("kmer-6",)
    """kmer-K, kmer-K-overlap, kmer-K-stride-S, greedy-K, bpe-SIZE, wordpiece-SIZE, char."""
    species_sets: tuple[str, ...] = ("none",)
    """Species sets to pretrain on, using the training rows of each task unless --pretrain-data gives others;
    none for random initialisation."""
    checkpoints: tuple[str, ...] = ()
    """Pretrained checkpoints, each with its own tokenizer and size: a directory, a hub name
    OWNER/MODEL[@REVISION], a run id or models:/NAME@ALIAS; adding none also runs the models of --presets."""
    learning_rates: tuple[Between, ...] = (3e-4, 1e-3)
    """Peak learning rates of fine-tuning; the best on validation is used. Large pretrained models need lower
    ones, such as 3e-5."""
    seeds: tuple[Seed, ...] = (0, 1, 2)
    """Seeds of fine-tuning; scores are means over them, with spread."""
    leaks: LeakPolicy = "drop"
    """What to do with training rows that are also test rows: leave them out of training (drop), stop the task
    (refuse), or keep them with a warning (keep). All test rows are kept."""
    # Options that the suite determines, or that are axes here.
    preset: Suppress[str] = "tiny"
    metric: Suppress[str] = "mcc"
    split: Suppress[SplitMethod] = "given"
    search: Suppress[Literal["grid"]] = "grid"
    num_samples: Suppress[Whole] = 0
    asha: Suppress[bool] = False
    # Options for data that suites do not have.
    positives: Suppress[tuple[str, ...]] = ()
    negatives: Suppress[tuple[str, ...]] = ()
    sequences: Suppress[tuple[str, ...]] = ()
    generate_negatives: Suppress[Literal["none"] | NegativeKind] = "none"
    negative_distance: Suppress[Whole | None] = None
    tracks: Suppress[tuple[str, ...]] = ()
    bins: Suppress[Bins] = 32
    split_groups: Suppress[Literal["none", "twins"]] = "none"
    pretrain_rows: Suppress[Whole] = 0
    simulated_rows: Suppress[SimulatedRows] = 240
    decoy_rate: Suppress[Fraction] = DECOY_RATE

    @property
    def axes(self) -> Axes:
        """The grid, which is the same for every task."""
        return {
            "tokenizer": self.tokenizers,
            "species_set": self.species_sets,
            "preset": self.presets,
            "learning_rate": self.learning_rates,
            "seed": self.seeds,
        }
