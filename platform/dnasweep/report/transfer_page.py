"""One self-contained HTML page of a species transfer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dnasweep.data.transfer import DESCRIPTIONS
from dnasweep.report.html import render, sortable
from dnasweep.report.page import PageFrame, column_text, column_title, ensembles, verdicts
from dnasweep.report.transfer_figures import gain_by_distance, matrix_map
from dnasweep.sweeps.transfer_comparison import Transfer
from dnasweep.sweeps.transfer_findings import judged
from dnasweep.sweeps.transfer_tests import EVERY
from dnasweep.tasks.wording import ALPHA, metric_name

_TITLES = {
    "million_years": "million years",
    "num_targets": "targets",
    "num_better": "better on",
    "pretrain_bases": "pretrained, Mb",
    "finetune_bases": "fine-tuned, Mb",
    "targets_p_adjusted": "p over targets",
}


def render_transfer(transfer: Transfer, page: PageFrame, *, num_trials: int) -> str:
    """Return the page as one HTML document."""
    tests = transfer.tests
    return render(
        "transfer_page.html.j2",
        page=page,
        transfer=transfer,
        num_trials=num_trials,
        metric=metric_name(transfer.metric),
        warnings=[f for f in page.audit_findings if f.get("level") == "warning"],
        notes=[f for f in page.audit_findings if f.get("level") != "warning"],
        figures=_figures(transfer),
        strategies={name: DESCRIPTIONS[name] for name in transfer.strategies},
        means=_table(transfer.means),
        matrix=_matrix(transfer),
        baseline=_table(transfer.baseline),
        unhealthy=_table(transfer.unhealthy),
        overall=_tests(transfer, tests[tests["target"] == EVERY]),
        single=_tests(transfer, tests[tests["target"] != EVERY]),
        ensembles=_ensembles(tests[tests["target"] != EVERY]),
        ranked=_ranked(transfer),
        audit=_table(page.audit_table),
    )


def _figures(transfer: Transfer) -> list[dict[str, Any]]:
    metric = metric_name(transfer.metric)
    names = list(dict.fromkeys(transfer.matrix.get("tokenizer", ())))
    drawn = []
    for name in names:
        which = f", {name}" if len(names) > 1 else ""
        drawn += [
            (
                matrix_map(transfer, name),
                f"Targets by strategies{which}",
                f"Test {metric}, mean over seeds ± their standard deviation.",
            ),
            (
                gain_by_distance(transfer, name),
                f"Gain against phylogenetic distance{which}",
                f"Test {metric} of each strategy minus that of random initialisation on the same "
                "target, against the time since the target and the nearest relative that was read "
                "have parted. Relatives are species with enough rows to be a target themselves.",
            ),
        ]
    return [
        {"picture": picture, "title": title, "caption": caption}
        for picture, title, caption in drawn
        if picture is not None
    ]


def _matrix(transfer: Transfer) -> dict[str, Any] | None:
    matrix, metric = transfer.matrix, transfer.metric
    if matrix.empty:
        return None
    shown = ["tokenizer", "target", "strategy", "species_set", "learning_rate"]
    shown += [f"test_{metric}", f"test_{metric}_sd", "gain", "over_baseline"]
    others = [m for m in ("mcc", "auroc", "accuracy") if m != metric]
    shown += [f"test_{m}" for m in others]
    shown += ["num_seeds", "num_test_rows", "nearest_relative", "million_years"]
    shown += ["pretrain_bases", "finetune_bases"]
    table = matrix[[name for name in shown if name in matrix]]
    sign = 1 if transfer.higher_is_better else -1
    over = matrix["over_baseline"].astype(float)
    return _table(table, marks=list(np.where(sign * over <= 0, "loses", "")))


def _tests(transfer: Transfer, table: pd.DataFrame) -> dict[str, Any] | None:
    if table.empty:
        return None
    shown = table[["tokenizer", "target", "a", "b", "num_rows", "num_seeds"]].assign(
        **verdicts(table)
    )
    if (table["target"] == EVERY).all():
        shown = shown.drop(columns="target").assign(
            num_better=table[f"{judged(transfer.metric)}_num_better"].astype(int),
            num_targets=table["num_targets"].astype(int),
            targets_p_adjusted=table[f"{judged(transfer.metric)}_targets_p_adjusted"],
        )
    significant = table[f"{judged(transfer.metric)}_p_adjusted"] < ALPHA
    return _table(shown, marks=list(np.where(significant, "chosen", "")))


def _ensembles(table: pd.DataFrame) -> dict[str, Any] | None:
    return None if table.empty else _table(ensembles(table, ("tokenizer", "target", "a", "b")))


def _ranked(transfer: Transfer) -> dict[str, Any] | None:
    rows, column = transfer.rows, f"validation_{transfer.metric}"
    if rows.empty:
        return None
    shown = ["rank", "tokenizer", "target", "species_set", "trained_on", "learning_rate", column]
    shown += [f"{column}_sd", "num_seeds", "device_seconds", "outcome"]
    table = rows[[name for name in shown if name in rows]]
    return _table(table, marks=list(np.where(rows["selected"], "chosen", "")))


def _table(table: pd.DataFrame | None, **how: Any) -> dict[str, Any] | None:
    return sortable(table, title=_title, text=_text, **how)


def _title(name: str) -> str:
    return _TITLES.get(name) or column_title(name)


def _text(name: str, value: object) -> str:
    if name.endswith("_bases"):
        return f"{float(value) / 1e6:.2f}"  # type: ignore[arg-type]
    if name == "million_years" and value == value:
        return f"{value:g}"
    if name == "gain" and value == value:
        return f"{value:+.3f}".replace("-", "−")
    return column_text(name, value)
