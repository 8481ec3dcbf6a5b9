"""The page of a marginalisation: the effects of motifs on a model's output, alone and together."""

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
"""Maximum number of rows of a table on the page; the files beside it have all rows."""


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
        Effects that were found.
    motifs
        One or two motifs.
    reads
        Model output that is measured, such as `log odds of promoter`.
    mean
        Mean output of the backgrounds without motifs.
    settings
        Settings of the job, shown as given.
    command
        Command line that recreates the page.
    files
        Names of the files beside the page.
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
        return PageFigure("Effect by position", say("places"), drawing, "effect_by_place"), []
    best = largest(pairs, "interaction")["orientation"]
    first = PageFigure(
        "Interaction by spacing",
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
            "Joint effect, and sum of single effects",
            say("together", orientation=best),
            together_curve(pairs, str(best), reads),
            "both_and_sum",
        ),
    ]


def _strongest(table: pd.DataFrame, by: str) -> pd.DataFrame:
    """Return the rows with the largest values of a column, without the interval ends of other columns."""
    if table.empty:
        return table
    kept = [name for name in table.columns if not name.endswith(("_low", "_high"))]
    order = table[by].abs().sort_values(ascending=False, kind="stable").index
    return table.loc[order[:SHOWN]][kept]
