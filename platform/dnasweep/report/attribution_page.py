"""The report of an attribution job: one self-contained page, PNG figures and CSV tables."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dnasweep.attribution.positions import AttributionTables
from dnasweep.attribution.summaries import ALL, rank_tokens
from dnasweep.invocation import as_typed
from dnasweep.report import attribution_figures as figures
from dnasweep.report.attribution_findings import (
    attribution_findings,
    attribution_texts,
    core_tests,
    headline_tests,
    highest,
    looked_at,
    warnings,
)
from dnasweep.report.attribution_summary import ReportConfig, Summary, summarise
from dnasweep.report.files import write_page
from dnasweep.report.interactions import interaction_section
from dnasweep.report.logos import browsed, sequence_logo
from dnasweep.report.page import (
    Answer,
    Logos,
    Notice,
    Page,
    PageFigure,
    PageTable,
    Section,
    Text,
    findings_section,
)
from dnasweep.report.provenance import BEFORE, job_section, origin
from dnasweep.tasks.texts import Texts

PAGE = "attributions.html"
"""The file of the page."""
MAX_LOGOS = 300
"""Maximum number of sequences to browse."""


def write_report(
    directory: Path,
    attributions: AttributionTables,
    *,
    tss_index: int | None = None,
    settings: Mapping[str, Any] | None = None,
    config: ReportConfig | None = None,
) -> Path:
    """Write the report of an attribution job into a folder and return the path of its page.

    Parameters
    ----------
    directory
        Folder to write to; created if it does not exist. Files of an earlier report are replaced.
    attributions
        The two tables of the job.
    tss_index
        0-based index of the first transcribed base. Default: by the length of the windows.
    settings
        Settings of the job, shown as given. Default: those stored with the tables. `target` (name of
        the explained class), `value` (unit of phi), `title` and `command` are used as well.
    config
        What to show and how to test.

    Raises
    ------
    InputError
        For tables that do not fit each other, or a start outside of every sequence.
    """
    settings = dict(getattr(attributions, "settings", {}) if settings is None else settings)
    summary = summarise(attributions, tss_index=tss_index, settings=settings, config=config)
    pairs = getattr(attributions, "interactions", None)
    page = attribution_page(summary, settings, pairs)
    return write_page(page, directory / PAGE, tables=_files(summary))


def attribution_page(
    summary: Summary, settings: Mapping[str, Any], pairs: pd.DataFrame | None = None
) -> Page:
    """Return the page of an attribution job.

    Parameters
    ----------
    summary
        Summary to show.
    settings
        Settings of the job.
    pairs
        The strongest interactions between tokens of each sequence; None if they were not requested.
    """
    found, say = attribution_findings(summary), attribution_texts(summary)
    title = (
        f"Attributions to {summary.explained}"
        if summary.signed
        else "Attention of the first token"
    )
    species = figures.species_profiles(summary)
    profiles = PageFigure("By species", say("bands"), species, "profile-species")
    sections = [
        findings_section(found.sentences, found.verdicts, say("reading")),
        Section("sequences", "Sequences", [_browsed(summary, say)]),
        Section("positions", "Positions by species", [profiles]),
        Section("tata-box", "TATA box", _tata(summary, say)),
        Section("elements", "Other elements", [_elements(summary, say)]),
        Section("tokens", "Tokens", _tokens(summary, say)),
    ]
    if pairs is not None and len(pairs):
        sections.append(interaction_section(pairs, summary.bases.sequences, say, summary.unit))
    sums = PageFigure(
        "Do the attributions add up?",
        say("completeness"),
        figures.completeness(summary) if summary.sums else None,
        "efficiency",
    )
    sections.append(Section("checks", "Checks", [sums]))
    page = Page(
        title=str(settings.get("title") or title),
        lead=[*origin(settings), *say.paragraphs("lead")],
        answer=_answer(summary, settings, say),
        beside=_examples(summary),
        notice=Notice(BEFORE, warnings(summary)),
        sections=sections,
    )
    files = [f"{name}.csv" for name in _files(summary)]
    files += [f"{figure.name}.png" for figure in page.figures()]
    sections.append(job_section(settings, command=str(settings.get("command") or ""), files=files))
    return page


def _tata(summary: Summary, say: Texts) -> list[Text | PageTable | PageFigure]:
    naive = PageTable("naive", summary.naive, say("naive"))
    if summary.tata is None and not summary.naive[["positive", "negative"]].to_numpy().any():
        return []
    if summary.tata is None:
        return [Text(say.paragraphs("no_start"), soft=True), naive]
    every = summary.tata.tests[summary.tata.tests["species"] == ALL]
    tests = _readable(headline_tests(summary), "species", "label")
    definitions = _readable(every, "definition", "window", "label", adjusted=False)
    panel = figures.tata_panel(summary)
    return [
        Text(say.paragraphs("tata_method")),
        PageTable("tata", tests, say("tata_tests")),
        PageFigure("Attribution at TATA boxes", say("tata_panel"), panel, "tata"),
        PageTable("definitions", definitions, say("definitions")),
        naive,
    ]


def _readable(tests: pd.DataFrame, *first: str, adjusted: bool = True) -> pd.DataFrame:
    """Return the columns of the tests that fit on a page."""
    end = "_adjusted" if adjusted else ""
    columns = [
        *(*first, "num_sequences", "num_hits", "num_positive", "num_top", "mean_phi", "place_phi"),
        *(f"p_difference{end}", "odds_ratio", f"p_enrichment{end}"),
        *("word_odds_ratio", f"p_word{end}"),
    ]
    return tests[columns]


def _elements(summary: Summary, say: Texts) -> PageTable:
    tests = core_tests(summary)
    if tests.empty:
        return PageTable("core", None)
    tests = tests.assign(p_enrichment=tests["p_adjusted"])
    table = _readable(tests, "element", "definition", "window", adjusted=False)
    table = table.drop(columns=["p_difference", "p_word", "word_odds_ratio"])
    return PageTable("core", table, say("elements"))


def _tokens(summary: Summary, say: Texts) -> list[PageFigure | PageTable]:
    sums = rank_tokens(summary.tokens, by="sum_phi", num=summary.config.num_tokens)
    title = "Tokens with the highest and lowest mean attribution"
    largest = "Tokens with the largest sum of attributions over all sequences."
    return [
        PageFigure(title, say("token_bars"), figures.token_bars(summary), "tokens"),
        PageTable("positive", sums.positive, largest),
        PageTable("negative", sums.negative, "Tokens with the lowest sum."),
    ]


def _examples(summary: Summary) -> list[PageFigure]:
    """Return the figures in files beside the page: the most confident hits and mistakes."""
    shown = []
    for number, (what, row) in enumerate(summary.examples, start=1):
        name = f"logo-{number}-{what.split(',')[0].replace(' ', '-')}"
        shown.append(PageFigure(what, "", sequence_logo(summary, row), name))
    return shown


def _browsed(summary: Summary, say: Texts) -> Logos:
    """Return sequences to browse: the most confident hits and mistakes, then those with the highest output."""
    table = summary.bases.sequences
    known = {row: f" ({what})" for what, row in summary.examples}
    drawable = np.asarray(np.isfinite(summary.bases.values).any(axis=1))
    sure = table["probability"].fillna(table["full"]).to_numpy(float)
    order = [int(row) for row in np.argsort(-sure, kind="stable") if drawable[row]]
    rows = list(dict.fromkeys([*known, *order]))[:MAX_LOGOS]
    told = [
        (
            row,
            f"{table['sequence_id'].iloc[row]}{known.get(row, '')}",
            say("example", known=table.iloc[row]),
        )
        for row in rows
    ]
    more = int(drawable.sum()) - len(rows)
    return browsed(summary, told, say("logos", num=len(rows), more=more))


def _answer(summary: Summary, settings: Mapping[str, Any], say: Texts) -> Answer:
    """Return what the model looks at, and the next steps."""
    hits, misses = looked_at(summary)
    # Attributions from the Python interface need no folder.
    where = settings.get("attributions")
    typed = "dnasweep.discover_motifs(attributions)"
    if where:
        typed = as_typed(f"dnasweep discover-motifs --attributions {shlex.quote(str(where))}")
    steps = [("Find the motifs in these attributions", typed)]
    if (name := settings.get("model name")) and (data := settings.get("data")):
        target = ["--target", summary.target] if settings.get("target") else []
        given = shlex.join(["--model", str(name), *target, "--data", *map(str, data)])
        steps.append(
            (
                "Check whether other explanation methods agree",
                as_typed(f"dnasweep compare-explanations {given}"),
            )
        )
    tested = bool(hits or misses)
    return Answer(
        say("verdict", hits=hits, misses=misses, tested=tested, **highest(summary)),
        "yes" if hits else "no" if tested else "open",
        PageFigure(
            "Mean attribution by position",
            say("profile"),
            figures.position_profile(summary),
            "profile",
        ),
        steps,
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
