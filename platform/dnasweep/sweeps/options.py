"""The command line of sweeps and jobs: the same names for the same things everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from dnasweep.config import PmiVariant
from dnasweep.config.ranges import (
    Amount,
    Batch,
    Between,
    Checked,
    Count,
    Devices,
    Few,
    NotAll,
    Positive,
    Range,
    Seed,
    Whole,
)
from dnasweep.config.worker_range import WorkerRange, read_worker_range
from dnasweep.data.clustering import LOWEST_IDENTITY
from dnasweep.data.negatives import NegativeKind
from dnasweep.data.screening import LeakPolicy
from dnasweep.data.splits import SplitMethod
from dnasweep.formats.files import Format
from dnasweep.tasks.metrics import CLASSIFIER_METRICS
from dnasweep.tracking.tags import check_name

_METRICS = ", ".join(CLASSIFIER_METRICS)
SelectionMetric = Annotated[
    str, tyro.conf.arg(help=f"Validation metric that selects and ranks: {_METRICS}.")
]
ComparedMetric = Annotated[
    str,
    tyro.conf.arg(help=f"Test metric to compare by: {_METRICS}. Calls are made at 0.5."),
]
SimulatedRows = Annotated[int, Range(1, 1_000_000)]
Tokens = Annotated[int, Range(4, 1_000_000)]
Upstream = Annotated[int, Range(-1_000_000, 0)]
Downstream = Annotated[int, Range(0, 1_000_000)]
Identity = Annotated[float, Range(LOWEST_IDENTITY, 1)]


@dataclass(frozen=True, kw_only=True)
class DataOptions(Checked):
    """Where sequences come from."""

    data: tuple[str, ...] = ()
    """CSV, TSV, FASTA, k-mer TSV, SGA or BED files, gzip or not, or folders with train/dev/test
    files. Nothing: built-in simulated promoters of eight species."""
    positives: tuple[str, ...] = ()
    """FASTA files of positive sequences."""
    negatives: tuple[str, ...] = ()
    """FASTA files of negative sequences."""
    genome: str | None = None
    """Genome FASTA, for files of coordinates (EPDnew SGA, BED) and for negatives cut from it."""
    species: str | None = None
    """Species of all rows, where the files do not name it."""
    format: Format = "auto"
    """Format of the files: csv, tsv, fasta, bed, sga, fps or text, a sequence a line. Default: by the
    name and the content of each file."""
    generate_negatives: Literal["none"] | NegativeKind = "none"
    """Make one negative for each positive, where the data have none; with others they are refused."""
    negative_distance: Whole | None = None
    """Bases between a negative cut from the genome and every other row that has coordinates.
    Default: 600, or 300, 150, 75 or 0 where there is no room."""
    first_base: Upstream = -300
    """First base of the window cut around a transcription start, which is base 0."""
    last_base: Downstream = 300
    """Last base of that window."""
    split: SplitMethod = "auto"
    """How rows are split: as given where the data say so, else by clusters of similar sequences and
    of rows that overlap on the genome."""
    split_fractions: tuple[Between, Between, Between] = (0.8, 0.1, 0.1)
    """Fractions of rows for training, validation and test, where the data do not give them."""
    split_identity: Identity = 0.8
    """Smallest identity of sequences that count as alike, in splits and in the audit: 0.7 to 1."""
    crop: Count | None = None
    """Cut every sequence to this many central bases; shorter ones are bad rows."""
    leaks: LeakPolicy = "refuse"
    """Where a sequence stands in two given splits, on either strand, rows overlap across them on the
    genome, or the length alone tells the classes apart: end (refuse), leave the copies out of
    training (drop), or go on with a warning (keep)."""
    skip_bad_rows: bool = False
    """Leave out rows that cannot be used and training rows that a later given split has too, and
    write them beside the data set, instead of ending."""
    simulated_rows: SimulatedRows = 240
    """Rows a species of the built-in data."""
    data_seed: Seed = 0
    """Seeds simulation, generated negatives and splits."""


@dataclass(frozen=True, kw_only=True)
class PlaceOptions(Checked):
    """Where results go and where work is done."""

    storage: str = "runs"
    """Storage root: a folder, or a URI such as s3://bucket/folder; credentials never stand in it."""
    tracking_uri: str | None = None
    """MLflow tracking URI. Default: MLFLOW_TRACKING_URI, else sqlite in the storage root."""
    address: str | None = None
    """Ray cluster to join, `auto` or HOST:PORT. Default: RAY_ADDRESS, else this machine alone."""
    workers_per_trial: int | str = 1
    """Data-parallel workers of one trial, or a range such as 1..4: as many of them as there is room
    for, more or fewer as machines join and leave. Results do not depend on it."""
    cpus_per_worker: Few | None = None
    """CPUs of a worker. Default: one, and more when there are fewer trials than CPUs."""
    gpus_per_worker: Devices | None = None
    """GPUs of a worker, fractions allowed. Default: one where there are any."""
    preflight: bool = True
    """Look at every node of a cluster first, as jobs/doctor.py does, and refuse one that is not
    ready."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Arithmetic of training: auto is bf16 on GPUs that have it and fp32 elsewhere."""
    hang_seconds: Amount = 1800.0
    """End a training that takes no step for so many seconds, an evaluation counting as one; it goes
    on from its last state, and the second time it has failed. 0: wait for ever."""
    dry_run: bool = False
    """Print the plan (cells, shared stages, resources, expected cost) and start nothing."""

    def __post_init__(self) -> None:
        super().__post_init__()
        read_worker_range(self.workers_per_trial)

    @property
    def worker_range(self) -> WorkerRange:
        """Fewest and most workers of one trial."""
        return read_worker_range(self.workers_per_trial)


@dataclass(frozen=True, kw_only=True)
class TrainingOptions(Checked):
    """Size of the model and length of its training."""

    preset: str = "tiny"
    """Model size: tiny, small, base, or LAYERSxHIDDEN such as 4x192, with -alibi after it for
    attention biased by distance in place of learned positions; logo for LOGO's ALBERT (2x256)."""
    max_tokens: Tokens | None = None
    """Positions of the model, in tokens. Default: what the longest sequence needs."""
    windows: Literal["none", "log-odds", "hidden"] = "none"
    """Sequences longer than the model: refused (none), or read in windows that overlap by half,
    averaging their log odds or their hidden states, in training and prediction alike."""
    masking: str = "auto"
    """Masking scheme: random, span, genemask, global_pmi, cm_step, cm_gems, or auto (spans for
    overlapping k-mers, random for others)."""
    mask_rate: Between = 0.15
    """Fraction of tokens to predict."""
    pmi: PmiVariant = "published"
    """How schemes score words: GeneMask's published ranking, pmi_n (least over all cuts), bouma or
    naive."""
    pmi_min_count: Count = 10
    """Words seen fewer times have no score."""
    pmi_table: str | None = None
    """Table of words to use: a key or a file that jobs/pmi.py has printed. Default: counted in the
    rows that are pretrained on."""
    stall_threshold: Amount = 1.0
    """cm_gems: the difference in perplexity between two evaluations below which masks grow harder."""
    pretrain_data: tuple[str, ...] = ()
    """Files to pretrain and to fit tokenizers on. Default: the training rows of the data."""
    pretrain_on: Literal["positives", "all"] = "positives"
    """Pretrain on the training rows of the positive class, or on all of them."""
    pretrain_epochs: Positive = 6.0
    """Pretraining budget, in passes over the training positives of all species; the same number of
    bases for every species set."""
    pretrain_learning_rate: Between = 1e-3
    """Peak learning rate of pretraining."""
    pretrain_batch_size: Batch = 64
    """Sequences a pretraining step, over all workers."""
    pretrain_seed: Seed = 0
    """Seed of pretraining."""
    finetune_epochs: Positive = 5.0
    """Fine-tuning budget, in passes over the training rows."""
    batch_size: Batch = 32
    """Sequences a fine-tuning step, over all workers."""
    micro_batch_size: Batch = 16
    """Most sequences a forward pass: as many of these as divide the batch; part of the result when
    dropout is on, unlike the worker count."""
    warmup: NotAll = 0.1
    """Fraction of fine-tuning steps with a rising learning rate."""
    weight_decay: Amount = 0.01
    """Weight decay."""
    dropout: NotAll = 0.1
    """Dropout of fine-tuning; pretraining has none."""
    evaluations: Few = 5
    """Evaluations on validation during fine-tuning; the best one is kept."""
    tuning: str = "full"
    """Weights that fine-tuning moves: full (all), probe (the head), lora-RANK,
    lora-RANK-aALPHA, lora-RANK-aALPHA@LAYER+LAYER."""
    augment_reverse_complement: bool = False
    """Show each training row on a strand drawn anew each epoch."""
    average_reverse_complement: bool = False
    """Call by the mean log odds of both strands, at validation and test and in prediction; the
    model keeps it in its configuration."""
    class_weights: Literal["none", "balanced"] = "none"
    """Weight classes in the training loss in inverse proportion to their rows."""
    label_smoothing: NotAll = 0.0
    """Probability mass that training targets give to all classes alike."""


@dataclass(frozen=True, kw_only=True)
class SweepOptions(DataOptions, TrainingOptions, PlaceOptions):
    """Options of every sweep."""

    species_sets: tuple[str, ...] = ()
    """Species sets to pretrain on: a species, primates, rodents, mammals, amniotes, vertebrates,
    invertebrates, all, close-SPECIES, not-SPECIES, A-then-B for two stages, none for random
    initialisation. Default: none, human (or the largest species) and all."""
    tokenizers: tuple[str, ...] = ("kmer", "bpe-512", "wordpiece-512")
    """kmer-K, kmer-K-overlap, kmer-K-stride-S, bpe-SIZE, wordpiece-SIZE, char."""
    checkpoints: tuple[str, ...] = ()
    """Models from elsewhere to start from in place of pretraining, each with its own tokenizer and
    size: a directory, a hub name OWNER/MODEL, a run id or models:/NAME@ALIAS; none beside them keeps
    the cells without."""
    learning_rates: tuple[Between, ...] = (3e-4, 1e-3)
    """Peak learning rates of fine-tuning."""
    seeds: tuple[Seed, ...] = (0, 1)
    """Seeds of fine-tuning; results are means over them, with spread."""
    target: str = "all"
    """Species set that classifiers are trained and judged on."""
    metric: SelectionMetric = "mcc"
    """Validation metric that selects and ranks."""
    search: Literal["grid", "optuna"] = "grid"
    """grid: every combination, exact and in order. optuna: TPE over the same combinations."""
    num_samples: Few = 30
    """Combinations that an Optuna search tries, each once."""
    asha: bool = False
    """Stop trials early that are worse than the best third, of the grid or of an Optuna search. They
    are looked at in the first evaluation after the warm-up, and after 3, 9, ... times as many."""
    pretrain_per_seed: bool = False
    """Pretrain one encoder a seed instead of one for all seeds."""
    name: str | None = None
    """MLflow experiment. Default: the name of the sweep."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_name(self.name)


@dataclass(frozen=True, kw_only=True)
class FewShotOptions(SweepOptions):
    """Options of a few-shot sweep, which chooses nothing on validation and so searches nothing."""

    shots: tuple[Count, ...] = ()
    """Training rows of each class. Default: 10, 50, 100, 500 and 1000, as far as there are rows."""
    resamples: Few = 3
    """Draws of each number of shots, smaller ones within larger ones. Where the data have a
    few-shot set of that size, the first draw is that set."""
    seeds: tuple[Seed, ...] = (0, 1, 2)
    """Seeds of fine-tuning, for every draw."""
    tokenizers: tuple[str, ...] = ("kmer-6-overlap",)
    """kmer-K, kmer-K-overlap, kmer-K-stride-S, bpe-SIZE, wordpiece-SIZE, char."""
    maskings: tuple[str, ...] = ("random",)
    """Masking schemes to pretrain with, each an initialisation of its own; see --masking of other
    sweeps."""
    checkpoints: tuple[str, ...] = ()
    """Models from elsewhere to start from, each an initialisation of its own."""
    pretrain_on: Literal["positives", "all"] = "all"
    """Pretrain on all training rows, or on the positives, whose labels few shots would not tell."""
    learning_rates: tuple[Between, ...] = ()
    """Peak learning rates of fine-tuning. Default, as published: 1e-4 up to 100 shots, then 5e-5."""
    # None stands for what is published, which depends on the number of shots.
    finetune_epochs: Positive | None = None  # type: ignore[assignment]
    """Passes over the shots. Default, as published: 20 up to 100 shots, then 5."""
    batch_size: Batch | None = None  # type: ignore[assignment]
    """Sequences a fine-tuning step. Default, as published: 5 up to 100 shots, then 15."""
    evaluations: Few = 5
    """Evaluations on validation during pretraining; fine-tuning has none."""
    metric: ComparedMetric = "mcc"
    """Test metric to compare by."""
    search: Annotated[Literal["grid"], tyro.conf.Suppress] = "grid"
    num_samples: Annotated[Whole, tyro.conf.Suppress] = 0
    asha: Annotated[bool, tyro.conf.Suppress] = False
    masking: Annotated[str, tyro.conf.Suppress] = "auto"
