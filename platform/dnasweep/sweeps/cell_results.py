"""The results that a sweep passes to the report: one per trial and one per baseline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from dnasweep.stages.scores import TestScores

Outcome = Literal["finished", "stopped", "diverged", "collapsed", "failed"]

COMPARED_AXES = ("masking", "preset", "tuning")
"""Axes whose values are compared on the test rows, like those of tokenizers and species sets. All
other axes are settings, whose best value is chosen on validation."""


@dataclass(frozen=True, kw_only=True)
class CellResult:
    """One trial: a combination trained once with one seed."""

    trial_key: str
    """Identity of the trial."""
    tokenizer: str
    """Short tokenizer name, for example `bpe-4096`."""
    species_set: str
    """Species set the encoder was pretrained on; `none` without pretraining."""
    learning_rate: float
    """Peak learning rate."""
    seed: int
    """Seed of the trial."""
    axes: Mapping[str, Any] = field(default_factory=dict)
    """Values of any further axes, by name."""
    checkpoint: str | None = None
    """Name of the pretrained checkpoint that the trial starts from, if any; `species_set` then has
    this name too."""
    species: tuple[str, ...] | None = None
    """Species of pretraining; () without pretraining. None: derived from the name of the species
    set."""
    validation: Mapping[str, float] = field(default_factory=dict)
    """Validation metrics of the evaluation kept, by name; `mcc` and `validation/mcc` are
    equivalent."""
    test: Mapping[str, float] | None = None
    """Test metrics by name; None if the trial was not evaluated on the test set."""
    test_scores: TestScores | None = None
    """Scores of the test rows; None if the trial was not evaluated on the test set."""
    test_by_output: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Test metrics by class or output, for tasks with more than one."""
    per_species_test: Mapping[str, Mapping[str, float]] | None = None
    """Test metrics by species."""
    device_seconds: float | None = None
    """Device time in seconds, summed over devices."""
    peak_memory_bytes: int | None = None
    """Peak memory on any one device."""
    outcome: Outcome = "finished"
    """`stopped` means stopped early by the search; only `finished` trials are ranked."""
    reason: str = ""
    """Why the trial did not finish."""
    history: list[dict[str, float]] = field(default_factory=list)
    """Evaluations in order, each with step, bases_seen, epoch and validation metrics by name."""
    pretraining: Mapping[str, Any] | None = None
    """`bits_per_base`, `unigram_bits_per_base`, `markov_bits_per_base`, `history` (list of step,
    bases_seen, bits_per_base) and `bases_seen` over all stages; None for random initialisation."""

    @property
    def combination(self) -> tuple[Any, ...]:
        """Values that all seeds of one combination have in common."""
        axes = tuple(sorted((name, str(value)) for name, value in self.axes.items()))
        return (self.tokenizer, self.species_set, self.learning_rate, axes)

    @property
    def setup(self) -> str:
        """The tokenizer and the compared axes except the species set, in words."""
        return " / ".join([self.tokenizer, *compared(self.axes)])

    @property
    def label(self) -> str:
        """Name, in tables and sentences, of the combination selected from its comparison group."""
        return " / ".join([self.tokenizer, self.species_set, *compared(self.axes)])

    @property
    def encoder(self) -> str:
        """Name of its encoder: everything in which pretraining can differ."""
        parts = self.tokenizer, self.species_set, self.axes.get("masking")
        return " / ".join(str(part) for part in parts if part is not None)

    def validation_metric(self, metric: str) -> float:
        """Return a validation metric by its bare name; nan if it is missing."""
        return float(bare(self.validation).get(metric, np.nan))

    def healthy(self, metric: str) -> bool:
        """Return whether the trial finished with a finite value of the metric."""
        return self.outcome == "finished" and bool(np.isfinite(self.validation_metric(metric)))


@dataclass(frozen=True, kw_only=True)
class BaselineResult:
    """A reference that every model must beat: by default, the k-mer logistic regression."""

    name: str = "k-mer logistic regression"
    """Name shown in tables."""
    test: Mapping[str, float]
    """Test metrics by name."""
    test_scores: TestScores | None = None
    """Scores of the test rows, for the pairwise tests."""
    species_set: str | None = None
    """Species set whose cells are compared with this baseline; None: all cells."""
    shots: int | None = None
    """Number of training rows per class; None: all rows."""
    resample: int = 0
    """Number of the draw of training rows."""

    @property
    def test_columns(self) -> dict[str, float]:
        """Test metrics as columns of a table."""
        return {f"test_{name}": value for name, value in bare(self.test).items()}


def bare(metrics: Mapping[str, float] | None) -> dict[str, float]:
    """Return metrics by bare name: `validation/mcc` becomes `mcc`."""
    return {name.rsplit("/", 1)[-1]: float(value) for name, value in (metrics or {}).items()}


def scores_by_seed(cells: Iterable[CellResult]) -> dict[int, TestScores]:
    """Return the test scores by seed of those trials of one combination that have been tested."""
    return {cell.seed: cell.test_scores for cell in cells if cell.test_scores is not None}


def rows_of(scores: TestScores, ids: np.ndarray) -> np.ndarray:
    """Return the positions of `ids` in `scores`, which must contain all of them."""
    order = np.argsort(scores.ids, kind="stable")
    return np.asarray(order[np.searchsorted(scores.ids, ids, sorter=order)])


def compared(axes: Mapping[str, Any]) -> list[str]:
    """Return the values of those axes that are compared."""
    return [str(axes[name]) for name in COMPARED_AXES if axes.get(name) is not None]
