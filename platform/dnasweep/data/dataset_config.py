"""What a data set is asked to be, and the key that names it by its content."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

from dnasweep.config import content_key, versions
from dnasweep.data.negatives import NegativeKind
from dnasweep.data.screening import LeakPolicy
from dnasweep.data.sources import find_sources
from dnasweep.data.species import resolve
from dnasweep.data.splits import SplitMethod, check_fractions
from dnasweep.errors import InputError
from dnasweep.formats.files import Format, file_digest
from dnasweep.formats.paths import user_path


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetConfig:
    """Where sequences come from and how they are split."""

    data: tuple[str, ...] = ()
    """Files or folders of labelled sequences; with none, promoters are simulated."""
    positives: tuple[str, ...] = ()
    """Files of promoters (label 1), where classes come in files of their own."""
    negatives: tuple[str, ...] = ()
    """Files of negatives (label 0)."""
    genome: str | None = None
    """FASTA of the genome that coordinates refer to."""
    species: str | None = None
    """Species of rows that name none."""
    format: Format = "auto"
    """Format of the files; auto: by the name and the content of each."""
    first_base: int = -300
    """First base of the window around a transcription start (0), for coordinates."""
    last_base: int = 300
    """Last base of that window."""
    generate_negatives: Literal["none"] | NegativeKind = "none"
    """Kind of negative to make for each promoter; data that have negatives are refused."""
    negative_distance: int | None = None
    """Bases between a negative cut from the genome and every other row that has coordinates, the
    window where these are transcription starts; None: 600, or fewer where there is no room."""
    split: SplitMethod = "auto"
    """How rows are split; `auto` keeps given splits and otherwise keeps similar rows together."""
    fractions: tuple[float, float, float] = (0.8, 0.1, 0.1)
    """Fractions of rows for train, validation and test, where they are not given."""
    identity: float = 0.8
    """Smallest identity of sequences that count as similar."""
    duplicates: Literal["auto", "keep", "drop"] = "auto"
    """Rows with sequence, label and species of an earlier row: `auto` keeps them in given splits,
    so that published scores can be compared with, and drops them otherwise."""
    leaks: LeakPolicy = "refuse"
    """What to do about leaks: sequences that are in two given splits, on either strand, rows that
    overlap across splits by their coordinates, and classes that the length alone tells apart.
    `refuse` ends with an error; `drop` leaves the copies out of train, and out of validation if
    they are in test, so that the test rows stay as published; `keep` goes on with the audit's
    warnings."""
    crop: int | None = None
    """Central bases to cut every sequence to; shorter ones are bad rows."""
    skip_bad_rows: bool = False
    """Goes on with the good rows if there are bad ones; copies across given splits are bad rows
    where leaks would be refused."""
    simulate_per_species: int = 300
    """Simulated sequences per species, promoters and negatives together."""
    window: int = 300
    """Bases per simulated sequence."""
    seed: int = 0
    """Seeds simulation, negatives and splits."""

    def __post_init__(self) -> None:
        if self.generate_negatives != "none" and not self.reads_files:
            raise InputError(
                f"generate_negatives is {self.generate_negatives!r} without data",
                remedy="Simulated data have negatives of their own; give promoters with --positives.",
            )
        if self.crop is not None and (self.crop < 1 or not self.reads_files):
            raise InputError(
                f"crop is {self.crop!r}" + ("" if self.reads_files else " without data"),
                remedy="Use 1 base or more, of data from files; simulated ones have one length.",
            )
        for name in ("seed", "negative_distance"):
            if (getattr(self, name) or 0) < 0:
                raise InputError(f"{name} is {getattr(self, name)!r}", remedy="Use 0 or more.")
        check_fractions(self.fractions)
        if not 0.7 <= self.identity <= 1:
            raise InputError(
                f"identity is {self.identity!r}",
                remedy="Use a fraction from 0.7 to 1 as --split-identity.",
            )
        if self.first_base > 0 or self.last_base < 0:
            raise InputError(
                f"first_base and last_base are {self.first_base} and {self.last_base}",
                remedy="The window must hold the transcription start, base 0: use a --first-base of at "
                "most 0 and a --last-base of at least 0.",
            )

    @property
    def reads_files(self) -> bool:
        """Whether sequences come from files."""
        return bool(self.data or self.positives or self.negatives)


def dataset_key(config: DatasetConfig) -> str:
    """Return 16 hex digits that name a data set: its configuration and the content of its files.

    The folder of the files does not matter; what their names say (split, label, species, ids) does.

    Raises
    ------
    InputError
        For a file that does not exist.
    """
    settings = dataclasses.asdict(config)
    found = find_sources(
        *(settings.pop(name) for name in ("data", "positives", "negatives")),
        species=resolve(config.species) if config.species else "",
        split_matters=config.split in ("auto", "given"),
    )
    genome = settings.pop("genome")
    files = {
        "data": [
            [
                *(source.name, source.label, source.split, source.species),
                *([] if source.shots is None else [source.shots]),
                file_digest(source.path),
            ]
            for source in found.files
        ],
        "genome": None if genome is None else file_digest(user_path(genome), holds="genome"),
    }
    return content_key("dataset", versions.DATASET, settings, files)
