"""A compared few-shot sweep: its tables, and the sentences computed from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from dnasweep.plain import write_csv
from dnasweep.sweeps.cell_results import TestScores


@dataclass(frozen=True, kw_only=True)
class ShotBaseline:
    """The k-mer logistic regression, trained on one draw."""

    shots: int
    """Rows of each class."""
    resample: int
    """Which draw."""
    test: Mapping[str, float]
    """Test metrics by name."""
    test_scores: TestScores
    """Its scores on the test rows."""


@dataclass(frozen=True, kw_only=True)
class ShotComparison:
    """A compared few-shot sweep; every table is a DataFrame ready for CSV."""

    metric: str
    """Name of the metric compared by, without its split."""
    rows: pd.DataFrame
    """One row an initialisation (and tokenizer, and learning rate where rates were given) and
    number of shots: test metrics as mean and standard deviation over draws and seeds."""
    runs: pd.DataFrame
    """One row a trial."""
    baseline: pd.DataFrame
    """One row a number of shots, over draws."""
    pairwise: pd.DataFrame
    """One row a pair of initialisations, or of one and the baseline, and number of shots."""
    findings: list[str] = field(default_factory=list)
    """Plain sentences computed from the tables."""
    unhealthy: pd.DataFrame
    """Trials that diverged or failed, with the reason; they are in no mean."""

    @property
    def judged(self) -> str:
        """The metric whose tests decide: MCC where it is compared by, else AUROC."""
        return "mcc" if self.metric == "mcc" else "auroc"

    def to_csv(self, path: Path) -> Path:
        """Write the table of means to `path`, and the others beside it as `<stem>_<table>.csv`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        write_csv(self.rows, path)
        for name in ("runs", "baseline", "pairwise", "unhealthy"):
            write_csv(getattr(self, name), path.with_name(f"{path.stem}_{name}.csv"))
        return path
