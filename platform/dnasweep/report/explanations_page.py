"""The report of a comparison of explanations: one self-contained page, figures, tables, numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from dnasweep.attribution.summaries import ALL
from dnasweep.method_comparison.comparing import MethodComparison
from dnasweep.report import explanations_figures as figures
from dnasweep.report.attribution_figures import Drawing
from dnasweep.report.attribution_findings import places, ratio, signed
from dnasweep.report.drawing import panels, png
from dnasweep.report.explanations_findings import across, explanation_findings, warnings
from dnasweep.report.html import render, sortable
from dnasweep.tasks.wording import number

PAGE = "explanations.html"
"""The file of the page."""
NUMBERS = "numbers.json"
"""The file of all numbers, for programs."""


class PageFigure(NamedTuple):
    """A figure of the page."""

    name: str
    title: str
    caption: str
    drawing: Drawing | None
    """None: nothing to draw."""


def write_comparison(
    directory: Path, comparisons: Sequence[MethodComparison], *, settings: Mapping[str, Any]
) -> Path:
    """Write the report of a comparison into a folder and return the page's path.

    Parameters
    ----------
    directory
        Where to write; made if it is not there.
    comparisons
        One a model.
    settings
        Of the job, shown as they are; `title` and `command` are used as well.
    """
    directory.mkdir(parents=True, exist_ok=True)
    sections = []
    for place, one in enumerate(comparisons):
        end = f"-{place + 1}" if len(comparisons) > 1 else ""
        shown = [figure for figure in figures_of(one) if figure.drawing is not None]
        for figure in shown:
            assert figure.drawing is not None
            data = png(figure.drawing.draw, size=figure.drawing.size)
            (directory / f"{figure.name}{end}.png").write_bytes(data)
        for name, table in one.tables().items():
            table.to_parquet(directory / f"{name}{end}.parquet", index=False)
        sections.append(_section(one, shown, end))
    (directory / NUMBERS).write_text(
        json.dumps(numbers(comparisons, settings), indent=1) + "\n", encoding="utf-8"
    )
    page = directory / PAGE
    page.write_text(_render(comparisons, sections, settings), encoding="utf-8")
    return page


def numbers(
    comparisons: Sequence[MethodComparison], settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Return everything the page says as JSON: tables as lists of rows, nan as null."""
    return {
        "settings": {name: value for name, value in settings.items() if value is not None},
        "models": [
            {
                "name": one.name,
                "tokenizer": one.tokenizer,
                "target": one.target,
                "methods": list(one.methods),
                "num_sequences": one.num_sequences,
                "num_called": one.num_called,
                "findings": explanation_findings(one),
                "anchors": None if one.anchors is None else _plain(one.anchors),
                **{
                    name: json.loads(table.to_json(orient="records", double_precision=12))
                    for name, table in one.tables().items()
                },
            }
            for one in comparisons
        ],
        "findings": across(comparisons),
    }


def figures_of(comparison: MethodComparison) -> list[PageFigure]:
    """Return the figures of one model."""
    interval = "Lines: 95 % interval of the mean over sequences; none where all have one value."
    return [
        PageFigure(
            "agreement",
            "Agreement of methods",
            "Means over sequences of rank correlations over bases, of the size of attributions and "
            "of their signed value, and of the overlap of the tenth of the bases with the largest "
            "attributions. A token's attribution is shared equally by its bases.",
            figures.agreement_maps(comparison),
        ),
        PageFigure(
            "recovery",
            "Recovery of planted elements",
            f"AUROC of attributions to {comparison.target} for bases inside against outside of "
            f"elements; and the share of the k highest bases that lie inside, k the number of bases "
            f"inside. {interval}",
            figures.recovery_bars(comparison),
        ),
        PageFigure(
            "enrichment",
            "Elements at their places",
            "A hit is top where its attribution is positive and at most a twentieth of the places of "
            "its sequence are as high. Odds ratios against the same places in sequences without a "
            "hit; a star: significant, adjusted over methods and elements.",
            figures.enrichment_map(comparison),
        ),
        PageFigure(
            "curves",
            "Deletion and insertion",
            "Sequences that the model calls the class. Deletion is better the sooner it falls, "
            "insertion the sooner it rises.",
            figures.curve_panels(comparison),
        ),
        PageFigure(
            "sanity",
            "Checks of sanity",
            "Share of the attribution that turns its sign for the other class, and rank correlation "
            f"of importance with that of the model whose weights were shuffled. Dashed: what is right. {interval}",
            figures.sanity_bars(comparison),
        ),
    ]


def _section(one: MethodComparison, shown: Sequence[PageFigure], end: str) -> dict[str, Any]:
    drawn = {
        figure.name: {
            "title": figure.title,
            "caption": figure.caption,
            "picture": panels(figure.drawing.draw, size=figure.drawing.size),
        }
        for figure in shown
        if figure.drawing is not None
    }
    tests = one.enrichment
    return {
        "end": end,
        "comparison": one,
        "findings": explanation_findings(one),
        "warnings": warnings(one),
        "figures": drawn,
        "recovery": _table(one.recovery),
        "agreement": _table(one.agreement),
        "enrichment": _table(None if tests is None else _readable(tests[tests["species"] == ALL])),
        "species": _table(None if tests is None else _readable(tests[tests["species"] != ALL])),
        "areas": _table(one.areas),
        "sanity": _table(one.sanity),
        "costs": _table(one.costs),
    }


def _readable(tests: pd.DataFrame) -> pd.DataFrame:
    columns = ["element", "definition", "window", "species", "method"]
    if tests["species"].nunique() < 2:
        columns.remove("species")
    return tests[
        [*columns, "num_hits", "num_top", "mean_phi", "place_phi", "odds_ratio", "p_adjusted"]
    ]


def _render(
    comparisons: Sequence[MethodComparison],
    sections: Sequence[dict[str, Any]],
    settings: Mapping[str, Any],
) -> str:
    hidden = {"title", "command"}
    return render(
        "explanations_page.html.j2",
        title=str(settings.get("title") or "Explanations compared"),
        sections=sections,
        across=across(comparisons),
        command=str(settings.get("command") or ""),
        settings={
            name.replace("_", " "): ", ".join(map(str, value))
            if isinstance(value, list | tuple)
            else str(value)
            for name, value in settings.items()
            if name not in hidden and value is not None
        },
    )


_LABELS = {
    "num": "sequences",
    "num_hits": "hits",
    "num_top": "top",
    "mean_phi": "mean φ",
    "place_phi": "φ same places",
    "p_adjusted": "p",
    "auroc": "AUROC",
    "one": "method",
    "other": "other method",
}


def _table(table: pd.DataFrame | None) -> dict[str, Any] | None:
    return sortable(table, title=lambda n: _LABELS.get(n, n.replace("_", " ")), text=_text)


def _text(name: str, value: Any) -> str:
    if isinstance(value, str):
        if name in ("method", "one", "other"):
            return figures.method_name(value)
        return places(value) if name == "window" else value.replace("_", " ")
    if value is None or pd.isna(value):
        return "–"
    if name.startswith("p_"):
        return "< 0.001" if value < 0.001 else f"{value:.3f}"
    if name == "odds_ratio":
        return ratio(value)
    if name.endswith("phi"):
        return signed(value)
    if name.startswith("num"):
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 100 else number(value)


def _plain(values: Mapping[str, float]) -> dict[str, float | None]:
    return {name: None if pd.isna(value) else float(value) for name, value in values.items()}
