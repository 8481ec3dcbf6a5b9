"""A comparison of explanations as rich tables for a terminal of 100 columns."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dnasweep.method_comparison.comparing import MethodComparison
from dnasweep.method_comparison.curves import KINDS
from dnasweep.method_comparison.recovery import EVERY
from dnasweep.method_comparison.sanity import FLIP
from dnasweep.report.explanations_figures import method_name
from dnasweep.report.explanations_findings import across, explanation_findings
from dnasweep.report.terminal import bullets, new_table
from dnasweep.tasks.wording import number


def explanation_tables(comparisons: Sequence[MethodComparison]) -> RenderableType:
    """Return a table a model, a row a method, and the findings."""
    parts: list[RenderableType] = []
    for one in comparisons:
        parts += [
            _methods(one),
            Text("Findings", style="bold"),
            bullets(explanation_findings(one)),
        ]
    if said := across(comparisons):
        parts.append(bullets(said))
    return Group(*parts)


def _methods(one: MethodComparison) -> Table:
    table = new_table(f"{one.name}: {one.num_sequences:,} sequences, class {one.target}")
    table.add_column("method", overflow="fold")
    titles = ["agreement", "deletion", "insertion", "sign turns", "shuffled", "evaluations"]
    if one.recovery is not None:
        titles[1:1] = ["AUROC", "hit rate"]
    for title in titles:
        table.add_column(title, justify="right")
    checks = [check for check in dict.fromkeys(one.sanity["check"]) if check != FLIP]
    for method in one.methods:
        pairs = one.agreement[
            (one.agreement["measure"] == "importance")
            & ((one.agreement["one"] == method) | (one.agreement["other"] == method))
        ]
        cells = [number(pairs["mean"].mean(), 2)]
        if one.recovery is not None:
            found = _of(one.recovery, method, "element", EVERY)
            cells += [number(found["auroc"]), number(found["hit_rate"], 2)]
        cells += [number(_of(one.areas, method, "curve", kind)["area"]) for kind in KINDS]
        cells.append(number(_of(one.sanity, method, "check", FLIP)["mean"], 2))
        last = checks[-1] if checks else ""
        cells.append(number(_of(one.sanity, method, "check", last)["mean"], 2))
        cost = float(one.costs.set_index("method")["evaluations"][method])
        table.add_row(method_name(method), *cells, f"{cost:,.0f}")
    return table


def _of(table: pd.DataFrame, method: str, column: str, value: str) -> pd.Series:
    rows = table[(table["method"] == method) & (table[column] == value)]
    return rows.iloc[0] if len(rows) else pd.Series({name: float("nan") for name in table.columns})
