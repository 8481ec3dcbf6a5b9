"""The command line of a genome scan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from dnasweep.config.ranges import (
    Batch,
    Count,
    Few,
    Fraction,
    NotNone,
    Positive,
    Range,
    Seed,
    Whole,
)
from dnasweep.genomics.scan_plan import Combine, Per, Strands
from dnasweep.jobs.options import JobOptions

Shuffles = Annotated[int, Range(1, 1_000_000)]


@dataclass(frozen=True, kw_only=True)
class ScanOptions(JobOptions):
    """Options of a genome scan."""

    model: str
    """MLflow run id, registered model (models:/NAME@ALIAS), directory, or hub name
    OWNER/MODEL[@REVISION]."""
    genome: str
    """FASTA file, plain or compressed with bgzip or gzip; its index is created beside it if possible."""
    window: Count | None = None
    """Bases per window. Default: the median length of the sequences that the model was trained on, which
    models of this platform contain."""
    stride: Count | None = None
    """Bases from one window to the next. Default: a quarter of the window, or half of it for models of
    bases and bins."""
    strands: Strands = "both"
    """Strands that the model is shown."""
    combine: Combine | None = None
    """How the strands are combined: mean averages their log odds, signals or numbers; max takes the strand
    with the larger values, for models trained on promoters in the direction of transcription; apart writes
    a track for each. Default: mean, or apart for classes of bases."""
    per: Per = "base"
    """base: each base gets the mean over the windows that cover it; window: the value of each window goes
    to the bases at its centre."""
    max_unknown: Fraction = 0.05
    """Skip windows with a larger fraction of letters other than A, C, G and T."""
    regions: str | None = None
    """BED file of regions to scan, or one region (chrom:first-last, counted from 1). Default: everything."""
    chromosomes: tuple[str, ...] = ()
    """Names of the records to scan. Default: all."""
    match_chromosomes: bool = False
    """Treat 2R, chr2R and RefSeq accessions as the same chromosome in --regions, --chromosomes,
    --annotations, --tss and --picture."""
    target: str | None = None
    """Class to look for, by its name in the model. Default: the second of two classes; for classes of
    bases, signals and numbers, all."""
    threshold: Positive | None = None
    """Minimum probability (or value of a signal or number) of a peak. Default: the model's threshold,
    chosen on validation, or 0.5; for signals and numbers, no peaks are called."""
    merge_gap: Whole | None = None
    """Peaks with at most this many bases between them are merged. Default: 100; for classes of bases,
    signals and numbers, 0."""
    min_length: Count | None = None
    """Minimum length of a peak in bases. Default: 50; for classes of bases, signals and numbers, 1."""
    annotations: tuple[str, ...] = ()
    """BED files of known elements to compare the peaks with."""
    widen: Whole = 0
    """Bases added to either end of every annotated interval, which turns a transcription start of one base
    into a promoter."""
    tss: str | None = None
    """BED file of transcription starts, for the distance from each peak to the nearest one."""
    thresholds: tuple[NotNone, ...] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    """Further thresholds at which precision and recall are reported."""
    shuffles: Shuffles = 100
    """Number of shuffles of the peaks on their chromosomes, for fold enrichment and p-value."""
    seed: Seed = 0
    """Seed of the shuffles."""
    picture: str | None = None
    """Region to draw, CHROM:START-END counted from 1. Default: around the highest peak."""
    out: str | None = None
    """Folder for a copy of the results; created if it does not exist."""
    skip_bad_rows: bool = False
    """Skip rows of BED files that cannot be used and write them to a file beside the output, instead of
    stopping."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Precision: auto is bf16 on GPUs that support it and fp32 elsewhere."""
    batch_rows: Batch | None = None
    """Windows per forward pass; lower it if memory is short. Default: chosen by their number of tokens.
    Other numbers change the last digits of log odds (about 1e-6); shards and actors do not."""
    shard_size: Few | None = None
    """Tiles of 1,024 windows per shard, the unit that is stored at once, or lost if the job is killed. Does
    not change results. A job that has been started keeps its size."""
