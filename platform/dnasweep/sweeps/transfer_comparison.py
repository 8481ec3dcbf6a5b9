"""A compared species transfer: its tables, and the sentences computed from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from dnasweep.data.transfer import STRATEGIES
from dnasweep.plain import write_csv

TABLES = ("matrix", "means", "tests", "baseline", "unhealthy")


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """A compared species transfer; every table is a DataFrame ready for CSV."""

    metric: str
    """Name of the metric, without its split."""
    higher_is_better: bool
    """Its direction."""
    rows: pd.DataFrame
    """One row a combination, seeds joined, ranked by the mean validation metric."""
    matrix: pd.DataFrame
    """One row a tokenizer, target and strategy: the best combination on validation with its test
    means and spread, its gain over random initialisation, and how near its relatives are."""
    means: pd.DataFrame
    """One row a tokenizer and strategy: the mean over the targets that all strategies have."""
    tests: pd.DataFrame
    """One row a pair of strategies on a target, and on the mean over targets (target `all`)."""
    baseline: pd.DataFrame
    """One row a target: the k-mer baseline, trained on the target."""
    unhealthy: pd.DataFrame
    """Trials that diverged, collapsed or failed, with the reason."""
    left_out: tuple[str, ...] = ()
    """Why species of the data are no targets, in words."""
    findings: list[str] = field(default_factory=list)
    """Plain sentences computed from the tables."""

    @property
    def targets(self) -> list[str]:
        """Targets, from nearest to farthest from the first of them by name of known species."""
        return list(dict.fromkeys(self.matrix.get("target", pd.Series(dtype=str))))

    @property
    def strategies(self) -> list[str]:
        """Strategies that were tried, in the order of `STRATEGIES`."""
        found = set(self.matrix.get("strategy", ()))
        return [name for name in STRATEGIES if name in found]

    def to_csv(self, path: Path) -> Path:
        """Write the ranked table to `path`, and the others beside it as `<stem>_<table>.csv`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        write_csv(self.rows, path)
        for name in TABLES:
            write_csv(getattr(self, name), path.with_name(f"{path.stem}_{name}.csv"))
        return path
