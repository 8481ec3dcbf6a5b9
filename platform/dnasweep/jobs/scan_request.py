"""The checked request of a genome scan: genome, model and annotations."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pyfaidx

from dnasweep.attribution.checks import check_model
from dnasweep.config import versions
from dnasweep.errors import InputError
from dnasweep.formats.bases import decode_rows
from dnasweep.formats.chromosomes import Contigs
from dnasweep.formats.detection import stem
from dnasweep.formats.intervals import read_bed
from dnasweep.formats.reference import open_genome
from dnasweep.formats.rejects import RejectedRow
from dnasweep.genomics.genome_store import genome_key, keep_genome
from dnasweep.genomics.peak_overlap import widened
from dnasweep.genomics.scan_plan import PeakConfig, ScanConfig, ScanPlan, TrackConfig, plan_scan
from dnasweep.genomics.variants import Region, is_region
from dnasweep.jobs.request import JobRequest, model_directory, model_key, open_storage
from dnasweep.jobs.scan_layout import layout_of
from dnasweep.jobs.scan_options import ScanOptions
from dnasweep.jobs.shards.work_list import choose_shard_size, spread
from dnasweep.models.encoder.precision import ResolvePrecision, resolve_here
from dnasweep.tasks.trained_lengths import note_on_window

KIND = "scans"
_PROBES = 64


@dataclass(frozen=True, kw_only=True)
class ScanRequest(JobRequest[ScanOptions]):
    """A scan that can be started; the rows of its work list are tiles."""

    KIND: ClassVar[str] = KIND
    config: ScanConfig
    """How windows are laid out and read."""
    track: TrackConfig
    """How windows become a track."""
    peaks: PeakConfig | None
    """Settings of peak calling; None: no peaks are called."""
    outputs: tuple[str, ...]
    """Names of the outputs that have tracks; empty: there is one track, the probability of a class."""
    lengths: dict[str, int]
    """Lengths of the scanned records, in the order of the FASTA file."""
    plan: ScanPlan
    """Tiles of windows, and the regions that they cover."""
    annotations: dict[str, pd.DataFrame]
    """Known elements, widened, by the name of their file."""
    tss: pd.DataFrame | None
    """Transcription starts."""
    picture: Region | None
    """Region to draw; None: around the highest peak."""
    short: int
    """Number of records shorter than a window."""
    tokens: int
    """Number of tokens in a window of the genome."""
    capacity: int
    """Number of positions of the model."""


def prepare_scan(options: ScanOptions, *, resolve: ResolvePrecision = resolve_here) -> ScanRequest:
    """Read genome, annotations and model, and check them against each other.

    Parameters
    ----------
    options
        Options of the command.
    resolve
        Function that returns what the precision `auto` means on the machine that computes the job.

    Raises
    ------
    InputError
        For any mistake that can be detected before the first window is read.
    """
    storage, uri = open_storage(options)
    rejects: list[RejectedRow] = []
    path = Path(options.genome)
    with model_directory(options.model, uri) as directory:
        model = check_model(directory, target=options.target, reference=None, every=True)
        layout = layout_of(options, model, directory)
        config = layout.config
        with open_genome(path) as fasta:
            contigs = Contigs.of(fasta, path, match=options.match_chromosomes)

            def bed(path: str) -> pd.DataFrame:
                frame, faults = read_bed(path, contigs, skip_bad_rows=options.skip_bad_rows)
                rejects.extend(faults)
                return frame

            regions = None
            if options.regions is not None:
                regions = _one_region(options.regions, contigs)
                regions = bed(options.regions) if regions is None else regions
            annotations = _annotations(options, bed)
            tss = None if options.tss is None else bed(options.tss)
            picture = _picture(options.picture, contigs)
            every = _chosen(options, contigs, regions)
            lengths = {name: n for name, n in every.items() if config.num_windows(n)}
            if picture is not None and picture.chrom not in lengths:
                raise InputError(
                    f"the picture is on {picture.chrom}, which is not scanned",
                    file=path,
                    remedy="Choose a record in --chromosomes and --regions that is at least as long as a window.",
                )
            if regions is not None:
                regions = regions[regions["chrom"].isin(list(lengths))]
            plan = plan_scan(lengths, config, regions)
            if plan.num_windows == 0:
                raise InputError(
                    f"no record or region is long enough for a window of {config.window:,} bases",
                    file=options.regions or path,
                    remedy="Use a smaller --window, or longer sequences.",
                )
            tokens = _count_tokens(fasta, plan, config, model.tokenizer)
            if tokens > model.capacity:
                raise InputError(
                    f"a window of {config.window:,} bases has {tokens:,} tokens, but the model has "
                    f"{model.capacity:,} positions",
                    file=options.model,
                    remedy="Use the --window that the model was trained on, or a smaller one.",
                )
            names = list(lengths)
            genome = (
                genome_key(fasta, names) if options.dry_run else keep_genome(storage, fasta, names)
            )
        digest = model_key(storage, directory, options)
    settings = {
        **dataclasses.asdict(config),
        "genome": genome,
        "model": digest,
        "target": model.target,
        "tokenizer": model.tokenizer.config.name,
        "precision": resolve(
            options.precision, gpus=options.gpus_per_actor, address=options.address
        ),
        "format": versions.SCAN,
        **({"outputs": layout.outputs, "width": layout.width} if layout.outputs else {}),
    }
    return ScanRequest(
        options=options,
        storage=storage,
        uri=uri,
        rows=plan.tiles,
        shard_size=options.shard_size or choose_shard_size(len(plan.tiles), options.num_actors),
        config=config,
        track=layout.track,
        peaks=layout.peaks,
        outputs=tuple(model.names[i] for i in layout.outputs),
        lengths=lengths,
        plan=plan,
        settings=settings,
        annotations=annotations,
        tss=tss,
        picture=picture,
        rejects=rejects,
        short=len(every) - len(lengths),
        tokens=tokens,
        capacity=model.capacity,
        warning=note_on_window(model.lengths, config.window),
    )


def _annotations(
    options: ScanOptions, bed: Callable[[str], pd.DataFrame]
) -> dict[str, pd.DataFrame]:
    found: dict[str, pd.DataFrame] = {}
    for path in options.annotations:
        name = stem(Path(path))
        if name in found:
            raise InputError(
                f"two annotations are called {name!r}", file=path, remedy="Rename one of them."
            )
        found[name] = widened(bed(path), options.widen)
    return found


def _picture(text: str | None, contigs: Contigs) -> Region | None:
    if text is None:
        return None
    if not is_region(text):
        raise InputError(
            f"picture is {text!r}", remedy="Give CHROM:START-END, such as chr2R:1000-21000."
        )
    return Region.parse(text, contigs)


def _one_region(text: str, contigs: Contigs) -> pd.DataFrame | None:
    """Return a region written as `chr1:1,000-2,000`; None for a file."""
    # Not Path.exists, which fails for names that are too long.
    if os.path.exists(text) or not is_region(text):
        return None
    region = Region.parse(text, contigs)
    return pd.DataFrame(
        [(1, "", region.chrom, region.start, region.end, "")],
        columns=["row", "id", "chrom", "start", "end", "strand"],
    )


def _chosen(
    options: ScanOptions, contigs: Contigs, regions: pd.DataFrame | None
) -> dict[str, int]:
    """Return the lengths of the records to scan, in the order of the FASTA file."""
    names = {contigs.record(name) for name in options.chromosomes} or set(contigs.lengths)
    if regions is not None:
        names &= set(regions["chrom"])
        if not names:
            raise InputError(
                f"no region lies on {', '.join(options.chromosomes)}", file=options.regions
            )
    return {name: length for name, length in contigs.lengths.items() if name in names}


def _count_tokens(fasta: pyfaidx.Fasta, plan: ScanPlan, config: ScanConfig, tokenizer: Any) -> int:
    """Return the largest number of tokens in a sample of windows from the whole plan.

    Skipped windows do not count: a chromosome may begin with a long run of unknown bases.
    """
    most, windows = config.max_unknown * config.window, []
    for number in spread(len(plan.tiles), _PROBES):
        tile = plan.tiles.slice(number, 1).to_pylist()[0]
        start = (tile["first"] + tile["number"] // 2) * config.stride
        window = str(fasta[tile["chrom"]][start : start + config.window])
        if config.window - sum(map(window.count, "ACGT")) <= most:
            windows.append(window)
    if not windows:
        codes = np.random.default_rng(0).integers(0, 4, (1, config.window))
        windows = decode_rows(codes.astype(np.uint8))
    return int(np.diff(tokenizer.encode(windows).offsets).max())
