"""The page of a compared sweep, and the same in the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd
from rich.console import RenderableType

from dnasweep.report import sweep_figures as figures
from dnasweep.report.page import (
    Answer,
    Block,
    Fold,
    Page,
    PageFigure,
    PageTable,
    Section,
    Text,
)
from dnasweep.report.pair_columns import ensembles, marked, verdict_columns
from dnasweep.report.provenance import SweepFrame
from dnasweep.report.terminal import summary, terminal_table
from dnasweep.sweeps.cell_results import COMPARED_AXES, CellResult
from dnasweep.sweeps.comparison import Comparison
from dnasweep.sweeps.verdicts import Verdict
from dnasweep.tasks.wording import ALPHA, NONE, mean_of, metric_name, number, signed

MAX_SHOWN = 20
"""Maximum number of ranked combinations in the terminal."""


def sweep_page(
    comparison: Comparison,
    frame: SweepFrame,
    *,
    cells: Sequence[CellResult],
    importance: Mapping[str, float] | None = None,
) -> Page:
    """Return the page of a compared sweep.

    Parameters
    ----------
    comparison
        Comparison of the sweep.
    frame
        Other contents of its page.
    cells
        All trials, for curves and costs.
    importance
        Parameter importance by axis, if a search estimated it.
    """
    say = comparison.texts
    heat_map, costs = figures.heat_map(comparison, cells), figures.cost(comparison, cells)
    curves, bits = figures.learning_curves(comparison, cells), figures.bits_per_base(cells)
    mattered = figures.importance(importance)
    sections = [
        Section(
            "selected",
            "Selected cells",
            [
                _selected(comparison),
                _by_output(comparison),
                _by_species(comparison),
                PageTable("twins", comparison.by_twins, say("by_twins")),
                PageTable(
                    "unhealthy", _with_start(comparison, comparison.unhealthy), say("not_healthy")
                ),
            ],
        ),
        Section(
            "figures",
            "Figures",
            [
                PageFigure(f"Tokenizer by {comparison.start_name}", say("heat_map"), heat_map),
                PageFigure("Learning curves", say("learning_curves"), curves),
                PageFigure("Pretraining in bits per base", say("bits_per_base"), bits),
                PageFigure("Cost of the trials", say("cost"), costs),
                PageFigure("Which axis mattered", say("importance"), mattered),
            ],
        ),
        Section("ranked", "All combinations", [_ranked(comparison)]),
        Section("pairs", "Pairwise tests", _tests(comparison)),
    ]
    lead = say("lead", num_trials=len(cells))
    return frame.page(comparison, lead, sections, answer=_answer(comparison, frame))


def _answer(comparison: Comparison, frame: SweepFrame) -> Answer | None:
    """Return the result of the sweep: the winner, and whether it beats the baseline."""
    say, selected = comparison.texts, comparison.selected
    if selected.empty:
        return None
    top, split = selected.iloc[0], figures.tested_split(comparison)
    reference = None if comparison.baseline.empty else comparison.baseline.iloc[0]
    claim = "" if reference is None else f"{top['cell']} against {reference['name']}"
    found = next((one for one in comparison.verdicts if one.claim == claim), None)
    known = split == "test" and reference is not None
    shown = PageFigure("Selected cells", say("scores", split=split), figures.scores(comparison))
    return Answer(
        say("verdict", top=top, split=split, reference=reference if known else None, found=found),
        _mark(found),
        shown,
        frame.steps(comparison.task),
    )


def _mark(found: Verdict | None) -> Literal["yes", "no", "open"]:
    if found is None or pd.isna(found.p):
        return "open"
    return "yes" if found.better else "no"


def _ranked(comparison: Comparison) -> PageTable:
    rows, column = comparison.rows, f"validation_{comparison.metric}"
    shown = ["rank", "tokenizer", "species_set", "learning_rate", *comparison.axes, column]
    shown += [f"{column}_sd", "num_seeds", "device_seconds", "peak_memory_bytes", "outcome"]
    marks = [
        "chosen" if chosen else "" if outcome == "finished" else "sick"
        for chosen, outcome in zip(rows.get("selected", ()), rows.get("outcome", ()), strict=True)
    ]
    table = _with_start(comparison, rows.reindex(columns=shown))
    return PageTable("ranked", table, comparison.texts("ranked"), marks)


def _with_start(comparison: Comparison, table: pd.DataFrame) -> pd.DataFrame:
    """Return a table in which the column of starts is called what it names."""
    return table.rename(columns={"species_set": comparison.start})


def _selected(comparison: Comparison) -> PageTable:
    selected, first = comparison.selected, f"test_{comparison.metric}"
    left_out = ("test_low", "test_high", "test_threshold", first)
    tests = [
        name
        for name in map(str, selected)
        if name.startswith("test_") and name not in left_out and not name.endswith("_sd")
    ]
    shown = ["tokenizer", "species_set", "learning_rate", *comparison.axes]
    shown += [first, f"{first}_sd", *tests, "over_baseline", "num_seeds"]
    shown = [name for name in shown if name in selected]
    table, marks = selected[shown].astype(object), _losers(comparison)
    if shown:
        for _, row in comparison.baseline.iterrows():
            known = {**row, "tokenizer": row["name"]}
            table.loc[len(table)] = [known.get(name) for name in shown]
            marks.append("reference")
    numeric = [name for name in shown if name not in ("tokenizer", "species_set")]
    few = {first, f"{first}_sd", *(f"test_{name}" for name in ("auroc", "accuracy", "rmse"))}
    hidden = [name for name in tests if name not in few]
    caption = comparison.texts("selected")
    table = _with_start(comparison, table)
    return PageTable("selected", table, caption, marks, numeric, hidden=hidden)


def _losers(comparison: Comparison) -> list[str]:
    """Mark the selected cells that are not better than the baseline."""
    over = comparison.selected.get("over_baseline", pd.Series(np.nan, comparison.selected.index))
    return list(np.where(comparison.sign * over.astype(float) <= 0, "loses", ""))


def _tests(comparison: Comparison) -> list[Block]:
    """Return the tests of the winner against the baseline and all others, and the other tests collapsed."""
    table, say = comparison.pairwise, comparison.texts
    if table.empty:
        return [Text([say("no_pairs")], soft=True)]
    top = comparison.selected["cell"].iloc[0]
    names = set(comparison.baseline.get("name", ()))
    won = (table["a"] == top) | (table["b"] == top)
    # The most important comparison comes first.
    baseline = table["a"].isin(names) | table["b"].isin(names)
    first, others = table[won].iloc[np.argsort(~baseline[won], kind="stable")], table[~won]
    more = [
        _pairwise(comparison, "pairs", others, say("other_pairs")),
        PageTable("ensembles", ensembles(table), say("ensembles")),
    ]
    title = f"{len(others)} other pairs, and tests between ensembles"
    return [_pairwise(comparison, "winner", first, say("pairs", top=top)), Fold(title, more)]


def _pairwise(comparison: Comparison, name: str, table: pd.DataFrame, caption: str) -> PageTable:
    shown = table[["a", "b", "num_rows", "num_seeds"]].assign(**verdict_columns(table))
    significant = table[f"{comparison.decisive}_p_adjusted"] < ALPHA
    return PageTable(name, shown, caption, marked(significant))


def _by_output(comparison: Comparison) -> PageTable:
    table, classes = comparison.by_output, comparison.task.names
    return PageTable("outputs", table, comparison.texts("by_output"), named=classes)


def _by_species(comparison: Comparison) -> PageTable:
    table, column = comparison.by_species, f"test_{comparison.metric}"
    species = table["test_species"].unique().tolist() if len(table) else []
    if len(table):
        wide = table.pivot(index="cell", columns="test_species", values=column)
        wide = wide.reindex(comparison.selected["cell"].to_list())
        table = wide.reset_index().rename_axis(columns=None)
    return PageTable("species", table, comparison.texts("by_species"), named=species)


def comparison_tables(comparison: Comparison, *, max_rows: int = MAX_SHOWN) -> RenderableType:
    """Return the ranked table, the selected cells with the baseline, and the findings.

    Parameters
    ----------
    comparison
        Comparison of the sweep.
    max_rows
        Maximum number of rows of the ranked table; trials that did not finish normally are shown in addition.
    """
    tables = [_ranked_in_short(comparison, max_rows)]
    if not comparison.selected.empty:
        tables.append(_selected_in_short(comparison))
    return summary(tables, comparison.findings)


def _ranked_in_short(comparison: Comparison, max_rows: int) -> RenderableType:
    rows, column = comparison.rows, f"validation_{comparison.metric}"
    title = f"All combinations, ranked by validation {metric_name(comparison.metric)}"
    left = ["tokenizer", comparison.start, *comparison.axes, "note"]
    first = ["tokenizer", "species_set", "learning_rate", *comparison.axes]
    if rows.empty:
        return terminal_table(title, pd.DataFrame(columns=["rank", *first, column]), left=left)
    # A search may stop most of its trials; these are not failures to list one by one.
    shown = rows[(rows["rank"].fillna(0) <= max_rows) & (rows["outcome"] != "stopped")]
    finished = shown["outcome"] == "finished"
    notes = shown["outcome"].where(~finished, np.where(shown["selected"], "selected", ""))
    ranks = ["" if pd.isna(rank) else str(rank) for rank in shown["rank"]]
    frame = shown[first].assign(
        **{
            axis: [NONE if pd.isna(v) else str(v) for v in shown[axis]] for axis in comparison.axes
        },
        **{column: [mean_of(row, column) for _, row in shown.iterrows()]},
        num_seeds=shown["num_seeds"],
        device_seconds=shown["device_seconds"],
        note=notes,
    )
    frame.insert(0, "rank", ranks)
    if comparison.start == "checkpoint" and _one_tokenizer_each(rows):
        frame = frame.drop(columns="tokenizer")
    more = len(rows) - len(shown)
    return terminal_table(
        title,
        _with_start(comparison, frame),
        marks=list(np.where(shown["selected"], "chosen", np.where(finished, "", "sick"))),
        left=left,
        titles={"note": "", column: metric_name(comparison.metric)},
        caption=f"{more} more in the CSV and on the page" if more else "",
    )


def _one_tokenizer_each(rows: pd.DataFrame) -> bool:
    """Return whether each start has a single tokenizer, as checkpoints that bring their own."""
    return bool(rows.groupby("species_set")["tokenizer"].nunique().max() == 1)


def _selected_in_short(comparison: Comparison) -> RenderableType:
    selected, metric = comparison.selected, comparison.metric
    compared = [axis for axis in comparison.axes if axis in COMPARED_AXES]
    others = [m for m in ("mcc", "auroc", "accuracy", "pearson", "rmse") if m != metric]
    columns = [f"test_{metric}", *(f"test_{m}" for m in others if f"test_{m}" in selected)]
    records = [
        [row["cell"], *(mean_of(row, n) for n in columns), _over(row)]
        for _, row in selected.iterrows()
    ]
    records += [
        [f"{row['name']} (baseline)", *(number(row.get(n)) for n in columns), ""]
        for _, row in comparison.baseline.iterrows()
    ]
    return terminal_table(
        "Selected cells on the test rows",
        pd.DataFrame(records, columns=["cell", *columns, "over_baseline_text"]),
        marks=[*_losers(comparison), *["reference"] * len(comparison.baseline)],
        titles={
            "cell": " / ".join(["tokenizer", comparison.start_name, *compared]),
            "over_baseline_text": f"over baseline ({metric_name(metric)})",
        },
    )


def _over(row: pd.Series) -> str:
    over = row.get("over_baseline")
    return "" if over is None or pd.isna(over) else signed(over)
