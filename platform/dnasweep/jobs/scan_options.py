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
    """FASTA, plain, bgzip or gzip; its index is made beside it where that is possible."""
    window: Count
    """Bases per window: what the model was trained on."""
    stride: Count | None = None
    """Bases from one window to the next. Default: a quarter of the window, of models of bases and
    bins half of it."""
    strands: Strands = "both"
    """Strands that the model is shown."""
    combine: Combine | None = None
    """How both are combined: mean takes the mean of their log odds, or of signals and numbers; max
    the strand with the larger ones, for models that were trained on promoters as they are read; apart
    writes a track for each. Default: mean, and apart of classes of bases."""
    per: Per = "base"
    """base: each base has the mean of the windows that cover it; window: each window has the bases
    at its centre."""
    max_unknown: Fraction = 0.05
    """Leave out windows with a larger part of letters other than A, C, G and T."""
    regions: str | None = None
    """BED of what to scan. Default: everything."""
    chromosomes: tuple[str, ...] = ()
    """Records to scan, by name. Default: all."""
    match_chromosomes: bool = False
    """Let 2R, chr2R and RefSeq accessions stand for each other in --regions, --chromosomes,
    --annotations, --tss and --picture."""
    target: str | None = None
    """Class to look for, by its name in the model. Default: the second of two; of classes of bases,
    signals and numbers, all."""
    threshold: Positive | None = None
    """Least probability of a peak, or value of a signal or number. Default: the model's own, chosen on
    validation, or 0.5; of signals and numbers no peaks are called."""
    merge_gap: Whole | None = None
    """Peaks with at most this many bases between them are one. Default: 100; of classes of bases,
    signals and numbers 0."""
    min_length: Count | None = None
    """Least bases of a peak. Default: 50; of classes of bases, signals and numbers 1."""
    annotations: tuple[str, ...] = ()
    """BED files of what is known, to compare the peaks with."""
    widen: Whole = 0
    """Bases added to either end of every annotated interval: a start of one base becomes a
    promoter."""
    tss: str | None = None
    """BED of transcription starts, for the distance of each peak to the nearest."""
    thresholds: tuple[NotNone, ...] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    """Further thresholds at which precision and recall are given."""
    shuffles: Shuffles = 100
    """Shuffles of the peaks, on their chromosomes, for fold enrichment and p."""
    seed: Seed = 0
    """Of the shuffles."""
    picture: str | None = None
    """Region to draw, CHROM:START-END counted from 1. Default: around the highest peak."""
    out: str | None = None
    """Folder to copy the results to as well; made if it is not there."""
    skip_bad_rows: bool = False
    """Leave out rows of BED files that cannot be used, and write them beside the output, instead of
    ending."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """auto is bf16 on GPUs that have it and fp32 elsewhere."""
    batch_rows: Batch | None = None
    """Windows per forward pass, if memory is short. Default: found from their tokens. Other numbers
    change log odds in their last digits (some 1e-6), shards and actors do not."""
    shard_size: Few | None = None
    """Tiles of 1,024 windows per shard: what is published, and lost by a kill, at once. Changes no
    number. A job that was begun keeps the size it was begun with."""
