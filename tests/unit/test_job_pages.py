"""Pages of audits, genome scans and variants: whole, self-contained, and with their numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
from dnasweep.data.audit import Audit, Finding
from dnasweep.formats.rejects import RejectedRow
from dnasweep.genomics.bigwig import TrackRegion
from dnasweep.genomics.peak_evaluation import TrackEvaluation
from dnasweep.report.audit_page import audit_page
from dnasweep.report.page import Page
from dnasweep.report.render import render
from dnasweep.report.scan_figures import RegionTrack
from dnasweep.report.scan_page import scan_page
from dnasweep.report.variant_page import MAX_SHOWN, variant_page
from html_outline import Outline, outline


def whole(page: Page) -> tuple[str, Outline]:
    text = render(page)
    seen = outline(text)
    assert all(link.startswith(("#", "data:")) for link in seen.links)
    return text, seen


def test_an_audit_has_its_warnings_first_and_its_baseline() -> None:
    audit = Audit(
        findings=(
            Finding(level="warning", code="gc", message="<b>G+C</b> differs"),
            Finding(level="info", code="rows", message="many rows"),
        ),
        table=pd.DataFrame({"split": ["train"], "label": [-1], "rows": [4000], "gc": [0.412]}),
        baseline={"test/mcc": 0.61, "threshold": 0.4},
    )
    text, seen = whole(audit_page(audit, title="data", facts={"sequences": "4,000"}))
    assert "1 warning of the data audit" in text
    assert text.index("&lt;b&gt;G+C&lt;/b&gt; differs") < text.index("many rows")
    assert seen.tables["audit-table"][1] == ["train", "unknown", "4,000", "0.412"]
    assert seen.tables["baseline-table"][1] == ["MCC", "test", "0.610"]
    empty = Audit(findings=(), table=pd.DataFrame())
    assert "The audit found no problems" in whole(audit_page(empty, title="data"))[0]


def scanned(**changes: object) -> TrackEvaluation:
    peaks = pd.DataFrame(
        {
            "chrom": "chr1",
            "start": [100, 500],
            "end": [200, 650],
            "summit": [150, 600],
            "height": [0.7, 0.95],
            "strand": "+",
        }
    )
    agreement = pd.DataFrame(
        {
            "annotation": ["genes"],
            "num_peaks": [2],
            "num_elements": [3],
            "precision": [0.5],
            "recall": [0.25],
            "average_precision": [0.4],
            "prevalence": [0.1],
            "fold": [4.0],
            "p": [0.002],
        }
    )
    points = pd.DataFrame({"recall": [0.0, 1.0], "precision": [1.0, 0.1]})
    steps = pd.DataFrame(
        {
            "annotation": "genes",
            "threshold": [0.5],
            "num_peaks": [2],
            "precision": [0.5],
            "recall": [0.25],
        }
    )
    found = TrackEvaluation(peaks, [None, None], agreement, steps, {"genes": points}, {}, 10_000)  # type: ignore[list-item]
    return found._replace(**changes)


def test_a_scan_has_its_peaks_and_its_agreement() -> None:
    track = TrackRegion(np.array([0, 500]), np.array([400, 900]), np.array([0.2, 0.9]))
    found = scanned(
        near={"median_distance": 40.0, **{f"within_{n}": 0.5 for n in (50, 100, 500, 1000)}}
    )
    region = RegionTrack("chr1", 0, 1_000, track, found.peaks, {}, 0.5)
    text, seen = whole(scan_page(found, region, settings={"target": "promoter"}, files=["a.bw"]))
    assert "Peaks of promoter" in text
    assert "2 where the probability reaches 0.5, 250 bases" in text
    assert "4.00 times as many peaks overlap as if placed at random" in text
    assert "the median distance from a summit is 40 bases" in text
    assert seen.tables["peaks-table"][1][1] == "500", "the highest first"
    assert seen.tables["verdicts-table"][1][-1] == "significantly higher"
    assert text.count("<figure>") == 2
    bare = scanned(peaks=found.peaks[:0], called=[], agreement=found.agreement[:0], curves={})
    text, seen = whole(scan_page(bare, region, settings={}, files=[]))
    assert "peaks-table" not in seen.tables
    assert text.count("<figure>") == 1


def alleles(start: int, num: int) -> pd.DataFrame:
    delta = np.linspace(-1, 1, num) * (1 + start)
    return pd.DataFrame(
        {
            "file": "x.vcf",
            "chrom": "chr1",
            "pos": start * 1_000 + np.arange(num),
            "ref": "A",
            "alt": "<T>",
            "id": "",
            "probability_ref": 0.5,
            "probability_alt": 0.4,
            "delta_log2_odds": delta,
            "z": np.nan,
            "p_value": np.nan,
            "llr": np.nan,
            "call": "loss",
        }
    )


def test_variants_of_largest_change_come_first_whatever_their_part() -> None:
    settings = {"classifier": True, "target": "promoter"}
    rejects = [RejectedRow("x.vcf", 7, "no such base", "row")]
    parts = [alleles(place, 60) for place in range(3)]
    text, seen = whole(
        variant_page(parts, rejects=rejects, settings=settings, files=["v.parquet"])
    )
    assert "180 alleles scored, 1 rejected" in text
    assert "<strong>Calls:</strong> 180 loss." in text
    rows = seen.tables["largest-table"]
    assert len(rows) == MAX_SHOWN + 1
    assert "z" not in rows[0]
    sizes = [
        abs(float(row[rows[0].index("delta log2 odds")].replace("−", "-"))) for row in rows[1:]
    ]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == 3
    assert seen.tables["rejected-table"][1] == ["x.vcf", "7", "no such base"]
    text, seen = whole(variant_page([], rejects=[], settings={}, files=[]))
    assert "0 alleles scored" in text
    assert seen.tables == {}
