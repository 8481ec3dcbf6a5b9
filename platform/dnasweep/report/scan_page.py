"""The page of a genome scan: its peaks, and how they agree with what is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dnasweep.genomics.peak_evaluation import NEAR, TrackEvaluation
from dnasweep.report.page import Page, PageFigure, PageTable, Section, findings_section
from dnasweep.report.provenance import job_section
from dnasweep.report.scan_figures import RegionTrack, precision_recall, region_picture
from dnasweep.sweeps.verdicts import Verdict
from dnasweep.tasks.wording import number, p_text, percent, ratio

PAGE = "scan.html"
"""The file of the page."""
MAX_PEAKS = 50
"""Peaks in the table: the highest."""
READING = (
    "A peak says that the model calls these bases the class, not that they do what the class does. "
    "Enrichment is over peaks that are placed at random on their own records."
)


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
        What the picture shows.
    settings
        Of the scan, shown as they are.
    files
        What lies beside the page.
    """
    agreement = found.agreement
    verdicts = [
        Verdict(f"peaks overlap {row['annotation']}", "fold", row["fold"], row["p"], null=1.0)
        for _, row in agreement.iterrows()
    ]
    highest = found.peaks.sort_values("height", ascending=False, kind="stable").head(MAX_PEAKS)
    figures = [
        PageFigure("Precision and recall", CURVES, precision_recall(found), "precision_recall"),
        PageFigure("A region", REGION, region_picture(region), "region"),
    ]
    return Page(
        title=f"Peaks of {settings.get('target') or 'the class'}",
        lead=[f"{found.bases:,} bases with a value, {len(found.called):,} peaks"],
        sections=[
            findings_section(_sentences(found, region.threshold), verdicts, READING),
            Section("figures", "Figures", figures),
            Section(
                "agreement",
                "Known annotation",
                [
                    PageTable("agreement", agreement, AGREEMENT),
                    PageTable(
                        "thresholds", found.thresholds, "The same by threshold of the peaks."
                    ),
                ],
            ),
            Section(
                "peaks",
                "Peaks",
                [
                    PageTable(
                        "peaks", highest, f"The {len(highest)} highest peaks; from 0, half-open."
                    )
                ],
            ),
            job_section(settings, command="", files=files),
        ],
    )


def _sentences(found: TrackEvaluation, threshold: float) -> list[str]:
    inside = int((found.peaks["end"] - found.peaks["start"]).sum())
    share = f" ({inside / found.bases:.2%} of all)" if found.bases else ""
    told = [
        f"Peaks: {len(found.called):,} where the probability reaches {threshold:g}, {inside:,} "
        f"bases{share}."
    ]
    for _, row in found.agreement.iterrows():
        told.append(
            f"{row['annotation']}: {number(row['precision'])} of the peaks overlap an element and "
            f"{number(row['recall'])} of {row['num_elements']:,} elements a peak; average precision "
            f"base by base {number(row['average_precision'])}, {number(row['prevalence'])} by "
            f"chance; {ratio(row['fold'])} times as many peaks overlap as if placed at random "
            f"({p_text(row['p'])})."
        )
    if found.near:
        within = ", ".join(f"{percent(found.near[f'within_{n}'])} within {n:,}" for n in NEAR)
        told.append(
            "Transcription starts: the median distance of a summit is "
            f"{found.near['median_distance']:,.0f} bases, {within}."
        )
    return told


CURVES = (
    "Left: base by base, against the bases of each annotation. Right: peaks and elements, by "
    "threshold of the peaks."
)
REGION = (
    "The probability along a region, its peaks, and known annotation below; dashed: threshold."
)
AGREEMENT = (
    "One row per annotation. Precision: part of the peaks that overlaps an element; recall: part of "
    "the elements that overlaps a peak; reciprocal: overlaps of one half and more of both. Fold: "
    "peaks that overlap, over their mean in shuffles that keep lengths and records."
)
