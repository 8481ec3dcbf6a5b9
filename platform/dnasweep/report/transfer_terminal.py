"""A species transfer as rich tables for a terminal of 100 columns."""

from __future__ import annotations

import pandas as pd
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dnasweep.report.terminal import bullets, new_table, with_sd
from dnasweep.sweeps.transfer_comparison import Transfer
from dnasweep.tasks.wording import metric_name, number


def transfer_tables(transfer: Transfer) -> RenderableType:
    """Return the matrix of each tokenizer and the findings."""
    parts: list[RenderableType] = []
    if not transfer.matrix.empty:
        parts += [_matrix(transfer, name) for name in transfer.matrix["tokenizer"].unique()]
    return Group(*parts, Text("Findings", style="bold"), bullets(transfer.findings))


def _matrix(transfer: Transfer, tokenizer: str) -> Table:
    column = f"test_{transfer.metric}"
    table = new_table(f"Test {metric_name(transfer.metric)} by target and strategy, {tokenizer}")
    table.add_column("target", overflow="fold")
    for strategy in transfer.strategies:
        table.add_column(strategy, justify="right")
    table.add_column("k-mer baseline", justify="right")
    part = transfer.matrix[transfer.matrix["tokenizer"] == tokenizer]
    levels: dict[str, float] = {}
    if column in transfer.baseline:
        levels = dict(zip(transfer.baseline["target"], transfer.baseline[column], strict=True))
    for target in transfer.targets:
        rows = {row["strategy"]: row for _, row in part[part["target"] == target].iterrows()}
        shown = [rows.get(name, pd.Series(dtype=float)) for name in transfer.strategies]
        table.add_row(
            target,
            *(with_sd(row.get(column), row.get(f"{column}_sd")) for row in shown),  # type: ignore[arg-type]
            number(levels.get(target, float("nan"))),
        )
    means = transfer.means
    if len(means) and int(means["num_targets"].iloc[0]) > 1:
        mine = means[means["tokenizer"] == tokenizer].set_index("strategy")[column]
        values = [mine.get(name, float("nan")) for name in transfer.strategies]
        whole = len(levels) == int(means["num_targets"].iloc[0])
        level = sum(levels.values()) / len(levels) if whole else float("nan")
        table.add_row("mean", *map(number, values), number(level), style="bold")
    return table
