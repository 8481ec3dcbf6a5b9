"""A scan for a class of sequences: score windows, then write track, peaks and comparisons."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from rich.console import Console
from rich.markup import escape

from dnasweep.errors import InputError
from dnasweep.formats.rejects import REJECTS
from dnasweep.genomics.scan_plan import TILE_WINDOWS
from dnasweep.jobs.job import FinishedJob, Job, JobFiles, files_in
from dnasweep.jobs.scan_request import ScanRequest
from dnasweep.jobs.shards.store import Shards
from dnasweep.stages import models
from dnasweep.workflows.scan_files import (
    SOMETIMES,
    SUMMARY,
    write_findings,
    write_track,
)


class ScanJob(Job[ScanRequest]):
    """Scans a genome; the rows of its work list are tiles of windows."""

    worker = "dnasweep.genomics.scan_worker:ScanWorker"
    title, unit, context, artifacts = "scanning", "tiles", "scanned", "scan"
    row = f"tiles of {TILE_WINDOWS:,} windows"
    sometimes: ClassVar[tuple[str, ...]] = SOMETIMES

    def sources(self) -> Sequence[str]:
        return (self.request.options.genome,)

    def arguments(self) -> dict[str, Any]:
        return {
            "storage": self.request.storage.root,
            "models": models.KIND,
            "settings": self.request.settings,
            "batch_rows": self.request.options.batch_rows,
        }

    def announcement(self) -> list[str]:
        request = self.request
        options, config, settings = request.options, request.config, request.settings
        spans = request.plan.spans
        bases = int((spans["end"] - spans["start"]).sum())
        positions = f"{request.capacity:,}" if request.capacity < 1 << 30 else "any number of"
        lines = [
            f"[bold]genome[/] {escape(options.genome)}: {bases:,} bases of "
            f"{len(request.lengths):,} records",
            f"[bold]windows[/] {request.plan.num_windows:,} of {config.window:,} bases every "
            f"{config.stride:,}, strands: {config.strands}",
            f"[bold]model[/] {escape(options.model)} ({settings['model']}): "
            f"{escape(self.predicted)}, tokenizer {settings['tokenizer']}; a window has "
            f"{request.tokens:,} tokens, and the model has {positions} positions",
        ]
        if request.rejects:
            lines.append(f"[yellow]rows left out: {len(request.rejects):,}, see {REJECTS}[/]")
        if request.short:
            lines.append(f"[yellow]records shorter than a window: {request.short:,}[/]")
        return lines

    @property
    def predicted(self) -> str:
        """What the model predicts for a window, in words."""
        return f"class {self.request.settings['target']!r}"

    def facts(self, total: dict[str, float]) -> dict[str, Any]:
        return {
            "num_windows": total["num_windows"],
            "num_read": total["num_read"],
            "seconds": round(total["seconds"], 3),
        }

    def check_read(self, facts: dict[str, Any]) -> None:
        """Raise `InputError` unless at least one window was read."""
        if not facts["num_read"]:
            raise InputError(
                "every window has too many letters other than A, C, G and T",
                file=self.request.options.genome,
                remedy="Raise --max-unknown, or give another genome.",
            )

    def write(self, shards: Shards, facts: dict[str, Any], console: Console) -> JobFiles:
        request = self.request
        self.check_read(facts)
        assert request.peaks is not None
        with console.status("writing the track"):
            track = write_track(request, shards)
        with console.status("calling peaks"):
            folder = write_findings(request, shards, track)
        summary = json.loads((folder / SUMMARY).read_text())
        note = (
            f"`{request.settings['target']}` along `{request.options.genome}`: "
            f"{summary['peaks']:,} peaks at {request.peaks.threshold:.3g}, over "
            f"{summary['bases_in_peaks']:,} of {summary['bases']:,} bases, in `{shards.uri}`."
        )
        return JobFiles(
            folder=folder,
            files=[*files_in(track), *files_in(folder)],
            metrics=_figures(summary),
            note=note,
            summary=(summary, track),
        )

    @staticmethod
    def counted(facts: dict[str, Any]) -> str:
        """Return a line with the number of windows that were read."""
        left = facts["num_windows"] - facts["num_read"]
        return f"[bold]windows[/] {facts['num_read']:,} read, {left:,} skipped because of unknown letters"

    def closing(self, finished: FinishedJob, files: Sequence[Path]) -> list[str]:
        facts, (summary, track) = finished.facts, finished.made.summary
        assert self.request.peaks is not None
        lines = [
            self.counted(facts),
            f"[bold]peaks[/] {summary['peaks']:,} at {self.request.peaks.threshold:.3g}, over "
            f"{summary['bases_in_peaks']:,} of {summary['bases']:,} bases",
        ]
        for row in summary["annotations"]:
            shown = {key: float("nan") if row[key] is None else row[key] for key in row}
            lines.append(
                f"  {escape(str(row['annotation']))}: average precision "
                f"{shown['average_precision']:.3f} (chance {shown['prevalence']:.3f}), precision "
                f"{shown['precision']:.3f}, recall {shown['recall']:.3f}, fold "
                f"{shown['fold']:.3g}, p {shown['p']:.2g}"
            )
        return [
            *lines,
            f"[bold]track[/] {escape(str(track))}",
            f"[bold]peaks and figures[/] {escape(str(finished.made.folder))}",
        ]


def _figures(summary: dict[str, Any]) -> dict[str, float]:
    """Return the numbers to compare between scans, for each annotation."""
    found = {"peaks": summary["peaks"], "bases_in_peaks": summary["bases_in_peaks"]}
    for row in summary["annotations"]:
        for name in ("average_precision", "precision", "recall", "fold", "p"):
            if row[name] is not None:
                # A file may have any name; use only characters that MLflow accepts.
                found[re.sub(r"[^\w.-]", "_", f"{name}_{row['annotation']}", flags=re.A)] = row[
                    name
                ]
    return found
