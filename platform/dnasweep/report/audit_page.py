"""The page of a data audit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from dnasweep.data.audit import Audit
from dnasweep.report.page import Answer, Bullets, Facts, Page, PageTable, Section
from dnasweep.report.provenance import audit_notice
from dnasweep.tasks.wording import metric_name, number

PAGE = "audit.html"
"""The file of the page."""


def audit_page(audit: Audit, *, title: str, facts: Mapping[str, Any] | None = None) -> Page:
    """Return the page of an audit.

    Parameters
    ----------
    audit
        The audit.
    title
        Title of the page.
    facts
        Facts about the data, label to value.
    """
    notes = [finding.message for finding in audit.findings if finding.level != "warning"]
    scores = pd.DataFrame(
        [
            {"score": metric_name(name.rpartition("/")[2]), "split": split, "value": number(value)}
            for name, value in audit.baseline.items()
            for split in [name.partition("/")[0] if "/" in name else ""]
        ]
    )
    num = len(audit.warnings)
    said = f"{num} warning{'s' if num > 1 else ''}: read these before you trust a score on these data."
    return Page(
        title=title,
        answer=Answer(
            said if num else "The audit found no problems.",
            "no" if num else "yes",
        ),
        lead=["Problems that could make a model look better than it is, found before training"],
        notice=audit_notice(audit),
        sections=[
            Section("findings", "Findings", [Bullets(notes)]),
            Section("data", "Data", [Facts(facts or {}), PageTable("audit", audit.table, TABLE)]),
            Section("twins", "Twins", [PageTable("twins", audit.twin_table, TWINS)]),
            Section("baseline", "Baseline", [PageTable("baseline", scores, BASELINE)]),
        ],
    )


TABLE = (
    "One row per split and class: rows, lengths, mean G+C fraction, CpG observed over expected, "
    "fraction of letters other than A, C, G and T, and number of species."
)
TWINS = (
    "A twin is the training row that shares the most runs of 15 bases at the same positions with a row, as "
    "the promoter of a shuffled negative does. For each split, the table shows the fraction of rows with a "
    "twin, the fraction whose twin is similar by the audit's threshold, and the fraction expected to have one "
    "by chance; how many twins have the same label; and how well the twin's label (the same, or the other; "
    "chosen on validation) predicts that of the row. A model may have memorised these rows. "
    "twins.parquet, beside the data set, lists them."
)
BASELINE = "Logistic regression on k-mer counts, fitted on the training rows: the baseline that a model has to beat."
