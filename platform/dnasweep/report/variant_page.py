"""The page of a variant job: the variants that change the model's output most."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from dnasweep.formats.rejects import RejectedRow
from dnasweep.report.drawing import COLOURS, Drawing, on_axes
from dnasweep.report.page import Answer, Bullets, Notice, Page, PageFigure, PageTable, Section
from dnasweep.report.provenance import BEFORE, job_section, origin
from dnasweep.report.variant_ranking import ranking_of
from dnasweep.tasks.wording import signed

PAGE = "variants.html"
"""The file of the page."""
MAX_SHOWN = 50
"""Maximum numbers of variants with the largest changes, and of rejected rows, on the page."""
BINS = 80
"""Number of bars in the histogram."""
SHOWN = "file chrom pos ref alt id".split()
SCORED = "probability_ref probability_alt delta_log2_odds z p_value llr call".split()


def variant_page(
    parts: Iterable[pd.DataFrame],
    *,
    rejects: Sequence[RejectedRow],
    settings: Mapping[str, Any],
    files: Iterable[str],
) -> Page:
    """Return the page of a variant job, whose table is read in parts.

    Parameters
    ----------
    parts
        Scored alleles, in the columns of `variants.parquet`.
    rejects
        Rows that were not scored.
    settings
        Settings of the job, shown as given.
    files
        Names of the files beside the page.
    """
    by, unit = ranking_of(settings)
    scored = list(dict.fromkeys([*(settings.get("columns") or ()), *SCORED]))
    num, changes, calls = 0, [np.empty(0, np.float32)], pd.Series(dtype=int)
    largest = pd.DataFrame(columns=[*SHOWN, *scored])
    for part in parts:
        num += len(part)
        known = part[part[by].notna()]
        changes.append(known[by].to_numpy(np.float32))
        calls = calls.add(part["call"].value_counts(), fill_value=0)
        found = pd.concat([largest, known[largest.columns]]) if len(largest) else known
        order = np.argsort(-found[by].abs().to_numpy(float), kind="stable")[:MAX_SHOWN]
        largest = found.iloc[order]
    shown = largest[[*SHOWN, *scored]].dropna(axis=1, how="all")
    skipped = f"{len(rejects):,} alleles were not scored, for the reasons below."
    about = f"The {len(shown)} alleles with the largest {unit}."
    told = _sentences(calls, shown, by, unit)
    figure = PageFigure(
        "All alleles", f"Number of alleles by {unit}.", _histogram(np.concatenate(changes), unit)
    )
    files = list(files)
    tables = [name for name in files if name.endswith((".vcf", ".vcf.gz", ".parquet", ".tsv"))]
    beside = [("Every allele with its scores, beside this page", " ".join(tables))]
    nothing = "No allele was scored."
    return Page(
        title=f"How variants change {_changed(settings)}",
        answer=Answer(" ".join(told[::-1]) or nothing, "", figure, beside if tables else []),
        lead=[*origin(settings), f"{num:,} alleles scored, {len(rejects):,} rejected"],
        notice=Notice(BEFORE, [skipped] if rejects else []),
        sections=[
            Section("findings", "Findings", [Bullets(told)]),
            Section("largest", "Largest changes", [PageTable("largest", shown, about)]),
            Section("rejected", "Rejected rows", [_rejected(rejects)]),
            job_section(settings, command="", files=files),
        ],
    )


def _changed(settings: Mapping[str, Any]) -> str:
    if settings.get("target"):
        return str(settings["target"])
    return "what a model predicts" if settings.get("columns") else "how likely the sequence is"


def _sentences(calls: pd.Series, shown: pd.DataFrame, by: str, unit: str) -> list[str]:
    told = []
    if len(calls):
        told.append(
            "Calls: "
            + ", ".join(
                f"{int(n):,} {'unchanged' if name == 'none' else name}"
                for name, n in calls.items()
            )
            + "."
        )
    for _, top in shown.head(1).iterrows():
        place = f"{top['chrom']}:{top['pos']:,} {top['ref']}>{top['alt']}"
        told.append(f"Largest change: {place}, {unit} {signed(top[by], 2)}.")
    return told


def _histogram(changes: np.ndarray, unit: str) -> Drawing | None:
    most = float(np.abs(changes).max(initial=0.0))
    if most == 0:
        return None
    # Centred at 0 and wide enough for the largest change.
    counts, edges = np.histogram(changes, np.linspace(-most, most, BINS + 1))

    def draw(axes: Axes) -> None:
        axes.stairs(counts, edges, fill=True, color=COLOURS[0])
        axes.set_yscale("symlog")
        axes.set_xlabel(unit)
        axes.set_ylabel("alleles")

    return on_axes(draw, (8.2, 2.9))


def _rejected(rejects: Sequence[RejectedRow]) -> PageTable:
    frame = pd.DataFrame(rejects[:MAX_SHOWN], columns=list(RejectedRow._fields))
    caption = f"{len(frame)} of {len(rejects):,}; all are in the table of rejected rows."
    return PageTable("rejected", frame[["file", "row", "reason"]], caption)
