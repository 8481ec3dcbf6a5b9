"""The comparison: what a sweep measured, ranked, selected, tested pairwise and said in sentences.

Selection looks at validation metrics only. Test metrics and test scores are read for the selected
cells alone, so the test set can be opened once, after :func:`select` has named them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dnasweep.model.metrics import direction
from dnasweep.report.cells import (
    BaselineResult,
    CellResult,
    Outcome,
    TestScores,
    bare,
    cell_label,
    joined_scores,
)
from dnasweep.report.findings import findings
from dnasweep.report.pairs import pairwise_tests
from dnasweep.report.statistics import spread

__all__ = [
    "BaselineResult",
    "CellResult",
    "Comparison",
    "Outcome",
    "TestScores",
    "compare",
    "select",
]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A compared sweep; every table is a DataFrame ready for CSV."""

    metric: str
    """Name of the metric ranked by, without its split."""
    higher_is_better: bool
    """Its direction."""
    axes: tuple[str, ...]
    """Names of the further axes."""
    rows: pd.DataFrame
    """One row a combination, seeds joined, ranked by the mean validation metric."""
    selected: pd.DataFrame
    """The best combination of each tokenizer x species set, with test means and spread."""
    baseline: pd.DataFrame
    """One row a baseline."""
    pairwise: pd.DataFrame
    """One row a pair of selected combinations or baseline: DeLong, bootstrap, adjusted p."""
    by_species: pd.DataFrame
    """One row a selected combination and species of the test rows."""
    findings: list[str] = field(default_factory=list)
    """Plain sentences computed from the tables."""
    unhealthy: pd.DataFrame
    """Trials that diverged, collapsed or failed, with the reason."""

    def to_csv(self, path: Path) -> Path:
        """Write the ranked table to `path`, and the others beside it as `<stem>_<table>.csv`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.rows.to_csv(path, index=False)
        for name in ("selected", "baseline", "pairwise", "by_species", "unhealthy"):
            getattr(self, name).to_csv(path.with_name(f"{path.stem}_{name}.csv"), index=False)
        return path


def select(cells: Sequence[CellResult], *, metric: str = "mcc") -> list[CellResult]:
    """Return the trials to open the test set for.

    These are all healthy seeds of the best combination of each tokenizer x species set by the mean
    validation metric. A combination of which some seed did not finish healthy is taken only where
    the tokenizer x species set has no other.
    """
    name = _bare_name(metric)
    chosen: list[CellResult] = []
    for group in _grouped(cells, lambda cell: (cell.tokenizer, cell.species_set)):
        best = _best_combination(group, name)
        chosen += [cell for cell in best if cell.healthy(name)]
    return chosen


def compare(
    cells: Sequence[CellResult],
    *,
    baselines: Sequence[BaselineResult] = (),
    metric: str = "mcc",
    num_resamples: int = 2000,
    seed: int = 0,
) -> Comparison:
    """Compare the trials of a sweep.

    Parameters
    ----------
    cells
        All trials. Test results are read of the selected ones alone.
    baselines
        References shown and tested beside the selected cells.
    metric
        Metric to select and rank by, for example `mcc` or `validation/auroc`; its direction is
        that of :data:`dnasweep.model.metrics.METRICS`.
    num_resamples
        Bootstrap resamples for MCC.
    seed
        Seeds the bootstrap.
    """
    name = _bare_name(metric)
    axes = tuple(sorted({axis for cell in cells for axis in cell.axes}))
    chosen = select(cells, metric=name)
    keys = {cell.combination for cell in chosen}
    rows = _ranked(cells, name, axes, keys)
    selected = _selected_table(chosen, rows, name, baselines)
    comparison = Comparison(
        metric=name,
        higher_is_better=higher_is_better(name),
        axes=axes,
        rows=rows,
        selected=selected,
        baseline=_baseline_table(baselines),
        pairwise=pairwise_tests(
            _joined(chosen), baselines, num_resamples=num_resamples, seed=seed
        ),
        by_species=_species_table(chosen, name),
        unhealthy=_unhealthy_table(cells, name),
    )
    comparison.findings.extend(findings(comparison, cells))
    return comparison


def higher_is_better(metric: str) -> bool:
    """Return the direction of a metric; one that is not known is better when higher."""
    try:
        return direction(metric) != "min"
    except KeyError:
        return True


def _bare_name(metric: str) -> str:
    return metric.rsplit("/", 1)[-1]


def _grouped(cells: Iterable[CellResult], key: Any) -> list[list[CellResult]]:
    groups: dict[Any, list[CellResult]] = {}
    for cell in cells:
        groups.setdefault(key(cell), []).append(cell)
    return list(groups.values())


def _best_combination(cells: list[CellResult], metric: str) -> list[CellResult]:
    sign = 1 if higher_is_better(metric) else -1

    def worth(group: list[CellResult]) -> tuple[bool, float]:
        healthy = [cell for cell in group if cell.healthy(metric)]
        mean = np.mean([cell.validation_metric(metric) for cell in healthy]) if healthy else np.nan
        return len(healthy) == len(group), sign * float(mean)

    groups = [g for g in _grouped(cells, lambda c: c.combination) if np.isfinite(worth(g)[1])]
    return max(groups, key=worth, default=[])


def _ranked(
    cells: Sequence[CellResult], metric: str, axes: tuple[str, ...], chosen: set[Any]
) -> pd.DataFrame:
    records = []
    for group in _grouped(cells, lambda cell: cell.combination):
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
            "trial_keys": " ".join(cell.trial_key for cell in group),
        }
        records.append(record)
    table = pd.DataFrame.from_records(records)
    if table.empty:
        return table
    sign = -1 if higher_is_better(metric) else 1
    table["whole"] = table["outcome"] == "finished"
    table["order"] = sign * table[f"validation_{metric}"]
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


def _selected_table(
    chosen: list[CellResult],
    rows: pd.DataFrame,
    metric: str,
    baselines: Sequence[BaselineResult],
) -> pd.DataFrame:
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
        record["cell"] = cell_label(record["tokenizer"], record["species_set"])
        records.append(record)
    table = pd.DataFrame.from_records(records).drop(columns=["selected"])
    table.insert(0, "cell", table.pop("cell"))
    table["rank"] = table["rank"].astype("Int64")
    return table


def _joined(chosen: list[CellResult]) -> dict[str, TestScores]:
    joined = {}
    for group in _grouped(chosen, lambda cell: cell.combination):
        scores = joined_scores([c.test_scores for c in group if c.test_scores is not None])
        if scores is not None:
            joined[cell_label(group[0].tokenizer, group[0].species_set)] = scores
    return joined


def _baseline_table(baselines: Sequence[BaselineResult]) -> pd.DataFrame:
    return pd.DataFrame.from_records(
        [
            {
                "name": baseline.name,
                "species_set": baseline.species_set or "all cells",
                **{f"test_{name}": value for name, value in bare(baseline.test).items()},
            }
            for baseline in baselines
        ]
    )


def _species_table(chosen: list[CellResult], metric: str) -> pd.DataFrame:
    records = []
    for group in _grouped(chosen, lambda cell: cell.combination):
        tests = [cell.per_species_test for cell in group if cell.per_species_test]
        for species in sorted({name for test in tests for name in test}):
            values = [bare(test.get(species)).get(metric, np.nan) for test in tests]
            over_seeds = spread(np.array(values))
            records.append(
                {
                    "cell": cell_label(group[0].tokenizer, group[0].species_set),
                    "tokenizer": group[0].tokenizer,
                    "species_set": group[0].species_set,
                    "test_species": species,
                    f"test_{metric}": over_seeds.mean,
                    f"test_{metric}_sd": over_seeds.sd,
                    "num_seeds": over_seeds.num,
                }
            )
    return pd.DataFrame.from_records(records)


def _unhealthy_table(cells: Sequence[CellResult], metric: str) -> pd.DataFrame:
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
