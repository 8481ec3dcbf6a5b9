"""A model run along a genome."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from dnasweep.api.execution import Workplace
from dnasweep.api.model import Model, as_model
from dnasweep.api.options import make_options
from dnasweep.api.tracks import Tracks
from dnasweep.errors import InputError
from dnasweep.formats.chromosomes import Contigs
from dnasweep.formats.paths import user_path
from dnasweep.formats.reference import open_genome
from dnasweep.genomics.variants import Region
from dnasweep.plain import write_csv


def scan(
    model: Model | str | Path,
    genome: str | Path,
    *,
    window: int | None = None,
    regions: str | Path | Sequence[str] | pd.DataFrame | None = None,
    stride: int | None = None,
    storage: str | Path | None = None,
    address: str | None = None,
    progress: bool = True,
    **options: Any,
) -> Tracks:
    """Run a model along a genome, and return its tracks and peaks.

    A sequence classifier gives one track, the probability of a class; a model of bases, signals or
    numbers gives a track for each output.

    Parameters
    ----------
    model
        A classifier, or its folder or name.
    genome
        FASTA file, plain or compressed with bgzip or gzip.
    window
        Bases per window. Default: the median length of the sequences that the model was trained on, which
        models of this platform contain.
    regions
        Regions to scan: a BED file, `chrom` or `chrom:first-last` (counted from 1), one or several, or
        a table with columns `chrom`, `start` (from 0) and `end`. Default: everything.
    stride
        Bases from one window to the next. Default: a quarter of the window, or half of it for models
        of bases and bins.
    storage
        Storage root that keeps the tracks and lets an interrupted call resume; recorded in MLflow.
    address
        Ray cluster to compute on: `auto`, HOST:PORT, or `local` for workers on this machine.
    progress
        Whether to print progress to standard error.
    options
        Other options of `dnasweep scan-genome`, such as `strands`, `threshold`, `annotations`, `tss`.

    Raises
    ------
    InputError
        For a genome, region or annotation that cannot be used, naming file and row.
    """
    from dnasweep.jobs.scan_options import ScanOptions
    from dnasweep.workflows.scans import scan_job

    # A download is deleted with its object, so keep the object until the scan is done.
    model = as_model(model)
    place = Workplace(storage, address, options.pop("tracking_uri", None), progress=progress)
    with place.closed_on_error(), tempfile.TemporaryDirectory(prefix="dnasweep-") as scratch:
        asked = make_options(
            ScanOptions,
            {
                **options,
                **place.options,
                "model": str(model.directory),
                "genome": genome,
                "window": window,
                "stride": stride,
                "regions": _bed_of(regions, genome, Path(scratch)),
            },
        )
        finished = place.run(scan_job, asked)
    peaks = finished.request.peaks
    settings = {
        **finished.request.settings,
        "threshold": None if peaks is None else peaks.threshold,
    }
    return Tracks(finished.made.files, settings, place.scratch)


def _is_record(name: str, genome: str | Path) -> bool:
    with open_genome(user_path(genome)) as fasta:
        return name in fasta


def _bed_of(regions: Any, genome: str | Path, folder: Path) -> str | None:
    """Return the BED file of regions in any form."""
    if regions is None or isinstance(regions, Path):
        return None if regions is None else str(regions)
    if isinstance(regions, str):
        if Path(regions).is_file() or not (":" in regions or _is_record(regions, genome)):
            return regions
        regions = [regions]
    if isinstance(regions, pd.DataFrame):
        if missing := [name for name in ("chrom", "start", "end") if name not in regions]:
            raise InputError(
                f"the table of regions has no column {', '.join(missing)}",
                remedy="Give columns chrom, start (from 0) and end (one past the last base).",
            )
        table = regions[["chrom", "start", "end"]]
    else:
        with open_genome(user_path(genome)) as fasta:
            contigs = Contigs.of(fasta, user_path(genome))
            table = pd.DataFrame([Region.parse(str(text), contigs) for text in regions])
    path = folder / "regions.bed"
    write_csv(table, path, sep="\t", header=False)
    return str(path)
