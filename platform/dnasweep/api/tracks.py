"""Predictions of a model along a genome: tracks and their peaks."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from dnasweep.errors import InputError
from dnasweep.formats.chromosomes import Contigs
from dnasweep.genomics.variants import Region

if TYPE_CHECKING:
    from dnasweep.report.drawing import Plot

_PROBABILITY = "probability.bw"


class Tracks:
    """Predictions along a genome, and the peaks called on them. Returned by :func:`scan`.

    A sequence classifier gives one track, the probability of a class; a model of bases, signals or
    numbers gives one for each output, see :attr:`bigwigs`.

    Parameters
    ----------
    files
        Files of the scan; :attr:`files` contains them by name: `probability.bw` or `donor.plus.bw`,
        `peaks.tsv`, `scan.html` and others.
    settings
        The settings: what was scanned, and how.
    scratch
        Folder of the files, if it is temporary and removed with this object.
    """

    def __init__(
        self,
        files: Sequence[Path],
        settings: dict[str, Any],
        scratch: tempfile.TemporaryDirectory[str] | None = None,
    ) -> None:
        self.files = {path.name: path for path in files}
        self.settings = settings
        # Files of a scan without storage are deleted with this object.
        self._scratch = scratch

    def __repr__(self) -> str:
        lengths = self.lengths
        what = repr(self.settings["target"]) if self._of_class else ", ".join(self.bigwigs)
        peaks = f"{len(self.peaks):,} peaks" if "peaks.tsv" in self.files else "no peaks"
        return (
            f"<dnasweep.Tracks of {what}: {peaks} on {len(lengths):,} records, "
            f"{sum(lengths.values()):,} bases>"
        )

    @property
    def _of_class(self) -> bool:
        return _PROBABILITY in self.files

    @cached_property
    def bigwigs(self) -> dict[str, Path]:
        """The bigWig files by the names of their tracks, such as `donor.plus`, or `probability` for a class."""
        if self._of_class:
            return {"probability": self.files[_PROBABILITY]}
        table = pd.read_csv(self.files["tracks.tsv"], sep="\t", keep_default_na=False)
        # The table has an apostrophe before names such as -log10p, for spreadsheets.
        return {
            str(name).removeprefix("'"): self.files[file.removeprefix("'")]
            for name, file in zip(table["track"], table["file"], strict=True)
        }

    @cached_property
    def peaks(self) -> pd.DataFrame:
        """One row per peak: chrom, start (from 0), end, strand, summit, height (probability or value),
        and `track` if there are several.

        Raises
        ------
        InputError
            For signals and numbers that were scanned without a threshold, so no peaks were called.
        """
        if "peaks.tsv" not in self.files:
            raise InputError(
                "peaks of signals and numbers are called only with a threshold",
                remedy="Give it: dnasweep.scan(..., threshold=...).",
            )
        return pd.read_csv(self.files["peaks.tsv"], sep="\t", dtype={"chrom": str})

    @cached_property
    def agreement(self) -> pd.DataFrame:
        """One row per annotation file: precision, recall, fold enrichment and others.

        Raises
        ------
        InputError
            If the scan had no annotations.
        """
        if "agreement.tsv" not in self.files:
            raise InputError(
                "the scan had no annotations to compare its peaks with",
                remedy="Give BED files: dnasweep.scan(..., annotations=[...]).",
            )
        return pd.read_csv(self.files["agreement.tsv"], sep="\t")

    @cached_property
    def lengths(self) -> dict[str, int]:
        """Length in bases of each scanned record of the genome."""
        import pyBigWig

        with pyBigWig.open(str(next(iter(self.bigwigs.values())))) as file:
            return dict(file.chroms())

    @property
    def bigwig(self) -> Path:
        """The bigWig file, if there is only one track.

        Raises
        ------
        InputError
            If there are several tracks.
        """
        if len(self.bigwigs) > 1:
            raise InputError(
                f"there are several tracks: {', '.join(self.bigwigs)}",
                remedy="Take one of tracks.bigwigs.",
            )
        return next(iter(self.bigwigs.values()))

    @property
    def report(self) -> Path:
        """Path of the page: a region as in a genome browser and, if annotations were given, how the
        peaks compare with them."""
        return self.files["scan.html"]

    def to_frame(self, region: str | None = None) -> pd.DataFrame:
        """Return the tracks as a table with one row per interval: `chrom`, `start` (from 0), `end`, and
        `probability`, or a column for each track; for a regression model, a column named after the output.

        Parameters
        ----------
        region
            `chrom:first-last`, counted from 1, or `chrom`. None: everything, which takes 100 bytes per
            interval.

        Raises
        ------
        InputError
            For a record that was not scanned, or positions beyond its end.
        """
        from dnasweep.genomics.bigwig import read_intervals

        parts = []
        for chrom, start, end in self._spans(region):
            # All tracks of a scan have the same intervals.
            found = {
                name: read_intervals(path, chrom, start, end)
                for name, path in self.bigwigs.items()
            }
            first = next(iter(found.values()))
            # Intervals at the ends of the region extend beyond it in the file.
            begins, ends = np.maximum(first.starts, start), np.minimum(first.ends, end)
            columns = {"chrom": chrom, "start": begins, "end": ends}
            parts.append(pd.DataFrame(columns | {name: one.values for name, one in found.items()}))
        return pd.concat(parts, ignore_index=True)

    def plot(self, region: str | None = None) -> Plot:
        """Plot a region: the track with its peaks, or all tracks.

        Parameters
        ----------
        region
            `chrom:first-last`, counted from 1, or `chrom`. None: the region around the highest peak.
        """
        from dnasweep.genomics.bigwig import read_track
        from dnasweep.report.drawing import plot
        from dnasweep.report.scan_figures import RegionTrack, region_picture

        (place,) = [self._highest()] if region is None else self._spans(region)
        chrom, start, end = place
        if not self._of_class:
            from dnasweep.report.output_scan_page import region_of, tracks_picture

            return plot(tracks_picture(region_of(self.bigwigs, chrom, start, end)))
        peaks = self.peaks
        inside = (peaks["chrom"] == chrom) & (peaks["start"] < end) & (peaks["end"] > start)
        track = read_track(self.bigwig.parent, chrom, start, end)
        shown = RegionTrack(
            chrom, start, end, track, peaks[inside], {}, float(self.settings["threshold"])
        )
        return plot(region_picture(shown))

    def save(self, folder: str | Path) -> list[Path]:
        """Copy all files into a folder, which is created if needed, and return the paths of the copies."""
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        return [Path(shutil.copy(path, target / name)) for name, path in self.files.items()]

    def _spans(self, region: str | None) -> list[Region]:
        if region is None:
            return [Region(chrom, 0, length) for chrom, length in self.lengths.items()]
        return [
            Region.parse(
                region,
                Contigs(genome=str(next(iter(self.bigwigs.values()))), lengths=self.lengths),
            )
        ]

    def _highest(self, bases: int = 20_000) -> Region:
        peaks = self.peaks if "peaks.tsv" in self.files else pd.DataFrame()
        begun = Region(next(iter(self.lengths)), 0, bases)
        return Region.of_peaks(peaks, begun, self.lengths)
