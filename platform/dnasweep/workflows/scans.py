"""A genome scan from its request to its files.

The order is always the same: genome and model are read and checked, the missing shards of windows
are computed, the track is written, peaks are called and compared. Every step looks first for what is
there, so the same command again goes on where it was stopped.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from dnasweep.errors import InputError
from dnasweep.formats.paths import user_path
from dnasweep.genomics.scan_plan import TILE_WINDOWS
from dnasweep.jobs.scan_options import ScanOptions
from dnasweep.jobs.scan_request import KIND, ScanRequest, prepare_scan
from dnasweep.jobs.shards.shards import Shards
from dnasweep.jobs.shards.totals import close
from dnasweep.jobs.shards.work_list import choose_shard_size
from dnasweep.runtime.cluster.session import resolve_precision
from dnasweep.runtime.shards.run import JobResources, run_shards
from dnasweep.runtime.shards.worker import ShardJobSpec
from dnasweep.stages import models
from dnasweep.storage import MANIFEST
from dnasweep.storage.output_folder import check_folder, publish_files
from dnasweep.tracking.client import without_password
from dnasweep.workflows.job_records import RunMetadata, recorded
from dnasweep.workflows.scan_files import (
    REJECTS,
    SOMETIMES,
    SUMMARY,
    write_findings,
    write_track,
)

WORKER = "dnasweep.genomics.scan_worker:ScanWorker"


def run_scan(options: ScanOptions, console: Console) -> Path | None:
    """Scan a genome and return the folder of peaks and comparisons; None after a dry run.

    Raises
    ------
    InputError
        For anything the user can mend.
    """
    with console.status("reading the genome and the model"):
        request = prepare_scan(options, resolve=resolve_precision)
    _announce(request, console)
    if options.dry_run:
        return None
    if options.out is not None:
        check_folder(user_path(options.out))
    shards = Shards.begin(
        request.storage,
        kind=KIND,
        inputs=request.settings,
        rows=request.plan.tiles,
        shard_size=options.shard_size
        or choose_shard_size(len(request.plan.tiles), options.num_actors),
    )
    order = ShardJobSpec(
        storage=request.storage.root,
        kind=KIND,
        key=shards.key,
        worker=WORKER,
        arguments={
            "storage": request.storage.root,
            "models": models.KIND,
            "settings": request.settings,
            "batch_rows": options.batch_rows,
        },
    )
    means = JobResources.of(options)
    entry = RunMetadata(
        uri=request.uri,
        model=options.model,
        settings=request.settings,
        unit="tiles",
        context="scanned",
        sources=(options.genome,),
        folder="scan",
    )
    unit = f"tiles of {TILE_WINDOWS:,} windows"
    with recorded(entry, shards, console) as records:
        records.throughput(run_shards(shards, order, means, console, title="scanning", unit=unit))
        facts = close(shards, _facts)
        if not facts["num_read"]:
            raise InputError(
                "every window holds too many letters other than A, C, G and T",
                file=options.genome,
                remedy="Raise --max-unknown, or give another genome.",
            )
        with console.status("writing the track"):
            track = write_track(request, shards)
        with console.status("calling peaks"):
            folder = write_findings(request, shards, track)
        files = [p for one in (track, folder) for p in one.iterdir() if p.name != MANIFEST]
        summary = json.loads((folder / SUMMARY).read_text())
        records.finish({**facts, **_figures(summary)}, _note(request, shards, summary), files)
    if options.out is not None:
        out = user_path(options.out)
        publish_files(files, out, job=KIND, sometimes=SOMETIMES)
    _say_where(request, facts, summary, track, folder, console)
    return folder


def _facts(total: dict[str, float]) -> dict[str, Any]:
    return {
        "num_windows": total["num_windows"],
        "num_read": total["num_read"],
        "seconds": round(total["seconds"], 3),
    }


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


def _note(request: ScanRequest, shards: Shards, summary: dict[str, Any]) -> str:
    return (
        f"`{request.settings['target']}` along `{request.options.genome}`: {summary['peaks']:,} "
        f"peaks at {request.peaks.threshold:.3g}, over {summary['bases_in_peaks']:,} of "
        f"{summary['bases']:,} bases, in `{shards.place}`."
    )


def _announce(request: ScanRequest, console: Console) -> None:
    options, config, plan = request.options, request.config, request.plan
    spans = plan.spans
    bases = int((spans["end"] - spans["start"]).sum())
    tokens, held = request.tokens
    room = "any number" if held >= 1 << 30 else f"{held:,}"
    console.print(
        f"[bold]genome[/] {escape(options.genome)}: {bases:,} bases of {len(request.lengths):,} "
        f"records\n[bold]windows[/] {plan.num_windows:,} of {config.window:,} bases every "
        f"{config.stride:,}, strands: {config.strands}\n"
        f"[bold]model[/] {escape(options.model)} ({request.settings['model']}): class "
        f"{escape(repr(request.settings['target']))}, tokenizer {request.settings['tokenizer']}; "
        f"a window has {tokens:,} tokens, the model holds {room}",
        soft_wrap=True,
    )
    if request.rejects:
        console.print(f"[yellow]rows left out: {len(request.rejects):,}, see {REJECTS}[/]")
    if request.short:
        console.print(f"[yellow]records shorter than a window: {request.short:,}[/]")
    if options.dry_run:
        console.print(
            f"[bold]plan[/] {len(plan.tiles):,} tiles of up to {TILE_WINDOWS:,} windows\n"
            f"[bold]place[/] {escape(request.storage.uri_of(KIND, request.key))}\n"
            "Nothing was started: leave --dry-run out to run it.",
            soft_wrap=True,
        )


def _say_where(
    request: ScanRequest,
    facts: dict[str, Any],
    summary: dict[str, Any],
    track: Path,
    folder: Path,
    console: Console,
) -> None:
    left = facts["num_windows"] - facts["num_read"]
    console.print(
        f"[bold]windows[/] {facts['num_read']:,} read, {left:,} left out for unknown letters\n"
        f"[bold]peaks[/] {summary['peaks']:,} at {request.peaks.threshold:.3g}, over "
        f"{summary['bases_in_peaks']:,} of {summary['bases']:,} bases",
        soft_wrap=True,
    )
    for row in summary["annotations"]:
        shown = {key: float("nan") if row[key] is None else row[key] for key in row}
        console.print(
            f"  {escape(str(row['annotation']))}: average precision "
            f"{shown['average_precision']:.3f} (chance {shown['prevalence']:.3f}), precision "
            f"{shown['precision']:.3f}, recall {shown['recall']:.3f}, fold "
            f"{shown['fold']:.3g}, p {shown['p']:.2g}",
            soft_wrap=True,
        )
    console.print(
        f"[bold]track[/] {escape(str(track))}\n[bold]peaks and figures[/] {escape(str(folder))}\n"
        f"[bold]MLflow[/] mlflow ui --backend-store-uri {escape(without_password(request.uri))}",
        soft_wrap=True,
    )
