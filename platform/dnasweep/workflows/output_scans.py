"""A scan by a model of bases, bins or numbers: a track for each output, and peaks if requested."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.markup import escape

from dnasweep.config import content_key, versions
from dnasweep.formats.rejects import REJECTS, write_rejects
from dnasweep.genomics.output_tracks import READ, Centre, OutputTrack, tracks_of, write_tracks
from dnasweep.genomics.variants import Region
from dnasweep.jobs.job import FinishedJob, JobFiles, files_in
from dnasweep.jobs.scan_request import KIND
from dnasweep.jobs.shards.store import Shards
from dnasweep.jobs.shards.tables import read_tables
from dnasweep.plain import write_csv
from dnasweep.tasks.wording import joined
from dnasweep.workflows.scan_job import ScanJob

TRACKS, PEAKS, PEAKS_BED = "tracks.tsv", "peaks.tsv", "peaks.bed"
PICTURE_BASES = 2_000


class OutputScanJob(ScanJob):
    """Scans a genome with a model that predicts bases, bins or numbers of windows."""

    worker = "dnasweep.genomics.output_scan:OutputScanWorker"
    sometimes = ("*.bw", TRACKS, PEAKS, PEAKS_BED, "scan.html", "region.png", REJECTS)

    @property
    def predicted(self) -> str:
        return f"tracks of {joined(self.request.outputs)}"

    @property
    def tracks(self) -> list[OutputTrack]:
        """The tracks to write."""
        request = self.request
        return tracks_of(request.outputs, request.config.strands, request.track.combine)

    def write(self, shards: Shards, facts: dict[str, Any], console: Console) -> JobFiles:
        request = self.request
        self.check_read(facts)
        inputs = {
            "format": versions.SCAN_FINDINGS,
            "combine": request.track.combine,
            "spans": content_key(
                *map(list, request.plan.spans.itertuples(index=False, name=None))
            ),
            "peaks": None if request.peaks is None else dataclasses.asdict(request.peaks),
            "rejects": list(map(list, request.rejects)),
        }

        def write(folder: Path) -> None:
            found = write_tracks(
                folder,
                self._centres(shards),
                tracks=self.tracks,
                combine=request.track.combine,
                width=self._width,
                lengths=request.lengths,
                spans=request.plan.spans,
                peaks=request.peaks,
            )
            write_csv(found.table, folder / TRACKS, sep="\t", float_format="%.6g")
            if request.peaks is not None:
                write_csv(found.peaks, folder / PEAKS, sep="\t", float_format="%.6g")
                (folder / PEAKS_BED).write_text("".join(_bed_lines(found.peaks)))
            if request.rejects:
                write_rejects(request.rejects, folder / REJECTS)
            self._draw(folder, found.table, found.peaks)

        with console.status("writing the tracks"):
            folder = request.storage.obtain(
                f"{KIND}/{shards.key}", f"tracks-{content_key(inputs)}", write, inputs=inputs
            )
        table = pd.read_csv(folder / TRACKS, sep="\t")
        note = (
            f"{joined(request.outputs)} along `{request.options.genome}`: {len(table)} tracks over "
            f"{table['bases'].iloc[0]:,} bases, in `{shards.uri}`."
        )
        metrics = {f"mean_{i}": float(value) for i, value in enumerate(table["mean"])}
        return JobFiles(
            folder=folder, files=files_in(folder), metrics=metrics, note=note, summary=table
        )

    def closing(self, finished: FinishedJob, files: Sequence[Path]) -> list[str]:
        lines = [self.counted(finished.facts)]
        for row in finished.made.summary.to_dict("records"):
            said = f"mean {row['mean']:.4g}, highest {row['max']:.4g}"
            if "peaks" in row:
                said += f", {row['peaks']:,} peaks"
            lines.append(f"  {escape(str(row['track']))}: {said}")
        return [*lines, f"[bold]tracks[/] {escape(str(finished.made.folder))}"]

    @property
    def _width(self) -> int:
        """Number of bases per value in the tracks."""
        width = int(self.request.settings["width"])
        config = self.request.config
        return min(config.stride, config.window) if width == config.window else width

    def _centres(self, shards: Shards) -> Iterator[Centre]:
        shape = (-1, len(self.request.outputs), len(READ[self.request.config.strands]))
        for table in read_tables(shards, "windows.parquet"):
            for batch in table.to_batches(max_chunksize=1024):
                columns = [batch.column(i) for i in range(3)]
                for chrom, start, values in zip(*columns, strict=True):
                    own = values.values.to_numpy().astype(np.float64)
                    yield Centre(chrom.as_py(), start.as_py(), own.reshape(shape))

    def _draw(self, folder: Path, table: pd.DataFrame, peaks: pd.DataFrame) -> None:
        from dnasweep.report.files import write_page
        from dnasweep.report.output_scan_page import PAGE, output_scan_page, region_of

        request = self.request
        span = request.plan.spans.iloc[0]
        first = int(span["start"])
        begun = Region(str(span["chrom"]), first, first + PICTURE_BASES)
        place = Region.of_peaks(peaks, begun, request.lengths)
        named = {
            **request.settings,
            "model name": request.options.model,
            "genome file": str(request.options.genome),
        }
        page = output_scan_page(
            table,
            peaks if request.peaks is not None else None,
            region_of({track.name: folder / track.file for track in self.tracks}, *place),
            settings=named,
            files=sorted(path.name for path in folder.iterdir()),
        )
        write_page(page, folder / PAGE)


def _bed_lines(peaks: pd.DataFrame) -> Iterator[str]:
    """Yield lines of BED6; the score is 1000 x the height, at most 1000."""
    row: Any
    for row in peaks.itertuples():
        score = min(1000, round(1000 * row.height))
        yield f"{row.chrom}\t{row.start}\t{row.end}\t{row.track}\t{score}\t{row.strand}\n"
