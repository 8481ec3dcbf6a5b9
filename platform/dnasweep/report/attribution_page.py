"""The report of an attribution job: one self-contained page, PNG figures and CSV tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from dnasweep.attribution.positions import AttributionTables
from dnasweep.attribution.summaries import ALL, rank_tokens
from dnasweep.report import attribution_figures as figures
from dnasweep.report.attribution_findings import (
    attribution_findings,
    core_tests,
    headline_tests,
    reading,
    warnings,
)
from dnasweep.report.attribution_summary import ReportConfig, Summary, summarise
from dnasweep.report.files import write_page
from dnasweep.report.logos import sequence_logo
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
from dnasweep.tasks.wording import minus, percent, signed, spaced

PAGE = "attributions.html"
"""The file of the page."""


def write_report(
    directory: Path,
    attributions: AttributionTables,
    *,
    tss_index: int | None = None,
    settings: Mapping[str, Any] | None = None,
    config: ReportConfig | None = None,
) -> Path:
    """Write the report of an attribution job into a folder and return the page's path.

    Parameters
    ----------
    directory
        Where to write; made if it is not there. Files of an earlier report are replaced.
    attributions
        The two tables of the job.
    tss_index
        0-based index of the first transcribed base. Default: by the length of the windows.
    settings
        Of the job, shown as they are given. Default: those the tables carry. `target` (name of the
        class explained), `value` (what phi is measured in), `title` and `command` are used as well.
    config
        What to show and how to test.

    Raises
    ------
    InputError
        For tables that do not fit each other, or a start outside of every sequence.
    """
    settings = dict(getattr(attributions, "settings", {}) if settings is None else settings)
    summary = summarise(attributions, tss_index=tss_index, settings=settings, config=config)
    page = attribution_page(summary, settings)
    return write_page(page, directory / PAGE, tables=_files(summary))


def attribution_page(summary: Summary, settings: Mapping[str, Any]) -> Page:
    """Return the page of an attribution job with its settings."""
    found = attribution_findings(summary)
    title, values = (
        "Attention of the first token",
        "values are shares of the first token's attention, 1 in all",
    )
    if summary.signed:
        title = f"Attributions to {summary.target}"
        values = f"attributions to {summary.target} in units of {summary.unit}"
    size = f"{len(summary.sequences):,} sequences, {summary.num_tokens:,} tokens"
    sections = [
        findings_section(found.sentences, found.verdicts, reading(summary)),
        Section("positions", "Positions", _positions(summary)),
        Section("tata-box", "TATA box", _tata(summary)),
        Section("elements", "Other elements", [_core(summary)]),
        Section("tokens", "Tokens", _tokens(summary)),
    ]
    if summary.examples:
        sections.append(Section("sequences", "Sequences", [Text([LOGOS]), *_logos(summary)]))
    sections.append(Section("checks", "Checks", [_checks(summary)]))
    page = Page(
        title=str(settings.get("title") or title),
        lead=[f"{size} · {values} · {summary.bases.tss.statement}"],
        notice=Notice(BEFORE, warnings(summary)),
        sections=sections,
    )
    files = [f"{name}.csv" for name in _files(summary)]
    files += [f"{figure.name}.png" for figure in page.figures()]
    sections.append(job_section(settings, command=str(settings.get("command") or ""), files=files))
    return page


LOGOS = (
    "Letters as high as the attribution of their base, upside down where it is negative. Shaded: a "
    "TATA box in its place; dotted: the transcription start."
)
NO_START = (
    "Without the transcription start nothing can be said of places. What follows is the naive count "
    "alone."
)
NAIVE = (
    "For comparison, the naive count of an earlier study: tokens that contain TATA, by the sign of "
    "their attribution, wherever they stand. It misses boxes that tokens cut in two, counts one box "
    "several times where tokens overlap, and has no background: about half of anything is positive "
    "by chance. In place: the TATA starts at −35 to −24."
)
DEFINITIONS = (
    "The same for other definitions of a box, all species together. TATAWA with a mismatch matches "
    "eight times as many k-mers, most of them by chance. P-values are not adjusted."
)


def _positions(summary: Summary) -> list[PageFigure]:
    bands = "Bands: 95 % interval of the mean."
    return [
        PageFigure(
            "Mean attribution by position",
            "A token's attribution is shared equally by its bases; where tokens overlap, a base has "
            f"the mean over them. {bands} Below: the median and the range of the middle 80 % of "
            "sequences.",
            figures.position_profile(summary),
            "profile",
        ),
        PageFigure("By species", bands, figures.species_profiles(summary), "profile-species"),
    ]


def _tata(summary: Summary) -> list[Text | PageTable | PageFigure]:
    naive = PageTable("naive", summary.naive, NAIVE)
    if summary.tata is None:
        return [Text([NO_START], soft=True), naive]
    site, config = summary.site, summary.config.enrichment
    method = (
        "A hit is the best TATA box of a sequence that starts in its place. Its attribution φ is the "
        f"sum over its bases; it is top when φ is positive and at most {percent(config.top)} of all "
        "places of the same sequence are as high. Two comparisons follow. Same places: sequences of "
        "the same species and label without a hit, at the places where the hits are. Same k-mers: the "
        "very k-mers of the hits elsewhere in such sequences. Odds ratios, pooled by Mantel and "
        "Haenszel's method, are of being top. P-values are by "
        f"{config.permutations:,} permutations within species and label, and stand behind what they "
        "belong to. Positions count from 0 at base +1."
    )
    boxes = (
        "Boxes found by the matrix (JASPAR MA0108.3; a threshold that "
        f"{site.motif.hit_probability:.2%} of all k-mers pass) that start at "
        f"{minus(f'{site.first} to {site.last}')}. P-values of single species are adjusted for their "
        "number (Benjamini and Hochberg)."
    )
    panel = PageFigure(
        "Attribution at TATA boxes",
        "Left: base by base around the boxes, and around the same places in sequences of the same "
        "species without one. Right: the sum over the box; boxes are quartiles, whiskers reach from "
        "5 % to 95 %, the number is of values.",
        figures.tata_panel(summary),
        "tata",
    )
    every = summary.tata.tests[summary.tata.tests["species"] == ALL]
    return [
        Text([method]),
        PageTable("tata", _readable(headline_tests(summary), "species", "label"), boxes),
        panel,
        PageTable(
            "definitions",
            _readable(every, "definition", "window", "label", adjusted=False),
            DEFINITIONS,
        ),
        naive,
    ]


def _readable(tests: pd.DataFrame, *first: str, adjusted: bool = True) -> pd.DataFrame:
    """Return the columns of tests that a page has room for."""
    end = "_adjusted" if adjusted else ""
    columns = [
        *(*first, "num_sequences", "num_hits", "num_positive", "num_top", "mean_phi", "place_phi"),
        *(f"p_difference{end}", "odds_ratio", f"p_enrichment{end}"),
        *("word_odds_ratio", f"p_word{end}"),
    ]
    return tests[columns]


def _core(summary: Summary) -> PageTable:
    tests = core_tests(summary)
    if tests.empty:
        return PageTable("core", None)
    tests = tests.assign(p_enrichment=tests["p_adjusted"])
    table = _readable(tests, "element", "definition", "window", adjusted=False)
    caption = (
        "Other core-promoter elements by their consensus where they should start, "
        f"{summary.who} of all species, judged like the TATA box. P-values are adjusted over the "
        "elements."
    )
    return PageTable(
        "core", table.drop(columns=["p_difference", "p_word", "word_odds_ratio"]), caption
    )


def _tokens(summary: Summary) -> list[PageFigure | PageTable]:
    sums = rank_tokens(summary.tokens, by="sum_phi", num=summary.config.num_tokens)
    bars = PageFigure(
        "Tokens with the highest and lowest mean attribution",
        f"Of tokens met {summary.config.min_count} times or more, with how often they were met. "
        "Lines: standard error of the mean.",
        figures.token_bars(summary),
        "tokens",
    )
    largest = "Tokens with the largest sum of attributions over all sequences."
    return [
        bars,
        PageTable("positive", sums.positive, largest),
        PageTable("negative", sums.negative, "Tokens with the lowest sum."),
    ]


def _logos(summary: Summary) -> list[PageFigure]:
    shown = []
    for number, (what, row) in enumerate(summary.examples, start=1):
        known = summary.bases.sequences.iloc[row]
        about = f"Value {signed(known['full'])}" + f" {summary.unit}" * summary.signed
        if not pd.isna(known["probability"]):
            about = f"Probability of {summary.target} {known['probability']:.3f}"
        if known["label"] >= 0:
            about += f", label {known['label']}"
        if known["species"]:
            about += f", {spaced(known['species'])}"
        title = f"{what.capitalize()}: {known['sequence_id']}"
        name = f"logo-{number}-{what.split(',')[0].replace(' ', '-')}"
        shown.append(PageFigure(title, f"{about}.", sequence_logo(summary, row), name))
    return shown


def _checks(summary: Summary) -> PageFigure:
    return PageFigure(
        "Do the attributions add up?",
        "Left: the completeness error, by which the sum of a sequence's attributions misses "
        "prediction minus base value. Right: how sure the estimates are.",
        figures.completeness(summary) if summary.sums else None,
        "efficiency",
    )


def _files(summary: Summary) -> dict[str, pd.DataFrame]:
    """Return the tables that are written beside the page, by file name without ending."""
    tables = {
        "profile": summary.profile,
        "tokens": summary.tokens,
        "naive_tata": summary.naive,
    }
    tested = [part for part in (summary.tata, summary.core) if part is not None]
    if tested:
        tables["elements"] = pd.concat([part.tests for part in tested], ignore_index=True)
        tables["element_hits"] = pd.concat([part.hits for part in tested], ignore_index=True)
    return tables
