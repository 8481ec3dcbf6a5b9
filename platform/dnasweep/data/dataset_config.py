"""What a data set is asked to be, and the key that names it by its content."""

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
"""How often a simulated negative contains an element, as a fraction of how often a promoter does."""
ANEW = "Split anew with --split cluster, or leave --split-groups out."
"""What to do where rows are to be kept together and the data say where each belongs."""
Bins = Annotated[int, Range(2, 4096)]
Identity = Annotated[float, Range(LOWEST_IDENTITY, 1)]


@dataclass(frozen=True, kw_only=True)
class DatasetFields(ColumnOptions):
    """Where sequences come from; fields of the configuration and options of the command line."""

    data: tuple[str, ...] = ()
    """Tables (CSV, TSV, JSON, Parquet), FASTA, GenBank, BED, SGA or GTF, packed or not; folders with
    train/dev/test files or a folder for each class; hf://datasets/OWNER/NAME of the hub. Nothing:
    built-in simulated promoters of eight species."""
    positives: tuple[str, ...] = ()
    """Files of positive sequences: FASTA, BED, GTF or any other."""
    negatives: tuple[str, ...] = ()
    """Files of negative sequences."""
    genome: str | None = None
    """Genome FASTA, for files of coordinates (EPDnew SGA, BED, GTF) and for negatives cut from it."""
    species: str | None = None
    """Species of all rows, where the files do not name it."""
    species_table: str | None = None
    """CSV or TSV of species that are not known: name, taxon, synonyms (a|b) and clade."""
    tree: str | None = None
    """Newick file of a dated tree of species, in million years; it says which are close."""
    format: Format = "auto"
    """Format of the files; text is one sequence per line. Default: by the name and the content of
    each file."""
    task: TaskChoice = "auto"
    """What is learned from the labels: two classes (binary), several (multiclass), numbers (regression),
    labels of which a row may have several (multilabel), a class of every base (token) or the signal of
    --tracks (profile). Default: by the labels, which a line says."""
    tracks: tuple[str, ...] = ()
    """bigWig files whose signal along each row is learned in place of labels (profile): of coverage or
    other values that are not negative. Rows need coordinates."""
    bins: Bins = 32
    """Bins that the signal of a row is averaged in, for --tracks."""
    positive_label: str | None = None
    """Which of two labels is the positive class, 1. Default: by their meaning (promoter, positive, yes,
    TRUE, 1), else the second by name."""
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
    split_groups: Literal["none", "twins"] = "none"
    """Rows that a split that is made keeps together beside similar ones: twins, which share bases at
    the same places, as a negative does with the promoter it was shuffled from."""
    crop: Count | None = None
    """Cut every sequence to this many central bases; shorter ones are bad rows."""
    train_rows: Count | None = None
    """Maximum training rows, and half as many validation rows: a draw with each class in its proportion.
    Test rows all stay. Default: all."""
    leaks: LeakPolicy = "refuse"
    """Where a sequence is in two given splits, on either strand, rows overlap across them on the
    genome, or the length alone tells the classes apart: end (refuse), leave the copies out of
    training (drop), or go on with a warning (keep)."""
    skip_bad_rows: bool = False
    """Leave out rows that cannot be used and training rows that a later given split has too, and
    write them beside the data set, instead of ending."""


@dataclass(frozen=True, kw_only=True)
class DatasetConfig(DatasetFields):
    """Where sequences come from and how they are split."""

    fractions: tuple[Between, Between, Between] = (0.8, 0.1, 0.1)
    """Fractions of rows for train, validation and test, where they are not given."""
    identity: Identity = 0.8
    """Smallest identity of sequences that count as similar."""
    duplicates: Literal["auto", "keep", "drop"] = "auto"
    """Rows with sequence, label and species of an earlier row: `auto` keeps them in given splits,
    so that published scores can be compared with, and drops them otherwise."""
    simulate_per_species: Count = 300
    """Simulated sequences per species, promoters and negatives together."""
    window: Count = 300
    """Bases per simulated sequence."""
    decoy_rate: Fraction = DECOY_RATE
    """How often simulated negatives contain elements, as a fraction of how often promoters do."""
    seed: Seed = 0
    """Seeds simulation, negatives and splits."""
    unlabelled: bool = False
    """Whether labels are not read and every row has the label 1, for pretraining; columns that are
    named may then be absent."""

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
                "--generate-negatives makes rows of a class, and tracks are learned",
                remedy="Leave one of them out.",
            )
        if self.tracks and not self.reads_files:
            raise InputError(
                "tracks are of a genome, and built-in data are of none",
                remedy="Give rows with coordinates, such as BED with --genome.",
            )
        if (self.task == "profile") != bool(self.tracks) and self.task != "auto":
            raise InputError(
                f"--task is {self.task}, and the signal of tracks is a profile",
                remedy="Give bigWig files with --tracks, and leave --task out.",
            )
        check_fractions(self.fractions)

    @property
    def reads_files(self) -> bool:
        """Whether sequences come from files."""
        return bool(self.data or self.positives or self.negatives)


def catalogue_of(fields: DatasetFields) -> Catalogue | None:
    """Return what is known about species, with the user's own; None: what the platform knows.

    Raises
    ------
    InputError
        As :func:`~dnasweep.data.own_species.read_catalogue`.
    """
    return read_catalogue(fields.species_table, fields.tree)


def dataset_key(config: DatasetConfig) -> str:
    """Return 16 hex digits that name a data set: its configuration and the content of its files.

    The folder of the files does not matter; what their names say (split, label, species, ids) does.

    Raises
    ------
    InputError
        For a file that does not exist.
    """
    settings = dataclasses.asdict(config)
    if settings["decoy_rate"] == DECOY_RATE or config.reads_files:
        # Keys from before there was a choice stay as they are.
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
        # Repeated ids and sequences in blocks were bad rows once, and are good ones now.
        settings["skip_bad_rows"] = "only what cannot be read"
    found = find_sources(
        *(settings.pop(name) for name in ("data", "positives", "negatives")),
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
