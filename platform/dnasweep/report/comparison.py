"""The comparison: what a sweep measured, ranked, selected, tested pairwise and said in sentences.

Selection looks at validation metrics only. Test metrics and test scores are read for the selected
cells alone, so the test set can be opened once, after :func:`select` has named them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

Outcome = Literal["finished", "diverged", "collapsed", "failed"]
LOWER_IS_BETTER = frozenset({"loss", "bits_per_base", "brier"})


@dataclass(frozen=True, kw_only=True)
class TestScores:
    """What a model said about the test rows."""

    __test__ = False

    ids: np.ndarray
    """Row identities (n,), unique; cells are compared on the rows they share."""
    labels: np.ndarray
    """True labels (n,), 0 or 1."""
    scores: np.ndarray
    """Probability of label 1 (n,)."""
    threshold: float = 0.5
    """Scores at or above it are called positive; chosen on validation."""


@dataclass(frozen=True, kw_only=True)
class CellResult:
    """One trial: a combination trained once with one seed."""

    trial_key: str
    """Identity of the trial."""
    tokenizer: str
    """Short tokenizer name, for example `bpe-4096`."""
    species_set: str
    """Species set the encoder was pretrained on; `none` where it was not pretrained."""
    learning_rate: float
    """Peak learning rate."""
    seed: int
    """Seed of the trial."""
    axes: dict[str, Any] = field(default_factory=dict)
    """Any further axes, name to value."""
    species: tuple[str, ...] | None = None
    """Species pretrained on, () for none; None: read from the name of the species set."""
    validation: dict[str, float] = field(default_factory=dict)
    """Validation metrics by name, of the epoch kept; `mcc` and `validation/mcc` are the same."""
    test: dict[str, float] | None = None
    """Test metrics by name; None where the test set was not opened for this trial."""
    test_scores: TestScores | None = None
    """What it said about the test rows; None where not opened."""
    per_species_test: dict[str, dict[str, float]] | None = None
    """Test metrics by species."""
    device_seconds: float | None = None
    """Seconds of device time it took, devices summed."""
    peak_memory_bytes: int | None = None
    """Most memory held on one device."""
    outcome: Outcome = "finished"
    """Anything but `finished` is listed and marked, never ranked."""
    reason: str = ""
    """Why it did not finish."""
    history: list[dict[str, float]] = field(default_factory=list)
    """Evaluations in order: step, bases_seen, epoch and validation metrics by name."""
    pretraining: dict[str, Any] | None = None
    """`bits_per_base`, `markov_bits_per_base`, `history` (list of step, bases_seen,
    bits_per_base); None for a random start."""


@dataclass(frozen=True, kw_only=True)
class BaselineResult:
    """A reference every model must beat: the k-mer logistic regression."""

    name: str = "k-mer logistic regression"
    """As shown in tables."""
    test: dict[str, float]
    """Test metrics by name."""
    test_scores: TestScores | None = None
    """Its scores on the test rows, for the pairwise tests."""
    species_set: str | None = None
    """The species set whose cells it is the reference of; None: of all."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A compared sweep; every table is a DataFrame ready for CSV."""

    metric: str
    """Name of the metric ranked by, without its split."""
    higher_is_better: bool
    """Its direction."""
    axes: tuple[str, ...]
    """Names of the further axes that vary."""
    rows: pd.DataFrame
    """One row a combination, seeds joined, ranked by the mean validation metric."""
    selected: pd.DataFrame
    """The best combination of each tokenizer x species set, with test means and spread."""
    baseline: pd.DataFrame
    """One row a baseline."""
    pairwise: pd.DataFrame
    """One row a pair of selected combinations or baseline: DeLong, bootstrap, adjusted p."""
    findings: list[str]
    """Plain sentences computed from the tables."""
    unhealthy: pd.DataFrame
    """Trials that diverged, collapsed or failed, with the reason."""

    def to_csv(self, path: Path) -> Path:
        """Write the ranked table, and the other tables beside it as `<stem>_<table>.csv`."""
        raise NotImplementedError


def select(cells: Sequence[CellResult], *, metric: str = "mcc") -> list[CellResult]:
    """Return the trials to open the test set for: all seeds of the best combination of each
    tokenizer x species set by validation."""
    raise NotImplementedError


def compare(
    cells: Sequence[CellResult],
    *,
    baselines: Sequence[BaselineResult] = (),
    metric: str = "mcc",
    num_resamples: int = 2000,
    seed: int = 0,
) -> Comparison:
    """Compare the trials of a sweep."""
    raise NotImplementedError
