"""A species transfer: its targets and cells, and its target x strategy matrix."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pandas as pd
from rich.console import Console
from rich.markup import escape

from dnasweep.data.labels import Labels
from dnasweep.data.species import in_order, resolve
from dnasweep.data.table import SPLITS
from dnasweep.errors import InputError
from dnasweep.report.transfer_page import transfer_page, transfer_tables
from dnasweep.stages.recipe import Cell
from dnasweep.stages.scores import score_baseline
from dnasweep.sweeps.axes import Axes
from dnasweep.sweeps.comparison import Transfer
from dnasweep.sweeps.preparation import Prepared
from dnasweep.sweeps.request import Sweep
from dnasweep.sweeps.results import baseline_result
from dnasweep.sweeps.transfer_matrix import compare_strategies, comparison_group
from dnasweep.sweeps.transfer_options import TransferOptions
from dnasweep.sweeps.transfer_strategies import transfer_route
from dnasweep.tasks.registry import task_of
from dnasweep.workflows.announce import announce_report
from dnasweep.workflows.evaluation import evaluate_on_test
from dnasweep.workflows.phases import Phases
from dnasweep.workflows.publication import note, publish_report, sweep_frame
from dnasweep.workflows.sweep_records import Records

ESTIMATES = "`test/` the mean test metric of each strategy over the targets that all of them have"


def find_targets(options: TransferOptions, console: Console) -> Callable[[Prepared], list[str]]:
    """Return a function that finds the targets in the data: those requested, or all with enough rows.

    Raises
    ------
    InputError
        From the returned function: if a requested species has too few rows, or no species has enough.
    """

    def find(data: Prepared) -> list[str]:
        if not data.species:
            raise InputError(
                "no row names a species, so transfer between species is not possible",
                remedy="Give a column `species`, or an organism in the names of the sequences.",
            )
        lacking = too_few(data.table, data.labels, options.min_rows)
        if options.targets:
            asked = list(dict.fromkeys(resolve(name, data.catalogue) for name in options.targets))
            for name in asked:
                if name not in data.species:
                    held = ", ".join(data.species)
                    raise InputError(
                        f"target {name}: the data have no rows of this species",
                        remedy=f"Name targets among {held}.",
                    )
                if name in lacking:
                    raise InputError(
                        f"target {lacking[name]}",
                        remedy="Give more rows of it, remove it from --targets, or lower "
                        "--min-rows.",
                    )
            return asked
        found = [name for name in in_order(data.species) if name not in lacking]
        if not found:
            raise InputError(
                f"no species has enough rows to be a target: {'; '.join(lacking.values())}",
                remedy="Give more rows, or lower --min-rows.",
            )
        for sentence in lacking.values():
            console.print(f"[yellow]no target: {escape(sentence)}[/]", soft_wrap=True)
        return found

    return find


def too_few(table: pd.DataFrame, labels: Labels, min_rows: int) -> dict[str, str]:
    """Return the species with too few rows in a split, and what is missing.

    Parameters
    ----------
    table
        The rows.
    labels
        Description of their labels.
    min_rows
        Minimum number of rows per class; for rows without classes, minimum number of rows, whose labels must
        differ.
    """
    task, found = task_of(labels), {}
    for name, part in table[table["species"] != ""].groupby("species", sort=False):
        short, needed = [], ""
        for split in SPLITS:
            rows = part[part["split"] == split]
            counts = {"": len(rows)}
            if task.has_classes:
                counts = {
                    f"{one} ": int((rows["label"] == i).sum())
                    for i, one in enumerate(labels.names)
                }
            few = [f"{num} {kind}{split} rows" for kind, num in counts.items() if num < min_rows]
            if few:
                needed = f"; {min_rows} are needed"
            elif not task.measurable(labels.targets(rows)):
                few = [f"{split} rows whose labels do not differ"]
            short += few
        if short:
            found[str(name)] = f"{name} has {', '.join(short)}{needed}"
    return found


def transfer_cells(axes: Axes, data: Prepared) -> list[Cell]:
    """Return the product of the axes, with each strategy translated into the species that it reads."""
    cells = []
    for values in itertools.product(*axes.values()):
        named = dict(zip(axes, values, strict=True))
        read = transfer_route(named.pop("strategy"), named["target"], data.species, data.catalogue)
        cells.append(Cell(**named, **read._asdict()))
    return cells


def end_transfer(sweep: Sweep, records: Records, phases: Phases) -> Transfer:
    """Train, evaluate on test, and report the target x strategy matrix.

    Parameters
    ----------
    sweep
        The sweep that was run.
    records
        Its records in MLflow.
    phases
        Phases that compute what is missing.
    """
    plan = phases.train()
    results = evaluate_on_test(sweep, records, phases, plan, by=comparison_group)
    options, data = sweep.options, sweep.data
    min_rows = options.min_rows if isinstance(options, TransferOptions) else 1
    lacking = too_few(data.table, data.labels, min_rows)
    targets = [str(name) for name in sweep.axes["target"]]
    transfer = compare_strategies(
        results,
        baselines={
            name: baseline_result(score_baseline(sweep.storage, sweep.recipe.dataset, (name,)))
            for name in targets
        },
        metric=options.metric,
        relatives=[name for name in data.species if name not in lacking],
        catalogue=data.catalogue,
        left_out=[f"No target: {text}." for text in lacking.values()],
        labels=data.labels,
    )
    page = transfer_page(transfer, sweep_frame(sweep), num_trials=len(results))
    folder = publish_report(sweep, records, transfer, page, stem="transfer")
    records.summary(
        note(transfer.findings, data.audit, page="transfer.html", metrics=ESTIMATES),
        test=_means(transfer),
    )
    page_path, table = folder / "transfer.html", folder / "transfer_matrix.csv"
    announce_report(sweep.console, transfer_tables(transfer), page_path, table)
    return transfer


def _means(transfer: Transfer) -> dict[str, float]:
    several = transfer.means.get("tokenizer", pd.Series(dtype=str)).nunique() > 1
    return {
        f"{transfer.metric} {row['strategy']}"
        + (f" {row['tokenizer']}" if several else ""): float(row[f"test_{transfer.metric}"])
        for _, row in transfer.means.iterrows()
    }
