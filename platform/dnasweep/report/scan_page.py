"""The page of a genome scan: its peaks, and their agreement with known annotations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dnasweep.genomics.peak_evaluation import NEAR, TrackEvaluation
from dnasweep.report.page import Answer, Page, PageFigure, PageTable, Section, findings_section
from dnasweep.report.provenance import job_section, origin
from dnasweep.report.scan_figures import RegionTrack, precision_recall, region_picture
from dnasweep.sweeps.verdicts import Verdict
from dnasweep.tasks.texts import Texts

PAGE = "scan.html"
"""The file of the page."""
MAX_PEAKS = 50
"""Maximum number of peaks in the table, the highest first."""


def scan_page(
    found: TrackEvaluation,
    region: RegionTrack,
    *,
    settings: Mapping[str, Any],
    files: Iterable[str],
) -> Page:
    """Return the page of a scan.

    Parameters
    ----------
    found
        Peaks and their agreement with annotations.
    region
        Region shown in the figure.
    settings
        Settings of the scan, shown as given.
    files
        Names of the files beside the page.
    """
    say, agreement = Texts("scan"), found.agreement
    verdicts = [
        Verdict(f"peaks overlap {row['annotation']}", "fold", row["fold"], row["p"], null=1.0)
        for _, row in agreement.iterrows()
    ]
    inside = (found.peaks["end"] - found.peaks["start"]).sum()
    told = say.paragraphs(
        "findings", found=found, threshold=region.threshold, inside=inside, distances=NEAR
    )
    highest = found.peaks.sort_values("height", ascending=False, kind="stable").head(MAX_PEAKS)
    curves = PageFigure(
        "Precision and recall", say("curves"), precision_recall(found), "precision_recall"
    )
    files = list(files)
    tracks = [name for name in files if name.endswith((".bw", ".bed", ".narrowPeak"))]
    answer = Answer(
        " ".join(told[:2]),
        "" if not verdicts else "yes" if any(one.higher for one in verdicts) else "no",
        PageFigure("A region", say("region"), region_picture(region), "region"),
        [("For a genome browser, beside this page", " ".join(tracks))] if tracks else [],
    )
    known = [
        PageTable("agreement", agreement, say("agreement")),
        PageTable("thresholds", found.thresholds, say("thresholds")),
    ]
    peaks = PageTable("peaks", highest, say("peaks", num=len(highest)))
    return Page(
        title=f"Peaks of {settings.get('target') or 'the class'}",
        answer=answer,
        lead=[
            *origin(settings),
            f"{found.bases:,} bases with a value, {len(found.called):,} peaks",
        ],
        sections=[
            findings_section(told, verdicts, say("reading")),
            Section("figures", "Figures", [curves]),
            Section("agreement", "Known annotation", known),
            Section("peaks", "Peaks", [peaks]),
            job_section(settings, command="", files=files),
        ],
    )
