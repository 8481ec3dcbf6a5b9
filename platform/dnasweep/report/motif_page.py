"""The report of motif discovery: one self-contained page, and a PNG logo per motif shown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from dnasweep.motifs.discovery import DiscoveredMotifs
from dnasweep.motifs.motif_data import MotifConfig
from dnasweep.motifs.validation import Validation
from dnasweep.report.columns import small_p
from dnasweep.report.drawing import COLOURS, Drawing, ink
from dnasweep.report.files import write_page
from dnasweep.report.logos import motif_logo
from dnasweep.report.motif_findings import method, motif_findings, place, warnings
from dnasweep.report.page import (
    Notice,
    Page,
    PageFigure,
    PageTable,
    Section,
    Text,
    findings_section,
)
from dnasweep.report.provenance import BEFORE, job_section
from dnasweep.tasks.wording import NONE

PAGE = "motifs.html"
MAX_SHOWN = 12
"""Motifs with pictures: those of lowest p-value of enrichment, place or match."""
MATCH_Q = 0.25
"""Matches beside the best one are shown up to this adjusted p-value."""
BINS = 30
READING = (
    "Significant means an adjusted p-value below 0.05, in sequences that motifs were not found in."
)
MOTIFS = (
    "Instances are those of the discovery part. All else is of the confirmation part: sequences with "
    "a hit in either class, enrichment (hypergeometric), and whether the best hits keep the place "
    "where most instances were found (Poisson binomial: each sequence has a chance by its own number "
    "of starts). q is adjusted over the motifs (Benjamini and Hochberg)."
)
MATCHES = (
    "The best match of each motif among the known ones by Tomtom's method (Gupta et al. 2007), either "
    f"strand, and others of q up to {MATCH_Q:g}; matches.parquet has five of each. q is adjusted over "
    "all known motifs."
)


def write_report(
    directory: Path,
    found: DiscoveredMotifs,
    *,
    config: MotifConfig,
    settings: Mapping[str, Any],
    num_known: int,
    signed: bool,
    command: str = "",
) -> Path:
    """Write the page and its logos into a folder and return the page's path.

    Parameters
    ----------
    directory
        Where to write; it exists.
    found
        What discovery came to.
    config
        How motifs were sought.
    settings
        Of the attributions, and what else a reader wants to know, shown as given.
    num_known
        Known motifs they were compared with.
    signed
        Whether the attributions have a sign.
    command
        Command line that makes the page again.
    """
    target = str(settings.get("target") or "the class")
    table, bases = found.table(), found.data.bases
    told = motif_findings(found, target=target)
    shown = "Shaded: the place that most instances of the discovery part have."
    if len(table) > MAX_SHOWN:
        shown = f"The {MAX_SHOWN} motifs of lowest p-value; all are in the tables. {shown}"
    sections = [
        findings_section(told.sentences, told.verdicts, READING),
        Section("motifs", "Motifs", [PageTable("motifs", _readable(table), MOTIFS)]),
        Section("matches", "Known motifs", [PageTable("matches", _best(found.matches), MATCHES)]),
    ]
    if len(table):
        pictures = [Text([shown]), *_pictures(found, table)]
        sections.append(Section("pictures", "Logos and places", pictures))
    sections.append(Section("method", "Method", [Text(method(config, signed=signed))]))
    page = Page(
        title=f"Motifs of {target}",
        lead=[
            f"{len(bases.sequences):,} sequences, {int(found.data.positive.sum()):,} of {target} · "
            f"{settings.get('estimator', 'attributions')} · {config.method} · {bases.tss.statement}"
        ],
        notice=Notice(BEFORE, warnings(found, num_known=num_known, signed=signed, config=config)),
        sections=sections,
    )
    beside = {path.name for path in directory.iterdir() if path.is_file()} - {PAGE}
    beside |= {f"{figure.name}.png" for figure in page.figures()}
    sections.append(job_section(settings, command=command, files=beside))
    return write_page(page, directory / PAGE)


def _pictures(found: DiscoveredMotifs, table: pd.DataFrame) -> list[Text | PageFigure]:
    order = table[["p", "p_place", "match_p"]].min(axis=1).sort_values(kind="stable").index
    bases = found.data.bases
    low, high = bases.first, bases.first + bases.values.shape[1]
    blocks: list[Text | PageFigure] = []
    for number in map(int, order[:MAX_SHOWN]):
        row, pattern, test = table.iloc[number], found.patterns[number], found.validations[number]
        core = pattern.core
        matrix = pattern.matrix[max(0, core.start - 2) : core.stop + 2]
        about = (
            f"{len(pattern.rows):,} instances; hits in {test.num_positive:,} of "
            f"{row['of_positive']:,} sequences of the class and {test.num_negative:,} of "
            f"{row['of_negative']:,} others."
        )
        if row["match"]:
            about += (
                f" Most like {row['match_name']} ({row['match']}), p = {_p(row['match_p'])}, "
                f"q = {_p(row['match_q'])}."
            )
        name = dict.fromkeys([pattern.name, pattern.consensus])
        blocks += [
            Text([about], soft=True, heading=": ".join(name)),
            PageFigure(
                "Logo",
                "Of the instances in the discovery part.",
                motif_logo(matrix),
                f"logo-{number + 1}",
            ),
            PageFigure(
                "Places",
                "Best hits of sequences of the confirmation part.",
                hit_positions(test, low=low, high=high, known=bases.tss.known),
            ),
        ]
    return blocks


def _p(value: float) -> str:
    return NONE if pd.isna(value) else small_p(value)


def _readable(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "motif": table["motif"],
            "consensus": table["consensus"],
            "num_instances": table["num_instances"],
            "of class": _counts(table, "positive"),
            "others": _counts(table, "negative"),
            "p": table["p"],
            "q": table["q"],
            "place": [place(row) for _, row in table.iterrows()],
            "num_in_place": table["num_in_place"],
            "q_place": table["q_place"],
            "most like": [
                f"{name} ({match})" if match else NONE
                for name, match in zip(table["match_name"], table["match"], strict=True)
            ],
            "match_q": table["match_q"],
        }
    )


def _counts(table: pd.DataFrame, which: str) -> list[str]:
    pairs = zip(table[f"num_{which}"], table[f"of_{which}"], strict=True)
    return [f"{number:,} / {of:,}" for number, of in pairs]


def _best(matches: pd.DataFrame) -> pd.DataFrame:
    """Return the best match of each motif, and others that are worth a look."""
    shown = ~matches["motif"].duplicated() | (matches["q"] <= MATCH_Q)
    return matches[shown].rename(columns={"match": "known motif", "match_name": "name"})


def hit_positions(test: Validation, *, low: int, high: int, known: bool) -> Drawing:
    """Best hits of the confirmation part by position, either class; the place is shaded.

    Parameters
    ----------
    test
        Of one motif.
    low, high
        First position of the windows, and the one past their last.
    known
        Whether positions count from the transcription start.
    """
    bins = np.linspace(low, high, BINS + 1).tolist()
    origin = "the transcription start" if known else "the first one"

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.axvspan(
            test.interval[0], test.interval[1] + 1, color=COLOURS[4], alpha=0.25, linewidth=0
        )
        axes.hist(test.centres, bins=bins, color=COLOURS[0], alpha=0.85, label="of the class")
        axes.hist(
            test.negative_centres,
            bins=bins,
            histtype="step",
            color=COLOURS[1],
            linestyle="--",
            linewidth=1.5,
            label="others",
        )
        if known:
            axes.axvline(0, color=ink(axes), linewidth=0.8, linestyle=":")
        axes.set_xlim(low, high)
        axes.set_xlabel(f"centre of the hit, bases from {origin}")
        axes.set_ylabel("sequences")
        axes.legend(fontsize=8, loc="upper left")

    return Drawing(draw, (6.0, 2.2))
