"""What could make a model look better than it is, found before anything is trained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import pandas as pd

from dnasweep.data.baseline import score_baseline
from dnasweep.data.clustering import SimilarPairs, similar_pairs
from dnasweep.data.composition import composition, separation
from dnasweep.data.duplicates import pair_strands
from dnasweep.data.leaks import Leak, across_species, conflicting_labels, leaks
from dnasweep.data.table import SPLITS

READ_AS = "read-as"
"""Code of findings that say how files were understood."""
EASY = 0.9
"""AUROC of 3-mer counts above which classes are too easy to tell apart to compare models on."""
GC_GAP = 0.05
"""Difference of mean G+C fractions between classes worth a warning."""
RARE = 0.2
"""Share of a class among the rows of a split below which it is called rare."""
FEW = 20
"""Rows of a class in a split below which its scores are mostly noise."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing found."""

    level: Literal["info", "warning"]
    """How much it matters."""
    code: str
    """A short name that stays the same, such as `near-leak`."""
    message: str
    """One sentence for a person."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Audit:
    """The findings of an audit and the numbers behind them."""

    findings: tuple[Finding, ...]
    """What was found, warnings first."""
    table: pd.DataFrame
    """A row a split and class: split, label, rows, shortest, median and longest (bases), gc (mean
    fraction), cpg (observed over expected, all bases together), unknown (fraction of letters that
    are not A, C, G or T), species (number)."""
    baseline: dict[str, float] = field(default_factory=dict)
    """Scores of k-mer counts with logistic regression fitted on train: `validation/auroc`,
    `validation/mcc`, `test/auroc`, `test/mcc`, `threshold` (chosen on validation) and
    `validation/auroc_3mer`; those that can be computed."""
    scores: pd.DataFrame = field(default_factory=pd.DataFrame)
    """Probabilities of that baseline for validation and test rows: id, split, label,
    probability_0, probability_1, ..."""

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings that are warnings."""
        return tuple(f for f in self.findings if f.level == "warning")

    def lines(self) -> list[str]:
        """Return the findings as lines of text, warnings first."""
        return [f"{finding.level}: {finding.message}" for finding in self.findings]

    def to_json(self) -> dict[str, Any]:
        """Return all but the scores as plain JSON types; `from_json` reads it."""
        return {
            "findings": [asdict(f) for f in self.findings],
            "table": self.table.to_dict(orient="records"),
            "baseline": self.baseline,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any], scores: pd.DataFrame | None = None) -> Audit:
        """Return the audit that `to_json` wrote; scores are kept apart, in Parquet."""
        return cls(
            findings=tuple(Finding(**f) for f in data["findings"]),
            table=pd.DataFrame(data["table"]),
            baseline=dict(data["baseline"]),
            scores=pd.DataFrame() if scores is None else scores,
        )


def audit(
    table: pd.DataFrame,
    *,
    identity: float = 0.8,
    seed: int = 0,
    pairs: SimilarPairs | None = None,
) -> Audit:
    """Return what could mislead in a table with splits.

    Parameters
    ----------
    table
        Sequences in their splits; rows with unknown labels count in duplicates only.
    identity
        Smallest identity of near duplicates, 0.7 to 1.
    seed
        Seeds the search for near duplicates and the baseline.
    pairs
        The result of :func:`similar_pairs` for these rows and this identity, if it is at hand.
    """
    if pairs is None:
        pairs = similar_pairs(table["sequence"].tolist(), identity=identity, seed=seed)
    stats = composition(table)
    scores, baseline = score_baseline(table, seed=seed)
    findings = [
        *_by_composition(table, stats),
        *_by_counts(stats),
        *_by_likeness(table, pairs, identity),
        *_by_baseline(baseline),
    ]
    findings.sort(key=lambda finding: finding.level != "warning")
    return Audit(findings=tuple(findings), table=stats, baseline=baseline, scores=scores)


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
        yield Finding(
            level="warning",
            code="mostly-unknown",
            message=f"{mostly_unknown:,} rows are N or other unknown letters for more than half",
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
                message = f"mean G+C differs by {gap:.1%} between classes in {split}"
            if surprising:
                yield Finding(level="warning", code=code, message=message)


def _by_counts(stats: pd.DataFrame) -> Iterator[Finding]:
    for split in SPLITS:
        rows = stats[(stats["split"] == split) & (stats["label"] >= 0)].set_index("label")["rows"]
        if rows.empty:
            continue
        rarest = rows.idxmin()
        if len(rows) < 2:
            yield Finding(
                level="warning",
                code="one-class",
                message=f"{split} holds only the class {rarest}",
            )
        elif rows.min() / rows.sum() < RARE * 2 / len(rows):
            yield Finding(
                level="warning",
                code="unequal-classes",
                message=f"only {rows.min() / rows.sum():.1%} of {split} rows have the label {rarest}",
            )
        if rows.min() < FEW:
            yield Finding(
                level="warning",
                code="few-rows",
                message=f"rows of the class {rarest} in {split}: only {rows.min():,}; scores will be noisy",
            )


def _by_likeness(table: pd.DataFrame, pairs: SimilarPairs, identity: float) -> Iterator[Finding]:
    for leak in leaks(table, pairs):
        yield Finding(level="warning", code=f"{leak.kind}-leak", message=_told(leak, identity))
    labelled = table[table["label"] >= 0]
    if len(labelled):
        yield from _by_labels(labelled)
    strands = pair_strands(table["sequence"])
    copies = int(pd.Series(strands.molecule).duplicated().sum())
    if copies:
        reverse = copies - int(pd.Series(strands.reading).duplicated().sum())
        turned = f", {reverse:,} of them on the other strand" if reverse else ""
        yield Finding(
            level="info",
            code="duplicates",
            message=f"{copies:,} of {len(table):,} rows repeat the sequence of an earlier row{turned}",
        )
    shared = across_species(table, pairs)
    if shared.num_clusters:
        apart = "none" if not shared.num_apart else f"{shared.num_apart:,}"
        yield Finding(
            level="warning" if shared.num_apart else "info",
            code="across-species",
            message=f"{shared.num_rows:,} rows have a like in another species at {identity:.0%} "
            f"identity; of their {shared.num_clusters:,} clusters {apart} straddle splits",
        )


def _told(leak: Leak, identity: float) -> str:
    how = {
        "exact": f"are also in {leak.other}",
        "near": f"have a like of {identity:.0%} identity in {leak.other}",
        "overlap": f"overlap rows of {leak.other} on the genome",
    }[leak.kind]
    turned = f", {leak.num_reverse:,} of them on the other strand" if leak.num_reverse else ""
    return f"{leak.num_rows:,} {leak.split} rows {how}{turned} (first {leak.first_id})"


def _by_labels(labelled: pd.DataFrame) -> Iterator[Finding]:
    conflicts = conflicting_labels(labelled)
    if conflicts.num_sequences:
        yield Finding(
            level="warning",
            code="conflicting-labels",
            message=f"{conflicts.num_sequences:,} sequences have more than one label "
            f"(first {conflicts.first_id})",
        )
    if conflicts.num_reverse:
        yield Finding(
            level="warning",
            code="conflicting-strands",
            message=f"{conflicts.num_reverse:,} sequences have one label and their reverse "
            f"complements another (first {conflicts.first_reverse_id}): what reads both strands "
            "cannot tell them apart",
        )


def _by_baseline(baseline: dict[str, float]) -> Iterator[Finding]:
    easy = baseline.get("validation/auroc_3mer", 0.0)
    if easy > EASY:
        yield Finding(
            level="warning",
            code="easy",
            message=f"3-mer counts alone reach a validation AUROC of {easy:.3f}: the negatives differ "
            "from the positives in composition",
        )
    if "test/auroc" in baseline:
        yield Finding(
            level="info",
            code="baseline",
            message=f"k-mer counts with logistic regression reach a test AUROC of "
            f"{baseline['test/auroc']:.3f} (MCC {baseline['test/mcc']:.3f})",
        )
