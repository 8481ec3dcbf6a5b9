"""Audit of a data set before training, for anything that could make a model look better than it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd

from dnasweep.data.baseline_scores import BaselineScores, score_baseline
from dnasweep.data.clustering import SimilarPairs, similar_pairs
from dnasweep.data.composition import composition, separation
from dnasweep.data.findings import Finding, info, warning
from dnasweep.data.labels import ZERO_AND_ONE, Labels
from dnasweep.data.leaks import (
    find_conflicting_labels,
    find_duplicates,
    find_leaks,
    find_relatives,
    find_shared_chromosomes,
)
from dnasweep.data.table import SPLITS
from dnasweep.data.twins import COLUMNS, find_twins, twin_findings

EASY = 0.9
"""AUROC of 3-mer counts above which the classes are too easy to separate to compare models."""
GC_GAP = 0.05
"""Difference in mean G+C fraction between classes that triggers a warning."""
RARE = 0.2
"""Fraction of the rows of a split below which a class is called rare."""
FEW = 20
"""Number of rows of a class in a split below which its scores are called noisy."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Audit:
    """The findings of an audit and the numbers behind them."""

    findings: tuple[Finding, ...]
    """Findings, warnings first."""
    table: pd.DataFrame
    """One row per split and class: split, label, rows, shortest, median and longest (bases), gc (mean
    fraction), cpg (observed over expected, all bases together), unknown (fraction of letters that
    are not A, C, G or T), species (number)."""
    baseline: dict[str, float] = field(default_factory=dict)
    """Scores of k-mer counts with logistic regression, chosen on validation and fitted on train:
    `validation/auroc`, `validation/mcc`, `test/auroc`, `test/mcc`, `threshold` (also chosen on
    validation) and `validation/auroc_3mer`; scores that cannot be computed are missing."""
    scores: pd.DataFrame = field(default_factory=pd.DataFrame)
    """Probabilities from that baseline for validation and test rows: id, split, label,
    probability_0, probability_1, ..."""
    twin_table: pd.DataFrame = field(default_factory=pd.DataFrame)
    """Number of rows of each split with a twin in train, and how well its label predicts theirs; see
    :class:`~dnasweep.data.twins.Twins`."""
    twins: pd.DataFrame = field(default_factory=pd.DataFrame)
    """Rows that have a twin: id, split, label, twin, twin_label, shared, identity."""

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings that are warnings."""
        return tuple(f for f in self.findings if f.level == "warning")

    def with_twins(self, split: str) -> list[str]:
        """Return the ids of the rows of a split that have a twin in train."""
        return [] if self.twins.empty else self.twins["id"][self.twins["split"] == split].tolist()

    def lines(self) -> list[str]:
        """Return the findings as lines of text, warnings first."""
        return [f"{finding.level}: {finding.message}" for finding in self.findings]

    def to_json(self) -> dict[str, Any]:
        """Return everything except scores and twins as plain JSON types, for `from_json`."""
        return {
            "findings": [asdict(f) for f in self.findings],
            "table": self.table.to_dict(orient="records"),
            "baseline": self.baseline,
            "twins": [
                {name: None if pd.isna(value) else value for name, value in part.items()}
                for part in self.twin_table.to_dict(orient="records")
            ],
        }

    @classmethod
    def from_json(
        cls,
        data: dict[str, Any],
        scores: pd.DataFrame | None = None,
        twins: pd.DataFrame | None = None,
    ) -> Audit:
        """Return the audit that `to_json` wrote.

        Parameters
        ----------
        data
            Output of `to_json`.
        scores, twins
            Tables that are stored separately, in Parquet; None if there are none.
        """
        return cls(
            findings=tuple(Finding(**f) for f in data["findings"]),
            table=pd.DataFrame(data["table"]),
            baseline=dict(data["baseline"]),
            scores=pd.DataFrame() if scores is None else scores,
            twin_table=pd.DataFrame(data["twins"], columns=list(COLUMNS)),
            twins=pd.DataFrame() if twins is None else twins,
        )


def audit(
    table: pd.DataFrame,
    *,
    identity: float = 0.8,
    seed: int = 0,
    pairs: SimilarPairs | None = None,
    labels: Labels = ZERO_AND_ONE,
) -> Audit:
    """Return anything that could make results on a table with splits misleading.

    Parameters
    ----------
    table
        Sequences with splits; rows with unknown labels are used only for finding duplicates.
    identity
        Smallest identity of near duplicates, 0.7 to 1.
    seed
        Seed of the search for near duplicates and of the baseline.
    pairs
        The result of :func:`similar_pairs` for these rows and this identity, if already computed.
    labels
        Description of the labels, for the names of classes.
    """
    if pairs is None:
        pairs = similar_pairs(table["sequence"].tolist(), identity=identity, seed=seed)
    stats = composition(table)
    baseline = score_baseline(table, seed=seed)
    twins = find_twins(table, identity=identity, seed=seed)
    findings = [
        *_by_composition(table, stats),
        *_by_counts(stats, labels),
        *find_leaks(table, pairs, identity),
        *find_conflicting_labels(table),
        *find_duplicates(table),
        *find_relatives(table, pairs, identity),
        *twin_findings(twins, identity),
        *find_shared_chromosomes(table),
        *_by_baseline(baseline),
    ]
    findings.sort(key=lambda finding: finding.level != "warning")
    return Audit(
        findings=tuple(findings),
        table=stats,
        baseline=baseline.metrics,
        scores=baseline.scores,
        twin_table=twins.table,
        twins=twins.rows,
    )


def _by_composition(table: pd.DataFrame, stats: pd.DataFrame) -> Iterator[Finding]:
    sequence = table["sequence"]
    bases, known = sequence.str.len(), sequence.str.count("[ACGT]")
    numbers: dict[str, tuple[str, pd.Series]] = {
        "length-leak": ("the length of a sequence", bases),
        "unknown-leak": ("the number of N in a sequence", bases - known),
        "gc-gap": ("G+C", sequence.str.count("[CG]") / known.clip(lower=1)),
    }
    mostly_unknown = int((known < bases / 2).sum())
    if mostly_unknown:
        yield warning(
            "mostly-unknown",
            f"{mostly_unknown:,} rows are N or other unknown letters for more than half",
        )
    for split in [s for s in SPLITS if s in set(stats["split"])]:
        rows = (table["split"] == split) & (table["label"] >= 0)
        for code, (what, values) in numbers.items():
            score, surprising = separation(values[rows], table["label"][rows])
            message = f"{what} alone tells the classes apart in {split} (AUROC {score:.2f})"
            if code == "gc-gap":
                means = values[rows].groupby(table["label"][rows]).mean()
                gap = float(means.max() - means.min())
                surprising = surprising and gap > GC_GAP
                message = f"mean G+C differs by {100 * gap:.1f} percentage points between classes in {split}"
            if surprising:
                yield warning(code, message)


def _by_counts(stats: pd.DataFrame, labels: Labels) -> Iterator[Finding]:
    for split in SPLITS:
        rows = stats[(stats["split"] == split) & (stats["label"] >= 0)].set_index("label")["rows"]
        if rows.empty:
            continue
        number, share = int(rows.index[int(rows.to_numpy().argmin())]), rows.min() / rows.sum()
        rarest = number if labels == ZERO_AND_ONE else labels.names[number]
        if len(rows) < 2:
            yield warning("one-class", f"{split} contains only the class {rarest}")
        elif share < RARE * 2 / len(rows):
            yield warning(
                "unequal-classes", f"only {share:.1%} of {split} rows have the label {rarest}"
            )
        if rows.min() < FEW:
            yield warning(
                "few-rows",
                f"rows of the class {rarest} in {split}: only {rows.min():,}; scores will be noisy",
            )


def _by_baseline(found: BaselineScores) -> Iterator[Finding]:
    baseline = found.metrics
    easy = baseline.get("validation/auroc_3mer", 0.0)
    if easy > EASY:
        yield warning(
            "easy",
            f"3-mer counts alone reach a validation AUROC of {easy:.3f}: the negatives differ from "
            "the positives in composition",
        )
    if "test/auroc" in baseline:
        yield info(
            "baseline",
            f"k-mer counts with logistic regression reach a test AUROC of "
            f"{baseline['test/auroc']:.3f} (MCC {baseline['test/mcc']:.3f}): {found.choice}, "
            + (
                f"the best of {found.tried} on validation"
                if found.tried
                else "the default, as validation is too small to choose"
            ),
        )
