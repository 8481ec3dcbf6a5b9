"""Options of sweeps: their axes (including learning rates), and how cells are chosen and selected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import tyro
from tyro.conf import Suppress

from dnasweep.config.ranges import (
    Amount,
    Batch,
    Between,
    Count,
    Few,
    NotAll,
    Positive,
    Seed,
    Whole,
)
from dnasweep.sweeps import built_in
from dnasweep.sweeps.data_options import DataOptions
from dnasweep.sweeps.execution_options import ExecutionOptions
from dnasweep.sweeps.training_options import TrainingOptions
from dnasweep.tasks.metrics import SELECTION_METRICS
from dnasweep.tracking.tags import check_name

Axes = dict[str, Sequence[Any]]
"""Values of each axis, by the name of a :class:`~dnasweep.stages.recipe.Cell` field."""
Baseline = Literal["kmer", "cnn"]
_METRICS = ", ".join(SELECTION_METRICS)
SelectionMetric = Annotated[
    str, tyro.conf.arg(help=f"Validation metric for selection and ranking: {_METRICS}.")
]
ComparedMetric = Annotated[
    str,
    tyro.conf.arg(help=f"Test metric to compare by: {_METRICS}. Calls are made at 0.5."),
]


@dataclass(frozen=True, kw_only=True)
class SweepOptions(DataOptions, TrainingOptions, ExecutionOptions):
    """Options of every sweep."""

    built_in: ClassVar[Mapping[str, Any]] = built_in.GRID
    """Defaults that differ if no file is given."""
    species_sets: tuple[str, ...] = ()
    """Species sets to pretrain on, from the species in the data: a species, primates, mammals, vertebrates,
    insects, plants, fungi, bacteria..., clade:NAME (NCBI taxonomy), all, close-SPECIES, not-SPECIES, A+B for
    a union, A-then-B for two stages, none for random initialisation. Default: none, human (or the species
    with the most rows) and all."""
    tokenizers: tuple[str, ...] = ("kmer", "bpe-512", "wordpiece-512")
    """kmer-K, kmer-K-overlap, kmer-K-stride-S, greedy-K, bpe-SIZE, wordpiece-SIZE, char."""
    checkpoints: tuple[str, ...] = ()
    """Pretrained checkpoints to start from instead of pretraining, each with its own tokenizer and size: a
    directory, a hub name OWNER/MODEL[@REVISION], a run id or models:/NAME@ALIAS; adding none also runs the
    cells without a checkpoint."""
    continue_pretraining: bool = False
    """Continue pretraining of the checkpoints by masked language modelling on each of the species sets before
    fine-tuning; `none` among the sets leaves them as they are. Default: no further pretraining."""
    pickle: bool = True
    """Convert pickled weights of checkpoints (pytorch_model.bin) to safetensors, in a process that cannot run
    code from the file, or refuse them."""
    baselines: tuple[Baseline, ...] = ("kmer",)
    """Baselines to compare the encoders with. kmer: tuned regression on k-mer counts, part of every sweep.
    cnn: a small convolutional network over single bases, trained on the same rows with the same learning
    rates and seeds."""
    learning_rates: tuple[Between, ...] = (3e-4, 1e-3)
    """Peak learning rates of fine-tuning."""
    seeds: tuple[Seed, ...] = (0, 1)
    """Seeds of fine-tuning; results are means over them, with spread."""
    target: str = "all"
    """Species set that classifiers are trained and evaluated on."""
    metric: SelectionMetric = "mcc"
    """Validation metric for selection and ranking."""
    search: Literal["grid", "optuna"] = "grid"
    """grid: all combinations, in order. optuna: a TPE search over the same combinations."""
    num_samples: Few = 30
    """Number of combinations that an Optuna search tries, each once."""
    asha: bool = False
    """Stop trials of the grid or of an Optuna search early if they are worse than the best third. Trials are
    compared at the first evaluation after the warm-up, and after 3, 9, ... times as many."""
    pretrain_per_seed: bool = False
    """Pretrain a separate encoder for each seed instead of one for all seeds."""
    name: str | None = None
    """MLflow experiment. Default: the name of the sweep."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_name(self.name)

    @property
    def axes(self) -> Axes:
        """Axes of the grid and their values; the last one varies fastest."""
        return {
            "tokenizer": self.tokenizers,
            "species_set": self.species_sets,
            "learning_rate": self.learning_rates,
            "seed": self.seeds,
        }


@dataclass(frozen=True, kw_only=True)
class FewShotOptions(SweepOptions):
    """Options of a few-shot sweep, which selects nothing on validation and has no search."""

    shots: tuple[Count, ...] = ()
    """Numbers of training rows per class, or in total if labels are numbers or several per row. Default: 10,
    50, 100, 500 and 1000, as far as there are enough rows."""
    resamples: Few = 3
    """Number of draws of training rows for each number of shots; smaller draws are subsets of larger ones.
    If the data include a few-shot set of that size, it is the first draw."""
    seeds: tuple[Seed, ...] = (0, 1, 2)
    """Seeds of fine-tuning, for every draw."""
    tokenizers: tuple[str, ...] = ("kmer-6-overlap",)
    """kmer-K, kmer-K-overlap, kmer-K-stride-S, greedy-K, bpe-SIZE, wordpiece-SIZE, char."""
    maskings: tuple[str, ...] = ("random",)
    """Masking schemes to pretrain with, each a separate initialisation; see --masking of other sweeps."""
    checkpoints: tuple[str, ...] = ()
    """Pretrained checkpoints to start from, each a separate initialisation."""
    pretrain_on: Literal["positives", "all"] = "all"
    """Pretrain on all training rows, or only on positives, which uses labels that few shots do not include."""
    learning_rates: tuple[Between, ...] = ()
    """Peak learning rates of fine-tuning. Default, as published: 1e-4 up to 100 shots, then 5e-5."""
    # None means the published value, which depends on the number of shots.
    finetune_epochs: Positive | None = None  # type: ignore[assignment]
    """Passes over the shots. Default, as published: 20 up to 100 shots, then 5."""
    batch_size: Batch | None = None  # type: ignore[assignment]
    """Sequences per fine-tuning step. Default, as published: 5 up to 100 shots, then 15."""
    evaluations: Few = 5
    """Number of evaluations on validation during pretraining; fine-tuning has none."""
    metric: ComparedMetric = "mcc"
    """Test metric to compare by."""
    baselines: Annotated[tuple[Baseline, ...], Suppress] = ("kmer",)
    search: Annotated[Literal["grid"], tyro.conf.Suppress] = "grid"
    num_samples: Annotated[Whole, tyro.conf.Suppress] = 0
    asha: Annotated[bool, tyro.conf.Suppress] = False
    masking: Annotated[str, tyro.conf.Suppress] = "auto"
    keep: Suppress[Literal["mcc", "auroc", "loss"]] = "mcc"

    @property
    def axes(self) -> Axes:
        """Axes of the design; by default each number of shots has its published learning rate."""
        axes: Axes = {
            "tokenizer": self.tokenizers,
            "species_set": self.species_sets,
            "masking": self.maskings,
            "shots": self.shots,
            "resample": tuple(range(self.resamples)),
            "seed": self.seeds,
        }
        if self.learning_rates:
            axes["learning_rate"] = self.learning_rates
        if self.checkpoints:
            axes["checkpoint"] = self.checkpoints
        return axes


@dataclass(frozen=True, kw_only=True)
class EnhancerOptions(SweepOptions):
    """Options of the enhancer grid."""

    crop: Count | None = 200
    """Cut every sequence to its central bases, this many (published: 200 and 350); shorter ones are bad
    rows."""
    tokenizers: tuple[str, ...] = ("kmer-6",)
    """kmer-K, kmer-K-overlap (published: kmer-6-overlap), kmer-K-stride-S, bpe-SIZE,
    wordpiece-SIZE, char."""
    species_sets: tuple[str, ...] = ("all",)
    """Encoders to start from, named by their pretraining data: a species set, A-then-B for two stages, none
    for random initialisation."""
    learning_rates: tuple[Between, ...] = (3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6)
    """Peak learning rates of fine-tuning."""
    warmups: tuple[NotAll, ...] = (0.1, 0.2)
    """Fractions of fine-tuning steps used for warm-up, with a rising learning rate."""
    weight_decays: tuple[Amount, ...] = (1e-4, 1e-3, 5e-3, 1e-2, 2e-2)
    """Weight decays."""
    seeds: tuple[Seed, ...] = (0,)
    """Seeds of fine-tuning."""
    evaluations: Few = 10
    """Number of evaluations on validation during fine-tuning. The best one is kept; --asha compares trials
    at the third and the ninth, which come after the longest warm-up."""
    # Axes here.
    warmup: Suppress[NotAll] = 0.1
    weight_decay: Suppress[Amount] = 0.01

    @property
    def axes(self) -> Axes:
        """The grid."""
        return {
            "tokenizer": self.tokenizers,
            "species_set": self.species_sets,
            "learning_rate": self.learning_rates,
            "warmup": self.warmups,
            "weight_decay": self.weight_decays,
            "seed": self.seeds,
        }
