"""The report of a comparison of explanations: one self-contained page, figures, tables, numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Group, RenderableType
from rich.table import Table

from dnasweep.attribution.summaries import ALL
from dnasweep.method_comparison.comparing import MethodComparison
from dnasweep.method_comparison.curves import KINDS
from dnasweep.method_comparison.recovery import EVERY
from dnasweep.method_comparison.sanity import FLIP
from dnasweep.report import explanations_figures as figures
from dnasweep.report.explanations_findings import (
    across,
    explanation_findings,
    explanation_texts,
    warnings,
)
from dnasweep.report.files import write_page
from dnasweep.report.page import (
    Answer,
    Block,
    Bullets,
    Notice,
    Page,
    PageFigure,
    PageTable,
    Section,
    Text,
    findings_section,
)
from dnasweep.report.provenance import BEFORE, job_section
from dnasweep.report.terminal import bullets, summary, terminal_table
from dnasweep.tasks.texts import Texts
from dnasweep.tasks.wording import method_name, number

PAGE = "explanations.html"
"""The file of the page."""
NUMBERS = "numbers.json"
"""The file of all numbers, for programs."""
FIGURES = {
    "agreement": ("Agreement of methods", figures.agreement_maps),
    "recovery": ("Recovery of planted elements", figures.recovery_bars),
    "enrichment": ("Elements at their positions", figures.enrichment_map),
    "curves": ("Deletion and insertion", figures.curve_panels),
    "sanity": ("Sanity checks", figures.sanity_bars),
}
"""Title and drawing of each figure, by the name of its file."""


def write_comparison(
    directory: Path, comparisons: Sequence[MethodComparison], *, settings: Mapping[str, Any]
) -> Path:
    """Write the report of a comparison into a folder and return the page's path.

    Parameters
    ----------
    directory
        Folder to write to; created if it does not exist.
    comparisons
        Comparisons, one per model.
    settings
        Settings of the job, shown as given; `title` and `command` are used as well.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for end, one in _ends(comparisons).items():
        for name, table in one.tables().items():
            table.to_parquet(directory / f"{name}{end}.parquet", index=False)
    text = json.dumps(numbers(comparisons, settings), indent=1)
    (directory / NUMBERS).write_text(text + "\n", encoding="utf-8")
    return write_page(explanations_page(comparisons, settings), directory / PAGE)


def explanations_page(
    comparisons: Sequence[MethodComparison], settings: Mapping[str, Any]
) -> Page:
    """Return the page of a comparison of explanations."""
    sections = [Section("across", "All models", [Bullets(across(comparisons))])]
    for end, one in _ends(comparisons).items():
        sections += _sections(one, end)
    beside = Texts("explanations")("beside")
    told = across(comparisons) or explanation_findings(comparisons[0]).sentences
    sections.append(
        job_section(settings, command=str(settings.get("command") or ""), files=beside)
    )
    return Page(
        title=str(settings.get("title") or "Explanations compared"),
        answer=Answer(told[0]) if told else None,
        lead=[explanation_texts(one)("lead") for one in comparisons],
        sections=sections,
    )


def _ends(comparisons: Sequence[MethodComparison]) -> dict[str, MethodComparison]:
    """Return each model by the suffix of the names of its files and page elements."""
    if len(comparisons) == 1:
        return {"": comparisons[0]}
    return {f"-{place}": one for place, one in enumerate(comparisons, start=1)}


def numbers(
    comparisons: Sequence[MethodComparison], settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Return everything the page says as JSON: tables as lists of rows, nan as null."""
    models = []
    for one in comparisons:
        anchors = one.anchors and {
            name: None if pd.isna(value) else float(value) for name, value in one.anchors.items()
        }
        models.append(
            {
                "name": one.name,
                "tokenizer": one.tokenizer,
                "target": one.target,
                "methods": list(one.methods),
                "num_sequences": one.num_sequences,
                "num_called": one.num_called,
                "findings": explanation_findings(one).sentences,
                "anchors": anchors,
                **{
                    name: json.loads(table.to_json(orient="records", double_precision=12))
                    for name, table in one.tables().items()
                },
            }
        )
    return {
        "settings": {name: value for name, value in settings.items() if value is not None},
        "models": models,
        "findings": across(comparisons),
    }


def _sections(one: MethodComparison, end: str) -> list[Section]:
    """Return the sections of one model."""
    found, say = explanation_findings(one), explanation_texts(one)
    first = findings_section(found.sentences, found.verdicts, say("reading"), end=end)
    notice = Notice(BEFORE, warnings(one))
    tests = one.enrichment
    every = None if tests is None else _readable(tests[tests["species"] == ALL])
    single = None if tests is None else _readable(tests[tests["species"] != ALL])
    unknown = one.recovery is None and tests is None

    def table(name: str, frame: pd.DataFrame | None) -> PageTable:
        return PageTable(name, frame, say(f"table_{name}"), end=end)

    def figure(name: str) -> PageFigure:
        title, draw = FIGURES[name]
        return PageFigure(title, say(f"figure_{name}"), draw(one), f"{name}{end}")

    def aside(name: str, there: bool) -> Text:
        return Text([say(name)] if there else [], soft=True)

    parts: dict[str, list[Block]] = {
        "agreement": [figure("agreement"), table("agreement", one.agreement)],
        "truth": [
            figure("recovery"),
            table("recovery", one.recovery),
            figure("enrichment"),
            table("enrichment", every),
            table("species", single),
            aside("nothing_known", unknown),
        ],
        "curves": [figure("curves"), table("areas", one.areas)],
        "sanity": [
            figure("sanity"),
            table("sanity", one.sanity),
            aside("left_out", one.sanity.empty),
        ],
        "costs": [table("costs", one.costs)],
    }
    # With several models, the list of sections shows only their names.
    link = "" if end else None
    sections = [
        Section(first.name, first.title, [notice, *first.blocks], one.name if end else None),
        *(
            Section(f"{name}{end}", name.capitalize(), blocks, link)
            for name, blocks in parts.items()
        ),
    ]
    return [Section("", one.name, [], "", level=1), *sections] if end else sections


def _readable(tests: pd.DataFrame) -> pd.DataFrame:
    columns = ["element", "definition", "window", "species", "method", "num_hits", "num_top"]
    columns += ["mean_phi", "place_phi", "odds_ratio", "p_adjusted"]
    if tests["species"].nunique() < 2:
        columns.remove("species")
    return tests[columns]


def explanation_tables(comparisons: Sequence[MethodComparison]) -> RenderableType:
    """Return one table per model with one row per method, and the findings."""
    parts = [summary([_methods(one)], explanation_findings(one).sentences) for one in comparisons]
    said = across(comparisons)
    return Group(*parts, *([bullets(said)] if said else []))


def _methods(one: MethodComparison) -> Table:
    checks = [check for check in dict.fromkeys(one.sanity["check"]) if check != FLIP]
    last = checks[-1] if checks else ""
    importance = one.agreement[one.agreement["measure"] == "importance"]
    records = []
    for method in one.methods:
        pairs = importance[(importance["one"] == method) | (importance["other"] == method)]
        record = {"method": method_name(method), "agreement": number(pairs["mean"].mean(), 2)}
        if one.recovery is not None:
            found = _of(one.recovery, method, "element", EVERY)
            record |= {
                "AUROC": number(found["auroc"]),
                "hit rate": number(found["hit_rate"], 2),
            }
        for kind in KINDS:
            record[kind] = number(_of(one.areas, method, "curve", kind)["area"])
        record["sign turns"] = number(_of(one.sanity, method, "check", FLIP)["mean"], 2)
        record["shuffled"] = number(_of(one.sanity, method, "check", last)["mean"], 2)
        evaluations = one.costs.set_index("method")["evaluations"][method]
        records.append(record | {"evaluations": f"{evaluations:,.0f}"})
    frame = pd.DataFrame(records)
    return terminal_table(
        f"{one.name}: {one.num_sequences:,} sequences, {one.target}",
        frame,
        titles={name: name for name in map(str, frame)},
    )


def _of(table: pd.DataFrame, method: str, column: str, value: str) -> pd.Series:
    rows = table[(table["method"] == method) & (table[column] == value)]
    return rows.iloc[0] if len(rows) else pd.Series(float("nan"), index=table.columns)
