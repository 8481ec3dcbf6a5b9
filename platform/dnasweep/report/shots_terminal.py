"""The same few-shot comparison as rich tables for a terminal of 100 columns."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dnasweep.report.shots_page import means_by_shots
from dnasweep.report.terminal import bullets, new_table
from dnasweep.sweeps.shot_comparison import ShotComparison
from dnasweep.sweeps.shots_tests import BASELINE
from dnasweep.tasks.wording import metric_name


def shot_tables(comparison: ShotComparison) -> RenderableType:
    """Return the means by number of shots, the baseline's among them, and the findings."""
    return Group(_means(comparison), Text("Findings", style="bold"), bullets(comparison.findings))


def _means(comparison: ShotComparison) -> Table:
    means = means_by_shots(comparison)
    table = new_table(f"Test {metric_name(comparison.metric)} by shots of each class")
    for name in map(str, means):
        left = name in ("setting", "initialisation")
        title = {"setting": "with"}.get(name, f"{int(name):,}" if name.isdecimal() else name)
        table.add_column(title, justify="left" if left else "right", overflow="fold")
    for _, row in means.fillna("–").iterrows():
        style = "cyan" if row["initialisation"] == BASELINE else None
        table.add_row(*map(str, row), style=style)
    return table
