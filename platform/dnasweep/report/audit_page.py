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
    """Return the page of an audit; `facts` are of the data, label to value.

    Parameters
    ----------
    audit
        The audit.
    title
        Of the page.
    facts
        Of the data, label to value.
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
    said = f"{num} warning{'s' if num > 1 else ''}: read before you trust a score on these data."
    return Page(
        title=title,
        answer=Answer(
            said if num else "Nothing was found that could mislead.",
            "no" if num else "yes",
        ),
        lead=["What could make a model look better than it is, before anything was trained"],
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
    "A twin is the training row with which a row shares most runs of 15 bases at the same places: as "
    "shuffled negatives do with the promoters they were made of. Of each split: the fraction of rows with "
    "a twin, of rows whose twin is as alike as the audit calls similar, and of rows that would have one "
    "by chance; how many of the twins have the same label; and how well the label of the twin (the same, "
    "or the other; chosen on validation) tells that of the row. A model may know these rows by heart. "
    "Which rows they are stands in twins.parquet, beside the data set."
)
BASELINE = (
    "k-mer counts with logistic regression, fitted on the training rows: what a model has to beat."
)
