"""The job that counts k-mers, ranks them by pointwise mutual information, and shows and stores the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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

from dnasweep.config import PmiConfig
from dnasweep.formats.content import file_digest
from dnasweep.formats.paths import user_path
from dnasweep.invocation import as_typed
from dnasweep.stages.pmi import obtain_counts, obtain_table, sequences_to_count
from dnasweep.stages.specs import CountsSpec, PmiSpec
from dnasweep.storage import Storage, usable_storage
from dnasweep.sweeps.kmer_table_options import KmerTableOptions
from dnasweep.sweeps.preparation import check_species_sets, prepare_data
from dnasweep.tasks.registry import task_of
from dnasweep.tokens.ngrams import NGramCounts
from dnasweep.tokens.pmi import write_table

SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class _Work:
    """Sequences to count."""

    spec: CountsSpec
    text: str
    """Description of them for users."""
    count: Callable[[Callable[[int], None]], NGramCounts]
    """Function that counts in a Ray session; takes a callback for the bytes or bases counted since the last call."""
    total: int
    """Total number of bytes or bases, the unit of progress."""


def run_kmer_table(options: KmerTableOptions, console: Console) -> None:
    """Count k-mers, rank them and print where the table is."""
    storage = usable_storage(options.storage, dry_run=options.dry_run)
    config = PmiConfig(
        variant=options.pmi, min_count=options.pmi_min_count, both_strands=options.both_strands
    )
    with console.status("reading and checking what is to be counted"):
        work = _genome(options) if options.counts_genome else _rows(storage, options)
    spec = PmiSpec(counts=work.spec, config=config)
    console.print(f"[bold]counting[/] k-mers of 1 to {options.k} bases in {escape(work.text)}")
    if options.dry_run:
        state = "already exists" if storage.exists(spec.kind, spec.key) else "would be made"
        console.print(f"PMI table {spec.key} {state}; nothing was counted.", soft_wrap=True)
        return

    def count(_: CountsSpec) -> NGramCounts:
        # Imported here, as below: Ray is slow to import.
        from dnasweep.runtime.preflight.preflight import Requirements, checked_session

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
        "Pretrain with it: "
        + as_typed(f"dnasweep pretrain --masking genemask --pmi-table {spec.key}"),
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
        from dnasweep.runtime.kmer_counts import count_genome

        return count_genome(path, options.k, soft_masked=spec.soft_masked, progress=progress)

    return _Work(spec=spec, text=path.name, count=count, total=path.stat().st_size)


def _rows(storage: Storage, options: KmerTableOptions) -> _Work:
    data = prepare_data(storage, options)
    check_species_sets(data, [options.species_set])
    members = (
        ()
        if options.species_set == "all" or not data.species
        else data.members(options.species_set)
    )
    spec = CountsSpec(
        k=options.k,
        dataset=data.key,
        species=tuple(s for s in members if s in data.species),
        # Only if one of two classes is the positive one, as in a sweep.
        positives_only=options.pretrain_on == "positives" and task_of(data.labels).has_positives,
    )
    sequences = sequences_to_count(storage, spec)

    def count(progress: Callable[[int], None]) -> NGramCounts:
        from dnasweep.runtime.kmer_counts import count_rows

        return count_rows(sequences, options.k, progress=progress)

    kind = "training positives" if spec.positives_only else "training rows"
    return _Work(
        spec=spec,
        text=f"{len(sequences):,} {kind} of data set {data.key}",
        count=count,
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
