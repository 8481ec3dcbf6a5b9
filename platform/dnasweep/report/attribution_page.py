"""The report of an attribution job: one self-contained page, PNG figures and CSV tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from dnasweep.attribution.positions import AttributionTables
from dnasweep.attribution.summaries import ALL, rank_tokens
from dnasweep.plain import write_csv
from dnasweep.report import attribution_figures as figures
from dnasweep.report.attribution_findings import (
    attribution_findings,
    core_tests,
    headline_tests,
    percent,
    places,
    ratio,
    signed,
    small,
    warnings,
    what_it_says,
)
from dnasweep.report.attribution_logos import sequence_logo
from dnasweep.report.attribution_summary import ReportConfig, Summary, summarise
from dnasweep.report.drawing import panels, plain, png
from dnasweep.report.html import render, sortable

PAGE = "attributions.html"
"""The file of the page."""


class PageFigure(NamedTuple):
    """A figure of the page."""

    name: str
    """Of its PNG file, without ending."""
    title: str
    caption: str
    drawing: figures.Drawing | None
    """None: nothing to draw."""


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
        Of the job, shown as they are given. Default: those the tables carry. `target` (name of the class explained), `value` (what
        phi is measured in), `title` and `command` are used as well.
    config
        What to show and how to test.

    Raises
    ------
    InputError
        For tables that do not fit each other, or a start outside of every sequence.
    """
    settings = dict(getattr(attributions, "settings", {}) if settings is None else settings)
    summary = summarise(attributions, tss_index=tss_index, settings=settings, config=config)
    directory.mkdir(parents=True, exist_ok=True)
    shown = [*_figures(summary), *_logos(summary)]
    for figure in shown:
        if figure.drawing is not None:
            data = png(figure.drawing.draw, size=figure.drawing.size)
            (directory / f"{figure.name}.png").write_bytes(data)
    for name, table in _tables(summary).items():
        write_csv(table, directory / f"{name}.csv")
    page = directory / PAGE
    page.write_text(render_report(summary, shown, settings), encoding="utf-8")
    return page


def render_report(summary: Summary, shown: list[PageFigure], settings: Mapping[str, Any]) -> str:
    """Return the page as one HTML document."""
    drawn = {
        figure.name: {
            "title": figure.title,
            "caption": figure.caption,
            "picture": (plain if figure.drawing.once else panels)(
                figure.drawing.draw, size=figure.drawing.size
            ),
        }
        for figure in shown
        if figure.drawing is not None
    }
    logos = [drawn[name] for name in drawn if name.startswith("logo-")]
    sums = rank_tokens(summary.tokens, by="sum_phi", num=summary.config.num_tokens)
    hidden = {"title", "command"}
    return render(
        "attribution_page.html.j2",
        title=str(settings.get("title") or _title(summary)),
        reading=what_it_says(summary),
        summary=summary,
        warnings=warnings(summary),
        findings=attribution_findings(summary),
        figures=drawn,
        logos=logos,
        tata=_table(_readable(headline_tests(summary), "species", "label")),
        definitions=_table(_definitions(summary)),
        naive=_table(summary.naive),
        core=_table(_core(summary)),
        positive=_table(sums.positive),
        negative=_table(sums.negative),
        command=str(settings.get("command") or ""),
        settings={
            name.replace("_", " "): ", ".join(map(str, value))
            if isinstance(value, list)
            else str(value)
            for name, value in settings.items()
            if name not in hidden and value is not None
        },
        files=sorted(
            [*(f"{name}.csv" for name in _tables(summary)), *(f"{name}.png" for name in drawn)]
        ),
        share=percent(summary.config.accounting.top),
        permutations=f"{summary.config.accounting.permutations:,}",
    )


def _title(summary: Summary) -> str:
    if summary.signed:
        return f"Attributions to {summary.target}"
    return "Attention of the first token"


def _figures(summary: Summary) -> list[PageFigure]:
    bands = "Bands: 95 % interval of the mean."
    base = "A token's attribution is shared equally by its bases; where tokens overlap, a base has the mean over them."
    return [
        PageFigure(
            "profile",
            "Mean attribution by position",
            f"{base} {bands} Below: the median and the range of the middle 80 % of sequences.",
            figures.position_profile(summary),
        ),
        PageFigure("profile-species", "By species", bands, figures.species_profiles(summary)),
        PageFigure(
            "tata",
            "Attribution at TATA boxes",
            "Left: base by base around the boxes, and around the same places in sequences of the "
            "same species without one. Right: the sum over the box; boxes are quartiles, whiskers "
            "reach from 5 % to 95 %, the number is of values.",
            figures.tata_panel(summary),
        ),
        PageFigure(
            "tokens",
            "Tokens with the highest and lowest mean attribution",
            f"Of tokens met {summary.config.least_count} times or more, with how often they were "
            "met. Lines: standard error of the mean.",
            figures.token_bars(summary),
        ),
        PageFigure(
            "efficiency",
            "Do the attributions add up?",
            "Left: how far the sum of a sequence's attributions misses the difference between the "
            "whole sequence and none of it. Right: how sure the estimates are.",
            figures.efficiency(summary) if summary.sums else None,
        ),
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
            about += f", {str(known['species']).replace('_', ' ')}"
        title = f"{what.capitalize()}: {known['sequence_id']}"
        kind = what.split(",")[0].replace(" ", "-")
        shown.append(
            PageFigure(f"logo-{number}-{kind}", title, f"{about}.", sequence_logo(summary, row))
        )
    return shown


def _tables(summary: Summary) -> dict[str, pd.DataFrame]:
    """Return the tables that are written beside the page, by file name without ending."""
    tables = {
        "profile": summary.profile,
        "tokens": summary.tokens,
        "naive_tata": summary.naive,
    }
    accounts = [part for part in (summary.tata, summary.core) if part is not None]
    if accounts:
        tables["elements"] = pd.concat([part.tests for part in accounts], ignore_index=True)
        tables["element_hits"] = pd.concat([part.hits for part in accounts], ignore_index=True)
    return tables


def _readable(tests: pd.DataFrame, *first: str, adjusted: bool = True) -> pd.DataFrame:
    """Return the columns of tests that a page has room for."""
    end = "_adjusted" if adjusted else ""
    columns = [
        *(*first, "num_sequences", "num_hits", "num_positive", "num_top", "mean_phi", "place_phi"),
        *(f"p_difference{end}", "odds_ratio", f"p_enrichment{end}"),
        *("word_odds_ratio", f"p_word{end}"),
    ]
    table = tests[columns]
    return table.rename(columns={name: name.removesuffix("_adjusted") for name in columns})


def _definitions(summary: Summary) -> pd.DataFrame | None:
    if summary.tata is None:
        return None
    tests = summary.tata.tests
    return _readable(
        tests[tests["species"] == ALL], "definition", "window", "label", adjusted=False
    )


def _core(summary: Summary) -> pd.DataFrame | None:
    tests = core_tests(summary)
    if tests.empty:
        return None
    tests = tests.assign(p_enrichment=tests["p_adjusted"])
    table = _readable(tests, "element", "definition", "window", adjusted=False)
    return table.drop(columns=["p_difference", "p_word", "word_odds_ratio"])


_LABELS = {
    "num_sequences": "sequences",
    "num_hits": "hits",
    "num_positive": "positive",
    "num_top": "top",
    "mean_phi": "mean φ",
    "place_phi": "φ same places",
    "p_difference": "p",
    "odds_ratio": "odds ratio",
    "p_enrichment": "p",
    "word_odds_ratio": "same words",
    "p_word": "p",
    "num_tokens": "tokens with TATA",
    "positive_in_place": "positive, in place",
    "negative_in_place": "negative, in place",
    "sum_phi": "sum φ",
    "standard_error": "± se",
}


def _table(table: pd.DataFrame | None) -> dict[str, Any] | None:
    return sortable(
        table, title=lambda name: _LABELS.get(name, name.replace("_", " ")), text=_text
    )


def _text(name: str, value: Any) -> str:
    if isinstance(value, str):
        if name == "window":
            return places(value)
        return value.replace("_", " ") if name == "species" else value
    if pd.isna(value):
        return "–"
    if name.startswith("p_"):
        return "< 0.001" if value < 0.001 else f"{value:.3f}"
    if name.endswith("odds_ratio"):
        return ratio(value)
    if name.endswith("phi"):
        return signed(value, 1 if abs(value) >= 100 else 3)
    if name == "standard_error":
        return f"{value:.3f}" if value >= 0.001 else small(value)
    if name == "label":
        return "unknown" if value < 0 else str(value)
    return f"{int(value):,}"
