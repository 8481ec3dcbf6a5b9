"""The same comparison as rich tables for a terminal of 100 columns."""

from __future__ import annotations

from typing import Any

import pandas as pd
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dnasweep.plain import shown
from dnasweep.sweeps.cell_results import COMPARED_AXES
from dnasweep.sweeps.comparison import Comparison
from dnasweep.tasks.wording import metric_name, number


def comparison_tables(comparison: Comparison, *, max_rows: int = 20) -> RenderableType:
    """Return the ranked table, the selected cells with the baseline, and the findings.

    Parameters
    ----------
    comparison
        The compared sweep.
    max_rows
        Most rows of the ranked table; what is not healthy is shown beyond them.
    """
    parts: list[RenderableType] = [_ranked(comparison, max_rows)]
    if not comparison.selected.empty:
        parts.append(_selected(comparison))
    parts.append(Text("Findings", style="bold"))
    return Group(*parts, bullets(comparison.findings))


def bullets(sentences: list[str]) -> Table:
    """Return sentences as a list."""
    grid = Table.grid(padding=(0, 1))
    for sentence in sentences:
        grid.add_row("•", Text(shown(sentence)))
    return grid


class _Plain(Table):
    """A table that takes text as text, whatever brackets it has."""

    def add_row(self, *cells: RenderableType | None, **how: Any) -> None:
        super().add_row(*(Text(shown(c)) if isinstance(c, str) else c for c in cells), **how)

    def add_column(self, header: RenderableType = "", *rest: Any, **how: Any) -> None:
        named = Text(header) if isinstance(header, str) else header
        super().add_column(named, *rest, **how)


def _ranked(comparison: Comparison, max_rows: int) -> Table:
    name, column = metric_name(comparison.metric), f"validation_{comparison.metric}"
    table = new_table(f"All combinations, ranked by validation {name}")
    table.add_column("#", justify="right")
    for title in ("tokenizer", "species set"):
        table.add_column(title, overflow="fold")
    table.add_column("learning rate", justify="right")
    for axis in comparison.axes:
        table.add_column(axis.replace("_", " "), overflow="fold")
    for title in (f"validation {name}", "seeds", "device s"):
        table.add_column(title, justify="right")
    table.add_column("", overflow="fold")
    rows = comparison.rows
    if rows.empty:
        return table
    # A search may stop most of its trials: they are no trouble to be told of one by one.
    shown = rows[(rows["rank"].fillna(0) <= max_rows) & (rows["outcome"] != "stopped")]
    for _, row in shown.iterrows():
        finished = row["outcome"] == "finished"
        table.add_row(
            "" if pd.isna(row["rank"]) else str(row["rank"]),
            str(row["tokenizer"]),
            str(row["species_set"]),
            f"{row['learning_rate']:g}",
            *(str(row[axis]) for axis in comparison.axes),
            with_sd(row[column], row[f"{column}_sd"]),
            str(row["num_seeds"]),
            number(row["device_seconds"], 1),
            "selected" if row["selected"] and finished else "" if finished else row["outcome"],
            style="bold" if row["selected"] else None if finished else "dim",
        )
    if len(shown) < len(rows):
        table.caption = f"{len(rows) - len(shown)} more in the CSV and on the page"
    return table


def _selected(comparison: Comparison) -> Table:
    name, metric = metric_name(comparison.metric), comparison.metric
    table = new_table("Selected cells on the test rows")
    compared = [axis for axis in comparison.axes if axis in COMPARED_AXES]
    table.add_column(" / ".join(["tokenizer", "species set", *compared]), overflow="fold")
    others = [m for m in ("mcc", "auroc", "accuracy") if m != metric]
    columns = [metric, *(m for m in others if f"test_{m}" in comparison.selected)]
    for column in columns:
        table.add_column(f"test {metric_name(column)}", justify="right")
    table.add_column(f"over baseline ({name})", justify="right")
    sign = 1 if comparison.higher_is_better else -1
    for _, row in comparison.selected.iterrows():
        over = row.get("over_baseline")
        loses = over is not None and not pd.isna(over) and sign * over <= 0
        table.add_row(
            row["cell"],
            *(with_sd(row.get(f"test_{m}"), row.get(f"test_{m}_sd")) for m in columns),
            "" if over is None or pd.isna(over) else f"{over:+.3f}",
            style="yellow" if loses else None,
        )
    for _, row in comparison.baseline.iterrows():
        values = [number(row.get(f"test_{m}", float("nan"))) for m in columns]
        table.add_row(f"{row['name']} (baseline)", *values, "", style="cyan")
    return table


def new_table(title: str) -> Table:
    """Return an empty table as all tables of the terminal look; what it is given is no markup."""
    return _Plain(
        title=Text(title, style="table.title"),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )


def with_sd(mean: float | None, sd: float | None) -> str:
    """Return `mean ± sd`; a dash where there is no mean."""
    if mean is None or pd.isna(mean):
        return "–"
    return number(mean) if sd is None or pd.isna(sd) else f"{number(mean)} ± {number(sd)}"
