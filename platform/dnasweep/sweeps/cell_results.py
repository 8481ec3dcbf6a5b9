"""What a sweep hands to the report: one result per trial, and the baselines beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from dnasweep.stages.scores import TestScores

Outcome = Literal["finished", "stopped", "diverged", "collapsed", "failed"]

COMPARED_AXES = ("masking", "preset", "tuning")
"""Further axes whose values are compared on the test rows, as tokenizers and species sets are. Of
all other axes, which are settings, the best value is chosen on validation."""


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
    axes: Mapping[str, Any] = field(default_factory=dict)
    """Any further axes, name to value."""
    checkpoint: str | None = None
    """Name of the pretrained checkpoint that it starts from, which is then its species set too."""
    species: tuple[str, ...] | None = None
    """Species pretrained on, () for none; None: read from the name of the species set."""
    validation: Mapping[str, float] = field(default_factory=dict)
    """Validation metrics by name, of the epoch kept; `mcc` and `validation/mcc` are the same."""
    test: Mapping[str, float] | None = None
    """Test metrics by name; None where the test set was not opened for this trial."""
    test_scores: TestScores | None = None
    """What it said about the test rows; None where not opened."""
    test_by_output: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Test metrics by class or output, where these say more."""
    per_species_test: Mapping[str, Mapping[str, float]] | None = None
    """Test metrics by species."""
    device_seconds: float | None = None
    """Seconds of device time it took, devices summed."""
    peak_memory_bytes: int | None = None
    """Most memory held on one device."""
    outcome: Outcome = "finished"
    """`stopped` is a search's early stop; only `finished` trials are ranked."""
    reason: str = ""
    """Why it did not finish."""
    history: list[dict[str, float]] = field(default_factory=list)
    """Evaluations in order: step, bases_seen, epoch and validation metrics by name."""
    pretraining: Mapping[str, Any] | None = None
    """`bits_per_base`, `unigram_bits_per_base`, `markov_bits_per_base`, `history` (list of step, bases_seen,
    bits_per_base) and `bases_seen` over all stages; None for a random start."""

    @property
    def combination(self) -> tuple[Any, ...]:
        """What the seeds of one combination share."""
        axes = tuple(sorted((name, str(value)) for name, value in self.axes.items()))
        return (self.tokenizer, self.species_set, self.learning_rate, axes)

    @property
    def setup(self) -> str:
        """What is compared beside the species set: its tokenizer and its compared axes."""
        return " / ".join([self.tokenizer, *compared(self.axes)])

    @property
    def label(self) -> str:
        """How what is chosen of its comparison group is named in tables and sentences."""
        return " / ".join([self.tokenizer, self.species_set, *compared(self.axes)])

    @property
    def encoder(self) -> str:
        """How its encoder is named: all that pretraining differs by."""
        parts = self.tokenizer, self.species_set, self.axes.get("masking")
        return " / ".join(str(part) for part in parts if part is not None)

    def validation_metric(self, metric: str) -> float:
        """Return a validation metric by its bare name; nan where there is none."""
        return float(bare(self.validation).get(metric, np.nan))

    def healthy(self, metric: str) -> bool:
        """Return whether it finished with a number to rank by."""
        return self.outcome == "finished" and bool(np.isfinite(self.validation_metric(metric)))


@dataclass(frozen=True, kw_only=True)
class BaselineResult:
    """A reference every model must beat: the k-mer logistic regression."""

    name: str = "k-mer logistic regression"
    """As shown in tables."""
    test: Mapping[str, float]
    """Test metrics by name."""
    test_scores: TestScores | None = None
    """Its scores on the test rows, for the pairwise tests."""
    species_set: str | None = None
    """The species set whose cells it is the reference of; None: of all."""
    shots: int | None = None
    """Training rows of each class; None: all."""
    resample: int = 0
    """Which draw of them."""

    @property
    def test_columns(self) -> dict[str, float]:
        """Its test metrics as columns of a table."""
        return {f"test_{name}": value for name, value in bare(self.test).items()}


def bare(metrics: Mapping[str, float] | None) -> dict[str, float]:
    """Return metrics by bare name: `validation/mcc` becomes `mcc`."""
    return {name.rsplit("/", 1)[-1]: float(value) for name, value in (metrics or {}).items()}


def scores_by_seed(cells: Iterable[CellResult]) -> dict[int, TestScores]:
    """Return the test scores of the trainings of one combination that have been tested."""
    return {cell.seed: cell.test_scores for cell in cells if cell.test_scores is not None}


def rows_of(scores: TestScores, ids: np.ndarray) -> np.ndarray:
    """Return where `ids`, all of which it has, stand in `scores`."""
    order = np.argsort(scores.ids, kind="stable")
    return np.asarray(order[np.searchsorted(scores.ids, ids, sorter=order)])


def compared(axes: Mapping[str, Any]) -> list[str]:
    """Return the values of the axes that are compared, where there are such."""
    return [str(axes[name]) for name in COMPARED_AXES if axes.get(name) is not None]
