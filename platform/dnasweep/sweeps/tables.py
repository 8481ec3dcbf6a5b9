"""The tables of a comparison, summarised over seeds."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from dnasweep.sweeps.cell_results import BaselineResult, CellResult, bare
from dnasweep.sweeps.row_tests import spread
from dnasweep.tasks.metrics import direction


def higher_is_better(metric: str) -> bool:
    """Return whether higher values of a metric are better; assumed for unknown metrics."""
    try:
        return direction(metric) != "min"
    except KeyError:
        return True


def sign_of(metric: str) -> int:
    """Return 1 if higher values of a metric are better, else -1."""
    return 1 if higher_is_better(metric) else -1


def grouped(
    cells: Iterable[CellResult], key: Callable[[CellResult], Hashable]
) -> list[list[CellResult]]:
    """Return the cells grouped by a key, in the order in which keys first appear."""
    groups: dict[Any, list[CellResult]] = {}
    for cell in cells:
        groups.setdefault(key(cell), []).append(cell)
    return list(groups.values())


def ranked(
    cells: Sequence[CellResult], metric: str, axes: tuple[str, ...], chosen: set[Any]
) -> pd.DataFrame:
    """Return one row per combination, ranked; unfinished combinations come last, without a rank.

    Parameters
    ----------
    cells
        All trials.
    metric
        Bare name of the validation metric to rank by.
    axes
        Names of the further axes, which become columns.
    chosen
        Combinations that were selected.
    """
    records = []
    for group in grouped(cells, lambda cell: cell.combination):
        first, healthy = group[0], [cell for cell in group if cell.healthy(metric)]
        over_seeds = spread(np.array([cell.validation_metric(metric) for cell in healthy]))
        record: dict[str, Any] = {
            "tokenizer": first.tokenizer,
            "species_set": first.species_set,
            "learning_rate": first.learning_rate,
            **{axis: first.axes.get(axis) for axis in axes},
            "num_seeds": len(healthy),
            f"validation_{metric}": over_seeds.mean,
            f"validation_{metric}_sd": over_seeds.sd,
        }
        others = sorted({name for cell in healthy for name in bare(cell.validation)} - {metric})
        for name in others:
            values = [cell.validation_metric(name) for cell in healthy]
            record[f"validation_{name}"] = spread(np.array(values)).mean
        record |= {
            "device_seconds": _mean(cell.device_seconds for cell in group),
            "peak_memory_bytes": max((cell.peak_memory_bytes or 0 for cell in group), default=0),
            "outcome": _outcome(group, metric),
            "selected": first.combination in chosen,
            "arm": first.setup,
            "trial_keys": " ".join(cell.trial_key for cell in group),
        }
        records.append(record)
    table = pd.DataFrame.from_records(records)
    if table.empty:
        return table
    table["whole"] = table["outcome"] == "finished"
    table["order"] = -sign_of(metric) * table[f"validation_{metric}"]
    table = table.sort_values(
        ["whole", "order"], ascending=[False, True], kind="stable", na_position="last"
    )
    rank = pd.Series(range(1, len(table) + 1), index=table.index, dtype="Int64")
    table.insert(0, "rank", rank.where(table["whole"]))
    return table.drop(columns=["whole", "order"]).reset_index(drop=True)


def _outcome(group: list[CellResult], metric: str) -> str:
    troubled = [cell for cell in group if not cell.healthy(metric)]
    if not troubled:
        return "finished"
    kinds = sorted({_trouble(cell) for cell in troubled})
    if len(troubled) == len(group):
        return ", ".join(kinds)
    return f"{len(troubled)} of {len(group)} {' or '.join(kinds)}"


def _trouble(cell: CellResult) -> str:
    return "failed" if cell.outcome == "finished" else cell.outcome


def selected_table(
    chosen: list[CellResult],
    rows: pd.DataFrame,
    metric: str,
    baselines: Sequence[BaselineResult],
) -> pd.DataFrame:
    """Return one row per selected combination with its test metrics over seeds.

    Parameters
    ----------
    chosen
        Trials of the selected combinations.
    rows
        Rows returned by :func:`ranked`.
    metric
        Metric for which the 95 % interval and the difference from the baseline are given.
    baselines
        References for that difference.
    """
    if rows.empty or not chosen:
        return pd.DataFrame()
    by_keys = {cell.trial_key: cell for cell in chosen}
    records = []
    for record in rows[rows["selected"]].to_dict("records"):
        seeds = [by_keys[key] for key in record["trial_keys"].split() if key in by_keys]
        tested = [bare(cell.test) for cell in seeds if cell.test is not None]
        for name in sorted({name for test in tested for name in test}):
            over_seeds = spread(np.array([test.get(name, np.nan) for test in tested]))
            record[f"test_{name}"], record[f"test_{name}_sd"] = over_seeds.mean, over_seeds.sd
            if name == metric:
                record["test_low"], record["test_high"] = over_seeds.low, over_seeds.high
        reference = [b for b in baselines if b.species_set in (None, record["species_set"])]
        if reference and f"test_{metric}" in record:
            best = [bare(b.test).get(metric, np.nan) for b in reference]
            top = np.nanmax(best) if higher_is_better(metric) else np.nanmin(best)
            record["over_baseline"] = record[f"test_{metric}"] - top
        scores = [cell.test_scores for cell in seeds if cell.test_scores is not None]
        record["num_test_rows"] = len(scores[0].ids) if scores else pd.NA
        record["cell"] = seeds[0].label
        records.append(record)
    table = pd.DataFrame.from_records(records).drop(columns=["selected"])
    table.insert(0, "cell", table.pop("cell"))
    table["rank"] = table["rank"].astype("Int64")
    return table


def baseline_table(baselines: Sequence[BaselineResult]) -> pd.DataFrame:
    """Return one row per baseline."""
    return pd.DataFrame.from_records(
        [
            {"name": b.name, "species_set": b.species_set or "all cells"} | b.test_columns
            for b in baselines
        ]
    )


def species_table(chosen: list[CellResult], metric: str) -> pd.DataFrame:
    """Return test metrics by selected combination and species of the test rows."""
    records = []
    for group in grouped(chosen, lambda cell: cell.combination):
        tests = [cell.per_species_test for cell in group if cell.per_species_test]
        for species in sorted({name for test in tests for name in test}):
            values = [bare(test.get(species)).get(metric, np.nan) for test in tests]
            over_seeds = spread(np.array(values))
            records.append(
                {
                    "cell": group[0].label,
                    "tokenizer": group[0].tokenizer,
                    "species_set": group[0].species_set,
                    "test_species": species,
                    f"test_{metric}": over_seeds.mean,
                    f"test_{metric}_sd": over_seeds.sd,
                    "num_seeds": over_seeds.num,
                }
            )
    return pd.DataFrame.from_records(records)


def output_table(chosen: Sequence[CellResult], selected: pd.DataFrame) -> pd.DataFrame:
    """Return one row per class or output: test metrics of the best cell, means over its seeds.

    Parameters
    ----------
    chosen
        Trials of the selected combinations.
    selected
        Table returned by :func:`selected_table`, the best first.
    """
    if selected.empty:
        return pd.DataFrame()
    keys = selected["trial_keys"].iloc[0].split()
    seeds = [pd.DataFrame(c.test_by_output) for c in chosen if c.trial_key in keys]
    known = [one for one in seeds if len(one)]
    if not known:
        return pd.DataFrame()
    means = sum(known[1:], known[0]) / len(known)
    return means.T.rename_axis("output").reset_index()


def unhealthy_table(cells: Sequence[CellResult], metric: str) -> pd.DataFrame:
    """Return one row per trial that diverged, collapsed or failed."""
    columns = ["tokenizer", "species_set", "learning_rate", "seed", "outcome", "reason"]
    records = [
        {
            **{name: getattr(cell, name) for name in columns[:4]},
            "outcome": _trouble(cell),
            "reason": cell.reason or ("" if cell.outcome != "finished" else f"no {metric}"),
            "trial_key": cell.trial_key,
        }
        for cell in cells
        if not cell.healthy(metric) and cell.outcome != "stopped"
    ]
    return pd.DataFrame.from_records(records, columns=[*columns, "trial_key"])


def _mean(values: Iterable[float | None]) -> float:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else float("nan")
