"""The page of a scan by a model of bases, bins or numbers: its tracks, and its peaks if any were called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyBigWig
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter
from numpy.typing import NDArray

from dnasweep.report.drawing import COLOURS, Drawing
from dnasweep.report.page import Answer, Page, PageFigure, PageTable, Section
from dnasweep.report.provenance import job_section, origin
from dnasweep.tasks.wording import joined

PAGE = "scan.html"
"""The file of the page."""
MAX_PEAKS = 50
"""Maximum number of peaks in the table, the highest first."""
MAX_DRAWN = 12
"""Maximum number of tracks in the figure."""


class RegionTracks(NamedTuple):
    """Tracks in a region."""

    chrom: str
    """The record."""
    start: int
    """First base of the region, from 0."""
    values: dict[str, NDArray[np.float64]]
    """Value of each base, by the name of the track; nan if a base has none."""


def region_of(files: Mapping[str, Path], chrom: str, start: int, end: int) -> RegionTracks:
    """Read a region of tracks.

    Parameters
    ----------
    files
        bigWig files by the names of their tracks.
    chrom, start, end
        The region, 0-based and half-open.
    """
    values = {}
    for track, file in files.items():
        with pyBigWig.open(str(file)) as opened:
            values[track] = np.array(opened.values(chrom, start, end), np.float64)
    return RegionTracks(chrom, start, values)


def output_scan_page(
    table: pd.DataFrame,
    peaks: pd.DataFrame | None,
    region: RegionTracks,
    *,
    settings: Mapping[str, Any],
    files: Iterable[str],
) -> Page:
    """Return the page of a scan.

    Parameters
    ----------
    table, peaks
        Tables of :class:`~dnasweep.genomics.output_tracks.FoundTracks`; None if no peaks were called.
    region
        Region shown in the figure.
    settings
        Settings of the scan, shown as given.
    files
        Names of the files beside the page.
    """
    files, names = list(files), table["track"].tolist()
    bases = int(table["bases"].iloc[0])
    told = f"{len(names)} track{'s' * (len(names) > 1)} over {bases:,} bases: {joined(names)}."
    if peaks is not None:
        told += f" {len(peaks):,} peaks are called."
    shown = (
        pd.DataFrame()
        if peaks is None
        else peaks.sort_values("height", ascending=False, kind="stable")
    )
    caption = (
        "Around the highest peak."
        if peaks is not None and len(peaks)
        else "The start of the scan."
    )
    picture = PageFigure("A region", caption, tracks_picture(region), "region")
    beside = " ".join(name for name in files if name.endswith((".bw", ".bed")))
    highest = PageTable(
        "peaks",
        shown.head(MAX_PEAKS),
        f"The {min(len(shown), MAX_PEAKS)} highest peaks; all are in peaks.tsv.",
    )
    return Page(
        title=f"{joined(sorted({name.split('.')[0] for name in names}))} along a genome",
        answer=Answer(told, "", picture, [("For a genome browser, beside this page", beside)]),
        lead=[*origin(settings), f"{bases:,} bases with a value"],
        sections=[
            Section(
                "tracks",
                "Tracks",
                [PageTable("tracks", table, "Statistics over all bases with a value.")],
            ),
            Section("peaks", "Peaks", [highest]),
            job_section(settings, command="", files=files),
        ],
    )


def tracks_picture(region: RegionTracks) -> Drawing:
    """Return the drawing of tracks in a region, one below another."""
    drawn = dict(list(region.values.items())[:MAX_DRAWN])

    def draw(figure: Figure) -> None:
        axes = figure.subplots(len(drawn), 1, sharex=True, squeeze=False)[:, 0]
        for i, (one, (name, values)) in enumerate(zip(axes, drawn.items(), strict=True)):
            known = np.append(values[~np.isnan(values)], 0.0)
            edges = region.start + np.arange(len(values) + 1)
            # Bases without a value stay empty.
            one.stairs(values, edges, fill=True, color=COLOURS[i % len(COLOURS)])
            one.set_ylabel(name, rotation=0, ha="right", va="center")
            one.set_ylim(float(known.min()), max(float(known.max()), 1e-9) * 1.05)
        axes[-1].set_xlim(region.start, region.start + len(values))
        axes[-1].set_xlabel(f"{region.chrom}, bases")
        axes[-1].xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))

    return Drawing(draw, (10.5, 1.0 + 0.9 * len(drawn)))
