"""Options common to jobs: where they run and are recorded, and which sequences they read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dnasweep.config.execution import PlaceOptions
from dnasweep.config.ranges import Batch, Count, Devices, Few
from dnasweep.data.column_names import ColumnOptions
from dnasweep.data.dataset_config import Downstream, Upstream
from dnasweep.data.reading import Reading, read_rows
from dnasweep.data.table import crop_table
from dnasweep.formats.detection import Format
from dnasweep.models.encoder.precision import Precision


@dataclass(frozen=True, kw_only=True)
class JobOptions(PlaceOptions):
    """Where a job runs and the resources it may use; none of them changes a result."""

    num_actors: Few | None = None
    """Number of actors. Default: one per GPU, or without GPUs one per CPU, each with one thread."""
    gpus_per_actor: Devices | None = None
    """GPUs per actor, fractions allowed; 0: compute on CPUs. Default: one if there are any."""
    preflight: bool = True
    """Check every node of a cluster first, as `dnasweep doctor` does, and stop if one is not ready."""
    dry_run: bool = False
    """Read and check everything and print the plan, without starting anything."""


@dataclass(frozen=True, kw_only=True)
class SequenceOptions(JobOptions, ColumnOptions):
    """Options of a job over sequences."""

    data: tuple[str, ...]
    """Sequences: tables (CSV, TSV, JSON, Parquet), FASTA, or BED with --genome; labels are not
    needed."""
    genome: str | None = None
    """Genome FASTA, for files of coordinates."""
    first_base: Upstream = -300
    """First base of the window cut around a transcription start, which is base 0."""
    last_base: Downstream = 300
    """Last base of that window."""
    species: str | None = None
    """Species of all rows, if the files do not name it."""
    format: Format = "auto"
    """Format of the files; text is one sequence per line. Default: by the name and the content of
    each file."""
    crop: Count | None = None
    """Cut every sequence to its central bases, this many, as in training; shorter ones are bad rows."""
    skip_bad_rows: bool = False
    """Skip rows that cannot be used and write them to a file beside the output, instead of stopping."""

    def read_rows(self, classes: Sequence[str] | None = None) -> Reading:
        """Read the sequences, labelled or not, and crop them to their centre if requested.

        Parameters
        ----------
        classes
            Class names of a model; labels become their indices.

        Raises
        ------
        InputError
            For a file that cannot be used, and for the first bad row unless they are skipped.
        """
        reading = read_rows(
            self.data,
            species=self.species,
            genome=self.genome,
            window=(self.first_base, self.last_base),
            require_labels=False,
            skip_bad_rows=self.skip_bad_rows,
            min_bases=self.crop or 1,
            format=self.format,
            classes=classes,
            columns=self.columns,
        )
        if self.crop is None:
            return reading
        return reading._replace(table=crop_table(reading.table, self.crop))


@dataclass(frozen=True, kw_only=True)
class NearOptions(SequenceOptions):
    """Options of a job over sequences that runs in this process unless Ray is requested."""

    model: str
    """MLflow run id, registered model, directory, or hub name OWNER/MODEL[@REVISION]."""
    address: str | None = None
    """Ray cluster to compute on: `auto`, HOST:PORT, or `local` for a pool of processes on this
    machine. Default: in this process."""
    num_actors: Few | None = None
    """Number of actors on Ray. Default: compute in this process."""

    @property
    def wants_ray(self) -> bool:
        """Whether the job runs on Ray, because a cluster or actors are requested."""
        return self.address is not None or self.num_actors is not None


@dataclass(frozen=True, kw_only=True)
class ForwardOptions(NearOptions):
    """Options of a job that runs a model over each sequence once."""

    batch_size: Batch = 64
    """Sequences per forward pass."""
    precision: Precision = "auto"
    """Precision: auto is bf16 on GPUs that support it and fp32 elsewhere."""
