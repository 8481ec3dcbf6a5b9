"""The page of a marginalisation: what motifs do to a model's output, alone and together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from dnasweep.report.marginal_figures import (
    interaction_curve,
    interaction_map,
    place_curve,
    together_curve,
)
from dnasweep.report.marginal_findings import marginal_findings
from dnasweep.report.page import Answer, Page, PageFigure, PageTable, Section, findings_section
from dnasweep.report.provenance import job_section, origin
from dnasweep.synthetic.marginal_effects import MarginalEffects, largest
from dnasweep.synthetic.motif_names import NamedMotif
from dnasweep.tasks.texts import Texts

PAGE = "marginals.html"
"""The file of the page."""
SHOWN = 20
"""Rows of a table on the page; all are in the files beside it."""


def marginal_page(
    found: MarginalEffects,
    motifs: Sequence[NamedMotif],
    *,
    reads: str,
    mean: float,
    settings: Mapping[str, Any],
    command: str,
    files: Iterable[str],
) -> Page:
    """Return the page of a marginalisation.

    Parameters
    ----------
    found
        The effects.
    motifs
        One or two.
    reads
        What is read of the model, such as `log odds of promoter`.
    mean
        That of the backgrounds without motifs.
    settings
        Of the job, shown as they are.
    command
        Command line that makes the page again.
    files
        What lies beside the page.
    """
    say, pairs, alone = Texts("marginal"), found.pairs, found.alone
    told = marginal_findings(found, motifs, reads)
    files = list(files)
    tables = " ".join(name for name in files if name.endswith((".csv", ".parquet")))
    first, more = _figures(found, say, reads)
    return Page(
        title=" and ".join(motif.title for motif in motifs),
        lead=[*origin(settings), say("lead", settings=settings, reads=reads, mean=mean)],
        answer=Answer(
            told.sentences[0],
            "yes" if any(one.significant for one in told.verdicts) else "no",
            first,
            [("The numbers, beside this page", tables)],
        ),
        sections=[
            findings_section(told.sentences, told.verdicts, say("reading")),
            Section("figures", "Figures", more),
            Section(
                "pairs",
                "Both together",
                [PageTable("pairs", _strongest(pairs, "interaction"), say("pair_table"))],
            ),
            Section(
                "alone",
                "Each alone",
                [
                    PageTable(
                        "alone",
                        _strongest(alone.drop(columns="which"), "effect"),
                        say("alone_table"),
                    )
                ],
            ),
            job_section(settings, command=command, files=files),
        ],
    )


def _figures(
    found: MarginalEffects, say: Texts, reads: str
) -> tuple[PageFigure | None, list[PageFigure]]:
    """Return the first figure and the others."""
    pairs = found.pairs
    if pairs.empty:
        drawing = place_curve(found.alone, reads)
        return PageFigure("Effect by place", say("places"), drawing, "effect_by_place"), []
    best = largest(pairs, "interaction")["orientation"]
    first = PageFigure(
        "Beyond the sum of both, by spacing",
        say("interaction"),
        interaction_curve(pairs, reads),
        "interaction_by_spacing",
    )
    return first, [
        PageFigure(
            "By orientation and spacing",
            say("heat"),
            interaction_map(pairs, reads),
            "interaction_map",
        ),
        PageFigure(
            "Both, and the sum of each alone",
            say("together", orientation=best),
            together_curve(pairs, str(best), reads),
            "both_and_sum",
        ),
    ]


def _strongest(table: pd.DataFrame, by: str) -> pd.DataFrame:
    """Return the rows of a table with the largest values of a column, without interval ends of others."""
    if table.empty:
        return table
    kept = [name for name in table.columns if not name.endswith(("_low", "_high"))]
    order = table[by].abs().sort_values(ascending=False, kind="stable").index
    return table.loc[order[:SHOWN]][kept]
