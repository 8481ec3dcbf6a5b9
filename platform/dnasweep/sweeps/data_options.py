"""Options of a data set, and the configuration that they describe."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated, Literal

from dnasweep.config.ranges import Between, Checked, Count, Range, Seed, Whole
from dnasweep.data.clustering import LOWEST_IDENTITY
from dnasweep.data.dataset_config import DatasetConfig
from dnasweep.data.negatives import NegativeKind
from dnasweep.data.screening import LeakPolicy
from dnasweep.data.splits import SplitMethod
from dnasweep.formats.files import Format

SimulatedRows = Annotated[int, Range(1, 1_000_000)]
Upstream = Annotated[int, Range(-1_000_000, 0)]
Downstream = Annotated[int, Range(0, 1_000_000)]
Identity = Annotated[float, Range(LOWEST_IDENTITY, 1)]

OTHER_NAMES = {
    "split_fractions": "fractions",
    "split_identity": "identity",
    "simulated_rows": "simulate_per_species",
    "data_seed": "seed",
}
"""Options whose field of :class:`~dnasweep.data.dataset_config.DatasetConfig` has a shorter name,
which is part of the keys of data sets."""


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

    @property
    def dataset(self) -> DatasetConfig:
        """The data set that these options describe."""
        names = [field.name for field in fields(DataOptions)]
        return DatasetConfig(**{OTHER_NAMES.get(n, n): getattr(self, n) for n in names})
