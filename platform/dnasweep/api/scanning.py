"""A model run along a genome: a track of probabilities, and its peaks."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from dnasweep.api.execution import Workplace
from dnasweep.api.model import Model, as_model
from dnasweep.api.options import make_options
from dnasweep.errors import InputError
from dnasweep.formats.chromosomes import Contigs
from dnasweep.formats.paths import user_path
from dnasweep.formats.reference import open_genome
from dnasweep.genomics.variants import Region
from dnasweep.plain import write_csv

if TYPE_CHECKING:
    from dnasweep.report.drawing import Plot


class Tracks:
    """The probability of a class along a genome, and the peaks called on it. Made by :func:`scan`.

    Parameters
    ----------
    files
        What the scan has written; :attr:`files` has them by name: `probability.bw`, `peaks.tsv`,
        `scan.html` and others.
    settings
        What was scanned, and how.
    scratch
        Folder of the files, if it is removed with this object.
    """

    def __init__(
        self,
        files: Sequence[Path],
        settings: dict[str, Any],
        scratch: tempfile.TemporaryDirectory[str] | None = None,
    ) -> None:
        self.files = {path.name: path for path in files}
        self.settings = settings
        # Files of a scan that is not kept live as long as this object.
        self._scratch = scratch

    def __repr__(self) -> str:
        lengths = self.lengths
        return (
            f"<dnasweep.Tracks of {self.settings['target']!r}: {len(self.peaks):,} peaks on "
            f"{len(lengths):,} records, {sum(lengths.values()):,} bases>"
        )

    @cached_property
    def peaks(self) -> pd.DataFrame:
        """One row per peak: chrom, start (from 0), end, strand, summit, height (probability)."""
        return pd.read_csv(self.files["peaks.tsv"], sep="\t", dtype={"chrom": str})

    @cached_property
    def agreement(self) -> pd.DataFrame:
        """One row per file of `annotations`: precision, recall, fold enrichment and others.

        Raises
        ------
        InputError
            If the scan was given no annotations.
        """
        if "agreement.tsv" not in self.files:
            raise InputError(
                "the scan was given nothing to compare its peaks with",
                remedy="Give BED files: dnasweep.scan(..., annotations=[...]).",
            )
        return pd.read_csv(self.files["agreement.tsv"], sep="\t")

    @cached_property
    def lengths(self) -> dict[str, int]:
        """Bases of each record of the genome that was scanned."""
        import pyBigWig

        with pyBigWig.open(str(self.bigwig)) as file:
            return dict(file.chroms())

    @property
    def bigwig(self) -> Path:
        """The track as bigWig."""
        return self.files["probability.bw"]

    @property
    def report(self) -> Path:
        """The page: a region as a browser shows it, and where annotations were given, how the peaks
        compare with them."""
        return self.files["scan.html"]

    def to_frame(self, region: str | None = None) -> pd.DataFrame:
        """Return the track: `chrom`, `start` (from 0), `end`, `probability`, one row per interval.

        Parameters
        ----------
        region
            chrom:first-last counted from 1, or chrom. None: everything, which takes 100 bytes per
            interval.

        Raises
        ------
        InputError
            For a record that was not scanned, or bases that it does not have.
        """
        from dnasweep.genomics.tracks import read_track

        parts = []
        for chrom, start, end in self._spans(region):
            found = read_track(self.bigwig.parent, chrom, start, end)
            columns = {"start": found.starts, "end": found.ends, "probability": found.values}
            parts.append(pd.DataFrame({"chrom": chrom, **columns}))
        return pd.concat(parts, ignore_index=True)

    def plot(self, region: str | None = None) -> Plot:
        """Return a figure of a region: the track and its peaks.

        Parameters
        ----------
        region
            chrom:first-last, counted from 1, or chrom. None: around the highest peak.
        """
        from dnasweep.genomics.tracks import read_track
        from dnasweep.report.drawing import plot
        from dnasweep.report.scan_figures import RegionTrack, region_picture

        (place,) = [self._highest()] if region is None else self._spans(region)
        chrom, start, end = place
        peaks = self.peaks
        inside = (peaks["chrom"] == chrom) & (peaks["start"] < end) & (peaks["end"] > start)
        track = read_track(self.bigwig.parent, chrom, start, end)
        shown = RegionTrack(
            chrom, start, end, track, peaks[inside], {}, float(self.settings["threshold"])
        )
        return plot(region_picture(shown))

    def save(self, folder: str | Path) -> list[Path]:
        """Copy all files into a folder, which is made if it is not there, and return the copies."""
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        return [Path(shutil.copy(path, target / name)) for name, path in self.files.items()]

    def _spans(self, region: str | None) -> list[Region]:
        if region is None:
            return [Region(chrom, 0, length) for chrom, length in self.lengths.items()]
        return [Region.parse(region, Contigs(genome=str(self.bigwig), lengths=self.lengths))]

    def _highest(self, bases: int = 20_000) -> Region:
        chrom, middle = next(iter(self.lengths)), 0
        if len(self.peaks):
            best = self.peaks.iloc[int(self.peaks["height"].to_numpy().argmax())]
            chrom, middle = str(best["chrom"]), int(best["summit"])
        length = self.lengths[chrom]
        start = max(0, min(middle - bases // 2, length - bases))
        return Region(chrom, start, min(length, start + bases))


def scan(
    model: Model | str | Path,
    genome: str | Path,
    *,
    window: int,
    regions: str | Path | Sequence[str] | pd.DataFrame | None = None,
    stride: int | None = None,
    storage: str | Path | None = None,
    address: str | None = None,
    progress: bool = True,
    **options: Any,
) -> Tracks:
    """Run a classifier along a genome, and return the track of its probability with the peaks.

    Parameters
    ----------
    model
        A classifier, or its folder or name.
    genome
        FASTA, plain, bgzip or gzip.
    window
        Bases per window: what the model was trained on.
    regions
        What to scan: a BED file, regions `chrom:first-last` counted from 1 or `chrom`, or a table with
        columns `chrom`, `start` (from 0) and `end`. Default: everything.
    stride
        Bases from one window to the next. Default: a quarter of the window.
    storage
        Storage root, to keep the track and to go on after a stop; recorded in MLflow.
    address
        Ray cluster to compute on, `auto`, HOST:PORT, or `local` for workers on this machine.
    progress
        Whether to show progress on the standard error stream.
    options
        Others of `dnasweep scan-genome`, such as `strands`, `threshold`, `annotations`, `tss`.

    Raises
    ------
    InputError
        For a genome, region or annotation that cannot be used, with file and row.
    """
    from dnasweep.jobs.job import run_job, run_together
    from dnasweep.jobs.scan_options import ScanOptions
    from dnasweep.jobs.scan_request import prepare_scan
    from dnasweep.workflows.scans import ScanJob

    # A download lives as long as the object, so it is held until the scan is done.
    model = as_model(model)
    place = Workplace(storage, address, options.pop("tracking_uri", None), progress=progress)
    try:
        with tempfile.TemporaryDirectory(prefix="dnasweep-") as scratch:
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
            executor = place.job_executor()
            job = ScanJob(prepare_scan(asked, resolve=executor.resolve_precision))
            if place.kept:
                finished = run_job(job, place.console, executor=executor)
                assert finished is not None
            else:
                (finished,) = run_together([job], asked, place.console, executor=executor)
    except BaseException:
        place.close()
        raise
    settings = {**job.request.settings, "threshold": job.request.peaks.threshold}
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
            table = pd.DataFrame([Region.parse(text, contigs) for text in regions])
    path = folder / "regions.bed"
    write_csv(table, path, sep="\t", header=False)
    return str(path)
