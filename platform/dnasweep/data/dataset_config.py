"""The configuration of a data set, and the content key that identifies it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from dnasweep.config import content_key, versions
from dnasweep.config.ranges import Between, Count, Fraction, Range, Seed, Whole
from dnasweep.data.catalogue import Catalogue
from dnasweep.data.clustering import LOWEST_IDENTITY
from dnasweep.data.column_names import ColumnOptions
from dnasweep.data.labels import TaskChoice
from dnasweep.data.leak_policy import LeakPolicy
from dnasweep.data.negatives import NegativeKind
from dnasweep.data.own_species import read_catalogue
from dnasweep.data.source import source_digest
from dnasweep.data.sources import find_sources
from dnasweep.data.species import resolve
from dnasweep.data.splits import SplitMethod, check_fractions
from dnasweep.errors import InputError
from dnasweep.formats.content import file_digest
from dnasweep.formats.detection import Format
from dnasweep.formats.paths import user_path

Upstream = Annotated[int, Range(-1_000_000, 0)]
Downstream = Annotated[int, Range(0, 1_000_000)]
DECOY_RATE = 0.1
"""Frequency of elements in simulated negatives, relative to promoters."""
ANEW = "Split anew with --split cluster, or leave out --split-groups."
"""Remedy if rows should be kept together but the data give the splits."""
Bins = Annotated[int, Range(2, 4096)]
Identity = Annotated[float, Range(LOWEST_IDENTITY, 1)]


@dataclass(frozen=True, kw_only=True)
class DatasetFields(ColumnOptions):
    """Where sequences come from; fields of the configuration and options of the command line."""

    data: tuple[str, ...] = ()
    """Tables (CSV, TSV, JSON, Parquet), FASTA, GenBank, BED, SGA or GTF, compressed or not; folders with
    train/dev/test files or one folder per class; hf://datasets/OWNER/NAME on the hub. Default: built-in
    simulated promoters of eight species."""
    positives: tuple[str, ...] = ()
    """Files of positive sequences: FASTA, BED, GTF or any other."""
    negatives: tuple[str, ...] = ()
    """Files of negative sequences."""
    sequences: tuple[str, ...] = ()
    """FASTA with the sequences of tables that contain only labels: one file for all tables of --data, or one
    for each in the same order. Rows are matched by id, or by order if the tables have no ids."""
    genome: str | None = None
    """Genome FASTA, for files of coordinates (EPDnew SGA, BED, GTF) and for negatives cut from it."""
    species: str | None = None
    """Species of all rows, if the files do not name it."""
    species_table: str | None = None
    """CSV or TSV with further species: name, taxon, synonyms (a|b) and clade."""
    tree: str | None = None
    """Newick file of a dated species tree, in million years; it defines which species are close."""
    format: Format = "auto"
    """Format of the files; text means one sequence per line. Default: recognised by the name and content of
    each file."""
    task: TaskChoice = "auto"
    """Task to learn: two classes (binary), several classes (multiclass), numbers (regression), several
    labels per row (multilabel), a class for every base (token) or the signal of --tracks (profile).
    Default: inferred from the labels and printed."""
    tracks: tuple[str, ...] = ()
    """bigWig files whose signal along each row is learned instead of labels (profile): coverage or other
    non-negative values. Rows need coordinates."""
    bins: Bins = 32
    """Number of bins in which the signal of a row is averaged, for --tracks."""
    positive_label: str | None = None
    """Which of two labels is the positive class, 1. Default: recognised by its meaning (promoter, positive,
    yes, TRUE, 1), else the second in alphabetical order."""
    generate_negatives: Literal["none"] | NegativeKind = "none"
    """Generate one negative for each positive; only for data without negatives."""
    negative_distance: Whole | None = None
    """Minimum distance in bases between a negative cut from the genome and every other row with coordinates.
    Default: 600, or 300, 150, 75 or 0 if there is not enough room."""
    first_base: Upstream = -300
    """First base of the window cut around a transcription start, which is base 0."""
    last_base: Downstream = 300
    """Last base of that window."""
    split: SplitMethod = "auto"
    """How rows are split. auto: as given if the data have splits, else by clusters of similar sequences and
    of rows that overlap on the genome."""
    split_groups: Literal["none", "twins"] = "none"
    """Further rows that a new split keeps together, besides similar ones: twins, which share bases at the
    same positions, as a shuffled negative does with its promoter."""
    crop: Count | None = None
    """Cut every sequence to its central bases, this many; shorter ones are bad rows."""
    train_rows: Count | None = None
    """Maximum number of training rows; for validation, half of it. Rows are drawn in proportion to the
    classes, and all test rows are kept. Default: all rows."""
    leaks: LeakPolicy = "refuse"
    """What to do if a sequence is in two given splits on either strand, if rows of different splits overlap
    on the genome, or if length alone separates the classes: stop (refuse), leave the copies out of training
    (drop), or continue with a warning (keep)."""
    skip_bad_rows: bool = False
    """Skip rows that cannot be used, and training rows that also occur in a later given split, and write
    them to a file beside the data set, instead of stopping."""


@dataclass(frozen=True, kw_only=True)
class DatasetConfig(DatasetFields):
    """Where sequences come from and how they are split."""

    fractions: tuple[Between, Between, Between] = (0.8, 0.1, 0.1)
    """Fractions of rows for train, validation and test, if the data give no splits."""
    identity: Identity = 0.8
    """Minimum identity of similar sequences."""
    duplicates: Literal["auto", "keep", "drop"] = "auto"
    """Rows that repeat sequence, label and species of an earlier row: `auto` keeps them in given splits, for
    comparability with published scores, and drops them otherwise."""
    simulate_per_species: Count = 300
    """Simulated sequences per species, promoters and negatives together."""
    window: Count = 300
    """Length of simulated sequences in bases."""
    decoy_rate: Fraction = DECOY_RATE
    """Frequency of elements in simulated negatives, relative to promoters."""
    seed: Seed = 0
    """Seed of simulation, negatives and splits."""
    unlabelled: bool = False
    """For pretraining: whether labels are ignored and every row gets the label 1; named columns may then be
    missing."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.generate_negatives != "none" and not self.reads_files:
            raise InputError(
                f"generate_negatives is {self.generate_negatives!r} without data",
                remedy="Simulated data have negatives of their own; give promoters with --positives.",
            )
        if self.crop is not None and not self.reads_files:
            raise InputError(
                f"crop is {self.crop!r} without data",
                remedy="Give files; simulated sequences have one length.",
            )
        if self.split_groups != "none" and self.split == "given":
            raise InputError(
                f"split_groups is {self.split_groups!r} with splits that are given", remedy=ANEW
            )
        if self.tracks and self.generate_negatives != "none":
            raise InputError(
                "--generate-negatives makes rows of a class, but tracks are learned",
                remedy="Leave one of them out.",
            )
        if self.tracks and not self.reads_files:
            raise InputError(
                "tracks need a genome, but the built-in data have none",
                remedy="Give rows with coordinates, such as BED with --genome.",
            )
        if (self.task == "profile") != bool(self.tracks) and self.task != "auto":
            raise InputError(
                f"--task is {self.task}, but the signal of tracks is a profile",
                remedy="Give bigWig files with --tracks, and leave out --task.",
            )
        check_fractions(self.fractions)

    @property
    def reads_files(self) -> bool:
        """Whether sequences come from files."""
        return bool(self.data or self.positives or self.negatives)


def catalogue_of(fields: DatasetFields) -> Catalogue | None:
    """Return the catalogue of species including those of the user; None for the built-in one.

    Raises
    ------
    InputError
        As :func:`~dnasweep.data.own_species.read_catalogue`.
    """
    return read_catalogue(fields.species_table, fields.tree)


def dataset_key(config: DatasetConfig) -> str:
    """Return the key of a data set, 16 hexadecimal digits: a hash of its configuration and its files.

    The folder of the files does not matter; information in their names (split, label, species, ids) does.

    Raises
    ------
    InputError
        For a file that does not exist.
    """
    settings = dataclasses.asdict(config)
    if settings["decoy_rate"] == DECOY_RATE or config.reads_files:
        # Keys that predate this option must not change.
        del settings["decoy_rate"]
    for name, usual in (("task", "auto"), ("positive_label", None), ("train_rows", None)):
        if settings[name] == usual:
            del settings[name]
    if settings["split_groups"] == "none":
        del settings["split_groups"]
    for field in dataclasses.fields(ColumnOptions):
        if settings[field.name] == field.default:
            del settings[field.name]
    if not config.unlabelled:
        del settings["unlabelled"]
    if config.skip_bad_rows:
        # Repeated ids and sequences in blocks used to be bad rows, and are good rows now.
        settings["skip_bad_rows"] = "only what cannot be read"
    found = find_sources(
        *(settings.pop(name) for name in ("data", "positives", "negatives")),
        sequences=settings.pop("sequences"),
        species=resolve(config.species, catalogue_of(config)) if config.species else "",
        split_matters=config.split in ("auto", "given"),
    )
    genome, tracks = settings.pop("genome"), settings.pop("tracks")
    if not tracks:
        del settings["bins"]
    about = {name: settings.pop(name) for name in ("species_table", "tree")}
    files: dict[str, Any] = {
        "data": [
            [
                *(source.name, source.label, source.split, source.species),
                *([] if source.shots is None else [source.shots]),
                *([source.class_name] if source.class_name and source.label is None else []),
                source_digest(source),
            ]
            for source in found.files
        ],
        "genome": None if genome is None else file_digest(user_path(genome), holds="genome"),
    }
    if tracks:
        files["tracks"] = [
            [user_path(path).stem, file_digest(user_path(path), holds="track")] for path in tracks
        ]
    for name, path in about.items():
        if path is not None:
            files[name] = file_digest(user_path(path))
    return content_key("dataset", versions.DATASET, settings, files)
