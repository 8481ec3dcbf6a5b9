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
from dnasweep.report.columns import method_name
from dnasweep.report.explanations_findings import across, explanation_findings, warnings
from dnasweep.report.files import write_page
from dnasweep.report.page import (
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
from dnasweep.tasks.wording import number

PAGE = "explanations.html"
"""The file of the page."""
NUMBERS = "numbers.json"
"""The file of all numbers, for programs."""
READING = (
    "An explanation says what the model used, not what a cell does. Intervals are of 95 %, over "
    "sequences. Significant means an adjusted p-value below 0.05."
)
BESIDE = (
    "the figures as PNG, the tables as Parquet, and numbers.json with everything the page says"
)
AGREEMENT = (
    "Every two methods. Importance: rank correlation of the size of attributions over the bases of a "
    "sequence; signed: of the values, among methods that have a sign; top: Jaccard’s index of the "
    "tenth of the bases with the largest attributions. A sequence of which a method gives all bases "
    "the same, as of an anchor without tokens, does not count."
)
ENRICHMENT = (
    "Core-promoter elements at their places, positions counted from 0 at base +1, in sequences of the "
    "class explained. φ: mean attribution of hits, and of the same places in sequences of the same "
    "species without one, each method in its own unit. P-values of the odds ratio are by permutation "
    "of hits over sequences, adjusted over methods and elements (Benjamini and Hochberg)."
)
AREAS = (
    "Areas under the curves, and their difference from random orders of the same sequences. Negative "
    "is good for deletion, positive for insertion."
)
SANITY = (
    "Other class: share of the attribution whose sign turns when the other class is explained; "
    "attention knows no classes. Shuffled weights: rank correlation of importance with that of the "
    "trained model, and the AUROC of planted elements that is left (a half: nothing)."
)
COSTS = (
    "Per sequence, on average: evaluations of the model, a backward pass counted as two, and "
    "milliseconds of an actor, where this run or an earlier one has measured them."
)
RECOVERY = (
    "Planted elements by kind. AUROC: bases of this kind against bases outside of all elements."
)
INTERVAL = "Lines: 95 % interval of the mean over sequences; none where all have one value."
FIGURES = {
    "agreement": (
        "Agreement of methods",
        "Means over sequences of rank correlations over bases, of the size of attributions and of "
        "their signed value, and of the overlap of the tenth of the bases with the largest "
        "attributions. A token's attribution is shared equally by its bases.",
        figures.agreement_maps,
    ),
    "recovery": (
        "Recovery of planted elements",
        "AUROC of attributions to {target} for bases inside against outside of elements; and the "
        "share of the k highest bases that lie inside, k the number of bases inside. " + INTERVAL,
        figures.recovery_bars,
    ),
    "enrichment": (
        "Elements at their places",
        "A hit is top where its attribution is positive and at most a twentieth of the places of its "
        "sequence are as high. Odds ratios against the same places in sequences without a hit; a "
        "star: significant, adjusted over methods and elements.",
        figures.enrichment_map,
    ),
    "curves": (
        "Deletion and insertion",
        "Sequences that the model calls the class. Deletion is better the sooner it falls, insertion "
        "the sooner it rises.",
        figures.curve_panels,
    ),
    "sanity": (
        "Sanity checks",
        "Share of the attribution that turns its sign for the other class, and rank correlation of "
        "importance with that of the model whose weights were shuffled. Dashed: what is right. "
        + INTERVAL,
        figures.sanity_bars,
    ),
}
"""Title, caption and drawing of each figure, by the name of its file."""


def write_comparison(
    directory: Path, comparisons: Sequence[MethodComparison], *, settings: Mapping[str, Any]
) -> Path:
    """Write the report of a comparison into a folder and return the page's path.

    Parameters
    ----------
    directory
        Where to write; made if it is not there.
    comparisons
        One per model.
    settings
        Of the job, shown as they are; `title` and `command` are used as well.
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
    sections.append(
        job_section(settings, command=str(settings.get("command") or ""), files=BESIDE)
    )
    return Page(
        title=str(settings.get("title") or "Explanations compared"),
        lead=[
            f"{one.name}: {len(one.methods)} methods, {one.num_sequences:,} sequences, "
            f"{one.num_called:,} called {one.target} · tokenizer {one.tokenizer}"
            for one in comparisons
        ],
        sections=sections,
    )


def _ends(comparisons: Sequence[MethodComparison]) -> dict[str, MethodComparison]:
    """Return each model by what stands behind the names of its files and elements."""
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
    found = explanation_findings(one)
    first = findings_section(found.sentences, found.verdicts, READING, end=end)
    notice = Notice(BEFORE, warnings(one))
    tests = one.enrichment
    every = None if tests is None else _readable(tests[tests["species"] == ALL])
    single = None if tests is None else _readable(tests[tests["species"] != ALL])
    unknown = one.recovery is None and tests is None
    nothing = "Neither planted elements nor transcription starts are known for these sequences."
    left_out = ["The checks were left out."] if one.sanity.empty else []

    def table(name: str, frame: pd.DataFrame | None, caption: str) -> PageTable:
        return PageTable(name, frame, caption, end=end)

    def figure(name: str) -> PageFigure:
        title, caption, draw = FIGURES[name]
        return PageFigure(title, caption.format(target=one.target), draw(one), f"{name}{end}")

    parts: dict[str, list[Block]] = {
        "agreement": [figure("agreement"), table("agreement", one.agreement, AGREEMENT)],
        "truth": [
            figure("recovery"),
            table("recovery", one.recovery, RECOVERY),
            figure("enrichment"),
            table("enrichment", every, ENRICHMENT),
            table("species", single, "The same by species, adjusted within each."),
            Text([nothing] if unknown else [], soft=True),
        ],
        "curves": [figure("curves"), table("areas", one.areas, AREAS)],
        "sanity": [
            figure("sanity"),
            table("sanity", one.sanity, SANITY),
            Text(left_out, soft=True),
        ],
        "costs": [table("costs", one.costs, COSTS)],
    }
    # Of several models the list of sections has the names alone.
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
        f"{one.name}: {one.num_sequences:,} sequences, class {one.target}",
        frame,
        titles={name: name for name in map(str, frame)},
    )


def _of(table: pd.DataFrame, method: str, column: str, value: str) -> pd.Series:
    rows = table[(table["method"] == method) & (table[column] == value)]
    return rows.iloc[0] if len(rows) else pd.Series(float("nan"), index=table.columns)
