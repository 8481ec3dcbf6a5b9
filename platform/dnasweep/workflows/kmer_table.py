"""The job that ranks k-mers by pointwise mutual information: options in, a table out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from dnasweep.config import PmiConfig, PmiVariant
from dnasweep.config.keys import require
from dnasweep.config.ranges import Count, Range
from dnasweep.data.species import species_set
from dnasweep.formats.detection import file_digest
from dnasweep.formats.paths import user_path
from dnasweep.runtime.kmer_counts import count_genome, count_rows
from dnasweep.runtime.preflight.preflight import Requirements, checked_session
from dnasweep.stages.pmi import obtain_counts, obtain_table, sequences_to_count
from dnasweep.stages.specs import CountsSpec, PmiSpec
from dnasweep.storage import Storage
from dnasweep.sweeps.data_options import DataOptions
from dnasweep.sweeps.preparation import check_species_sets, prepare_data
from dnasweep.tokens.ngrams import NGramCounts
from dnasweep.tokens.pmi import write_table

SHOWN = 5
KmerLength = Annotated[int, Range(3, 6)]
OUTPUTS = (".csv", ".csv.gz", ".parquet")


@dataclass(frozen=True, kw_only=True)
class KmerTableOptions(DataOptions):
    """Options of the ranking of k-mers."""

    genome: str | None = None
    """Genome FASTA, plain or gzip. Without data, the whole genome is counted; with data, files of
    coordinates refer to it. Neither: the training rows of the built-in data."""
    k: KmerLength = 6
    """Bases of a k-mer that is to be masked, 3 to 6."""
    pmi: PmiVariant = "published"
    """How k-mers are scored: GeneMask's published ranking, pmi_n (minimum over all cuts), bouma or
    naive."""
    pmi_min_count: Count = 10
    """K-mers seen fewer times have no score."""
    both_strands: bool = False
    """Count the other strand as well."""
    soft_masked: Literal["count", "skip"] = "count"
    """Count the lower-case bases of genomes, or skip them as repeats."""
    species_set: str = "all"
    """Species set whose rows are counted."""
    pretrain_on: Literal["positives", "all"] = "positives"
    """Count the training rows of the positive class, or all of them."""
    out: str | None = None
    """Also write the ranked table here, as .csv, .csv.gz or .parquet."""
    storage: str = "runs"
    """Storage root."""
    address: str | None = None
    """Ray cluster to join, `auto` or HOST:PORT. Default: RAY_ADDRESS, else this machine alone."""
    preflight: bool = True
    """Look at every node of a cluster first, as jobs/doctor.py does, and refuse one that is not
    ready."""
    dry_run: bool = False
    """Print what would be counted and count nothing."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.counts_genome or self.soft_masked == "count",
            "soft_masked",
            self.soft_masked,
            "Rows have no lower case to skip; count a genome, by --genome without data.",
        )
        if self.out is not None:
            require(
                self.out.endswith(OUTPUTS), "out", self.out, f"End it in {', '.join(OUTPUTS)}."
            )
            parent = user_path(self.out).absolute().parent
            require(parent.is_dir(), "out", self.out, f"Make the folder {parent} first.")

    @property
    def counts_genome(self) -> bool:
        """Whether the genome itself is counted, and no rows of a data set."""
        return bool(self.genome) and not (self.data or self.positives or self.negatives)


@dataclass(frozen=True, kw_only=True)
class _Work:
    """What is to be counted."""

    spec: CountsSpec
    text: str
    """The same for people."""
    count: Callable[[Callable[[int], None]], NGramCounts]
    """Counts it in a Ray session; takes what is called with the bytes or bases counted since."""
    total: int
    """Bytes or bases of it, the unit of progress."""


def run_kmer_table(options: KmerTableOptions, console: Console) -> None:
    """Count k-mers, rank them and print where the table is."""
    storage = Storage(options.storage)
    storage.check_writable()
    config = PmiConfig(
        variant=options.pmi, min_count=options.pmi_min_count, both_strands=options.both_strands
    )
    with console.status("reading and checking what is to be counted"):
        work = _genome(options) if options.counts_genome else _rows(storage, options)
    spec = PmiSpec(counts=work.spec, config=config)
    console.print(f"[bold]counting[/] k-mers of 1 to {options.k} bases in {escape(work.text)}")
    if options.dry_run:
        state = "is there already" if storage.exists(spec.kind, spec.key) else "would be made"
        console.print(f"PMI table {spec.key} {state}; nothing was counted.", soft_wrap=True)
        return

    def count(_: CountsSpec) -> NGramCounts:
        requirements = (
            Requirements(storage=storage, gpus_per_worker=0) if options.preflight else None
        )
        with checked_session(options.address, requirements, console), _progress(console) as bar:
            task = bar.add_task("counting", total=work.total)
            return work.count(lambda done: bar.advance(task, done))

    table = obtain_table(storage, spec, count)
    counts = obtain_counts(storage, work.spec, count)
    frame = table.frame(counts.both_strands() if options.both_strands else counts)
    shown = Table("rank", "k-mer", "count", f"PMI ({options.pmi})", box=None)
    ends = [*range(min(SHOWN, len(frame))), *range(max(SHOWN, len(frame) - SHOWN), len(frame))]
    for row in frame.iloc[ends].itertuples(index=False):
        shown.add_row(str(row[0]), str(row[1]), f"{row[2]:,}", f"{row[3]:.5f}")
    console.print(shown)
    console.print(f"{len(frame):,} of {4**options.k:,} k-mers, {counts.num_bases:,} bases")
    if options.out is not None:
        out = user_path(options.out).absolute()
        write_table(frame, out)
        console.print(f"[bold]written[/] {escape(str(out))}", soft_wrap=True)
    console.print(
        f"[bold]PMI table[/] {spec.key} in "
        f"{escape(str(storage.find(spec.kind, spec.key)))}\n"
        "Pretrain with it: python jobs/pretrain.py --masking genemask --pmi-table "
        f"{spec.key}",
        soft_wrap=True,
    )


def _genome(options: KmerTableOptions) -> _Work:
    path = user_path(options.genome or "").absolute()
    spec = CountsSpec(
        k=options.k,
        genome=file_digest(path, holds="genome"),
        soft_masked=options.soft_masked == "count",
    )

    def count(progress: Callable[[int], None]) -> NGramCounts:
        return count_genome(path, options.k, soft_masked=spec.soft_masked, progress=progress)

    return _Work(spec=spec, text=path.name, count=count, total=path.stat().st_size)


def _rows(storage: Storage, options: KmerTableOptions) -> _Work:
    data = prepare_data(storage, options)
    check_species_sets(data, [options.species_set])
    members = (
        ()
        if options.species_set == "all" or not data.species
        else species_set(options.species_set)
    )
    spec = CountsSpec(
        k=options.k,
        dataset=data.key,
        species=tuple(s for s in members if s in data.species),
        positives_only=options.pretrain_on == "positives",
    )
    sequences = sequences_to_count(storage, spec)
    kind = "training positives" if spec.positives_only else "training rows"
    return _Work(
        spec=spec,
        text=f"{len(sequences):,} {kind} of data set {data.key}",
        count=lambda progress: count_rows(sequences, options.k, progress=progress),
        total=sum(map(len, sequences)),
    )


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
