"""A genome scan: windows are read shard by shard, then the track, peaks and comparisons are written."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from dnasweep.errors import InputError
from dnasweep.formats.rejects import REJECTS
from dnasweep.genomics.scan_plan import TILE_WINDOWS
from dnasweep.jobs.executor import Executor
from dnasweep.jobs.job import FinishedJob, Job, JobFiles, files_in, run_job
from dnasweep.jobs.scan_options import ScanOptions
from dnasweep.jobs.scan_request import ScanRequest, prepare_scan
from dnasweep.jobs.shards.store import Shards
from dnasweep.stages import models
from dnasweep.workflows.ray_pool import on_ray
from dnasweep.workflows.scan_files import (
    SOMETIMES,
    SUMMARY,
    write_findings,
    write_track,
)


def run_scan(
    options: ScanOptions, console: Console, *, executor: Executor | None = None
) -> Path | None:
    """Scan a genome and return the folder of peaks and comparisons; None after a dry run.

    Parameters
    ----------
    options
        What is asked for.
    console
        Where to say how it goes.
    executor
        Where to compute; None: on Ray.

    Raises
    ------
    InputError
        For anything the user can mend.
    """
    executor = executor or on_ray()
    with console.status("reading the genome and the model"):
        request = prepare_scan(options, resolve=executor.resolve_precision)
    finished = run_job(ScanJob(request), console, executor=executor)
    return None if finished is None else finished.made.folder


class ScanJob(Job[ScanRequest]):
    """Scans a genome; the rows of its work list are tiles of windows."""

    worker = "dnasweep.genomics.scan_worker:ScanWorker"
    title, unit, context, artifacts = "scanning", "tiles", "scanned", "scan"
    row = f"tiles of {TILE_WINDOWS:,} windows"
    sometimes = SOMETIMES

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
            f"[bold]model[/] {escape(options.model)} ({settings['model']}): class "
            f"{escape(repr(settings['target']))}, tokenizer {settings['tokenizer']}; a window has "
            f"{request.tokens:,} tokens, the model has {positions} positions",
        ]
        if request.rejects:
            lines.append(f"[yellow]rows left out: {len(request.rejects):,}, see {REJECTS}[/]")
        if request.short:
            lines.append(f"[yellow]records shorter than a window: {request.short:,}[/]")
        return lines

    def facts(self, total: dict[str, float]) -> dict[str, Any]:
        return {
            "num_windows": total["num_windows"],
            "num_read": total["num_read"],
            "seconds": round(total["seconds"], 3),
        }

    def write(self, shards: Shards, facts: dict[str, Any], console: Console) -> JobFiles:
        request = self.request
        if not facts["num_read"]:
            raise InputError(
                "every window has too many letters other than A, C, G and T",
                file=request.options.genome,
                remedy="Raise --max-unknown, or give another genome.",
            )
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

    def closing(self, finished: FinishedJob, files: Sequence[Path]) -> list[str]:
        facts, (summary, track) = finished.facts, finished.made.summary
        left = facts["num_windows"] - facts["num_read"]
        lines = [
            f"[bold]windows[/] {facts['num_read']:,} read, {left:,} left out for unknown letters",
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
    """Return what is worth comparing between scans, annotation by annotation."""
    found = {"peaks": summary["peaks"], "bases_in_peaks": summary["bases_in_peaks"]}
    for row in summary["annotations"]:
        for name in ("average_precision", "precision", "recall", "fold", "p"):
            if row[name] is not None:
                # Of a file of any name, in letters that MLflow takes.
                found[re.sub(r"[^\w.-]", "_", f"{name}_{row['annotation']}", flags=re.A)] = row[
                    name
                ]
    return found
