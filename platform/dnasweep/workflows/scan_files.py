"""The files of a genome scan, made from its shards in the order of the genome, one at a time."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from dnasweep.config import content_key, versions
from dnasweep.formats.rejects import REJECTS, write_rejects
from dnasweep.genomics.bigwig import Piece, Tile, TrackWriter, make_track, read_track
from dnasweep.genomics.peak_evaluation import EvaluationConfig, TrackEvaluation, evaluate
from dnasweep.genomics.peaks import write_peaks
from dnasweep.genomics.variants import Region
from dnasweep.jobs.scan_request import KIND, ScanRequest
from dnasweep.jobs.shards.store import Shards
from dnasweep.jobs.shards.tables import read_tables
from dnasweep.jobs.shards.work_list import digest_of
from dnasweep.plain import write_csv

PICTURE_BASES = 20_000
SUMMARY = "summary.json"
_CURVE = "precision_recall_{}.tsv"
SOMETIMES = (
    "agreement.tsv",
    "thresholds.tsv",
    "precision_recall.png",
    _CURVE.format("*"),
    "scan.html",
    REJECTS,
)
"""Files that only some scans produce."""


def read_tiles(shards: Shards) -> Iterator[Tile]:
    """Yield the windows of a scan, one tile at a time, in the order of the genome."""
    tables = read_tables(shards, "windows.parquet", ["forward", "reverse"])
    for number, table in enumerate(tables):
        forward, reverse = (table[c].to_numpy() for c in ("forward", "reverse"))
        done = 0
        for tile in shards.rows(number).to_pylist():
            part = slice(done, done := done + tile["number"])
            yield Tile(tile["chrom"], tile["first"], forward[part], reverse[part])


def write_track(request: ScanRequest, shards: Shards) -> Path:
    """Write bigWig and bedGraph unless they exist, and return their folder."""
    inputs = _track_inputs(request)

    def write(folder: Path) -> None:
        with TrackWriter(folder, request.lengths) as writer:
            for piece in _pieces(request, shards):
                writer.write(piece)

    kind = f"{KIND}/{shards.key}"
    return request.storage.obtain(kind, f"track-{content_key(inputs)}", write, inputs=inputs)


def write_findings(request: ScanRequest, shards: Shards, track: Path) -> Path:
    """Write peaks, comparisons and figures unless they exist, and return their folder.

    Parameters
    ----------
    request
        The scan.
    shards
        Shards with its windows.
    track
        Folder of its track, from :func:`write_track`.
    """
    options = request.options
    assert request.peaks is not None
    config = EvaluationConfig(
        peaks=request.peaks,
        thresholds=options.thresholds,
        num_shuffles=options.shuffles,
        seed=options.seed,
    )
    known = {**request.annotations, **({} if request.tss is None else {"": request.tss})}
    inputs = {
        **_track_inputs(request),
        "format": versions.SCAN_FINDINGS,
        **dataclasses.asdict(config),
        "picture": request.picture,
        "annotations": {
            stem: digest_of(pa.Table.from_pandas(frame, preserve_index=False))
            for stem, frame in known.items()
        },
        "rejects": list(map(list, request.rejects)),
    }

    def write(folder: Path) -> None:
        pieces = _pieces(request, shards)
        found = evaluate(pieces, config, request.annotations, request.tss)
        _write_tables(folder, found, request)
        if request.rejects:
            write_rejects(request.rejects, folder / REJECTS)
        _draw(folder, found, request, track)

    kind = f"{KIND}/{shards.key}"
    return request.storage.obtain(kind, f"peaks-{content_key(inputs)}", write, inputs=inputs)


def _track_inputs(request: ScanRequest) -> dict[str, Any]:
    spans = request.plan.spans.itertuples(index=False, name=None)
    return {**dataclasses.asdict(request.track), "spans": content_key(*map(list, spans))}


def _pieces(request: ScanRequest, shards: Shards) -> Iterator[Piece]:
    return make_track(read_tiles(shards), request.config, request.track, request.plan.spans)


def _write_tables(folder: Path, found: TrackEvaluation, request: ScanRequest) -> None:
    assert request.peaks is not None
    write_peaks(folder, found.called)
    tables = {"peaks.tsv": found.peaks}
    if len(found.agreement):
        tables |= {"agreement.tsv": found.agreement, "thresholds.tsv": found.thresholds}
    tables |= {_CURVE.format(stem): points for stem, points in found.curves.items()}
    for file, frame in tables.items():
        write_csv(frame, folder / file, sep="\t", float_format="%.6g")
    summary = {
        "bases": found.bases,
        "peaks": len(found.called),
        "bases_in_peaks": int((found.peaks["end"] - found.peaks["start"]).sum()),
        **dataclasses.asdict(request.peaks),
        **found.near,
        "annotations": found.agreement.to_dict("records"),
    }
    text = json.dumps(_finite(summary), indent=2, default=float)
    (folder / SUMMARY).write_text(text + "\n")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _draw(folder: Path, found: TrackEvaluation, request: ScanRequest, track: Path) -> None:
    """Write the figures and the page."""
    from dnasweep.report.files import write_page
    from dnasweep.report.scan_figures import RegionTrack
    from dnasweep.report.scan_page import PAGE, scan_page

    assert request.peaks is not None
    place = request.picture or _highest(found, request)
    known = dict(request.annotations)
    if request.tss is not None:
        known = {"TSS": request.tss, **known}
    region = RegionTrack(
        *place,
        read_track(track, *place),
        _within(found.peaks, place),
        {stem: _within(frame, place) for stem, frame in known.items()},
        request.peaks.threshold,
    )
    beside = sorted(path.name for path in folder.iterdir())
    named = {
        **request.settings,
        "model name": request.options.model,
        "genome file": str(request.options.genome),
    }
    page = scan_page(found, region, settings=named, files=beside)
    write_page(page, folder / PAGE)


def _within(frame: Any, place: Region) -> Any:
    there = (frame["start"] < place.end) & (frame["end"] > place.start)
    return frame[there & (frame["chrom"] == place.chrom)]


def _highest(found: TrackEvaluation, request: ScanRequest) -> Region:
    """Return the region around the first of the highest peaks or, without peaks, the start of the scan."""
    span = request.plan.spans.iloc[0]
    first = int(span["start"]) - PICTURE_BASES // 2
    begun = Region(str(span["chrom"]), first, first + PICTURE_BASES)
    return Region.of_peaks(found.peaks, begun, request.lengths)
