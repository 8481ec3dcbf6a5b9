"""A compared sweep: its tables, and the sentences computed from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from dnasweep.plain import write_csv


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
    """The best combination of each contest, with test means and spread."""
    baseline: pd.DataFrame
    """One row a baseline."""
    pairwise: pd.DataFrame
    """One row a pair of selected combinations or baseline: differences of means over seeds with
    their tests, and ensembles of the seeds with theirs, p adjusted."""
    by_species: pd.DataFrame
    """One row a selected combination and species of the test rows."""
    findings: list[str] = field(default_factory=list)
    """Plain sentences computed from the tables."""
    unhealthy: pd.DataFrame
    """Trials that diverged, collapsed or failed, with the reason."""
    shared_encoders: bool = False
    """Whether all seeds of a pretrained cell start from one encoder."""

    @property
    def judged(self) -> str:
        """The metric whose tests decide: MCC where the sweep is ranked by it, else AUROC."""
        return "mcc" if self.metric == "mcc" else "auroc"

    def to_csv(self, path: Path) -> Path:
        """Write the ranked table to `path`, and the others beside it as `<stem>_<table>.csv`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        write_csv(self.rows, path)
        for name in ("selected", "baseline", "pairwise", "by_species", "unhealthy"):
            write_csv(getattr(self, name), path.with_name(f"{path.stem}_{name}.csv"))
        return path
