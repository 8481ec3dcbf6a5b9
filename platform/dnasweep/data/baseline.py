"""The baseline every model must beat: k-mer counts and a linear model.

It is tuned like a model: k-mer sizes, strands and the strength of regularisation are chosen on validation
rows. Test rows are never used for tuning.

The model fitted on the counts, and the score for tuning it, are given by a
:class:`~dnasweep.data.learners.Learner`, one for each kind of label.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.preprocessing import StandardScaler

from dnasweep.data.kmer_counts import kmer_counts
from dnasweep.data.learners import Classes, Counts, Learner

SIZES: tuple[tuple[int, ...], ...] = ((3, 4, 5), (3,), (4,), (5,), (6,))
"""K-mer sizes that are tried, together or alone."""
SEARCHED = 3000
"""Maximum number of training rows, and of validation rows, for tuning; the choice is fitted on all rows."""
FEWEST = 50
"""Minimum number of validation rows for tuning; with fewer, the best of thirty candidates would be chance."""
MOST_BASES = 60_000_000
"""Maximum number of training bases for fitting (200,000 rows of 300); beyond it, rows are sampled."""
_DENSE = 16_000_000


class KmerChoice(NamedTuple):
    """K-mers and regularisation of a baseline; the defaults are used if it cannot be tuned."""

    ks: tuple[int, ...] = SIZES[0]
    """K-mer sizes."""
    both_strands: bool = False
    """Whether a k-mer and its reverse complement count as one."""
    strength: float = 1e-3
    """Inverse regularisation: C of scikit-learn's logistic regression, 1 / alpha of its ridge regression."""

    def __str__(self) -> str:
        """Return a description in words."""
        sizes = f"{self.ks[0]}-" if len(self.ks) == 1 else f"{self.ks[0]}- to {self.ks[-1]}-"
        strands = "both strands" if self.both_strands else "one strand"
        return f"{sizes}mers of {strands}, C {self.strength:g}"


class Choices(NamedTuple):
    """Result of tuning the baseline."""

    best: KmerChoice
    """The best choice on validation; the default if there are too few rows."""
    scores: dict[KmerChoice, float]
    """The validation score of each candidate; empty if none was tried."""


def choose_baseline(
    train_sequences: Sequence[str],
    train_labels: ArrayLike,
    sequences: Sequence[str],
    labels: ArrayLike,
    *,
    kind: Callable[[NDArray[Any]], Learner] = Classes,
    seed: int = 0,
) -> Choices:
    """Return which k-mers and which regularisation are best on validation rows.

    At most 3,000 training and 3,000 validation rows are drawn. Ties are resolved in favour of the first
    candidate; the default comes first.

    Parameters
    ----------
    train_sequences, train_labels
        Training rows for fitting candidates; labels are integers starting at 0, or numbers of shape
        (rows, outputs).
    sequences, labels
        Validation rows for scoring candidates. With fewer than 50 rows, or only one label, the default is
        returned.
    kind
        Creates the learner from the training labels.
    seed
        Seed of the draws.
    """
    targets = np.asarray(labels)
    if len(targets) < FEWEST or len(np.unique(targets, axis=0)) < 2:
        return Choices(KmerChoice(), {})
    fitted = _draw(np.asarray(train_labels), seed)
    judged = _draw(targets, seed + 1)
    known = np.asarray(train_labels)[fitted]
    texts = [train_sequences[row] for row in fitted]
    others = [sequences[row] for row in judged]
    found: dict[KmerChoice, float] = {}
    for ks in SIZES:
        for both_strands in (False, True):
            learner = kind(known)
            train, held = _scaled(texts, others, ks, both_strands)
            for strength in learner.strengths:
                learner.fit(train, strength, max_iter=60)
                score = learner.score(targets[judged], learner.predict(held))
                found[KmerChoice(ks, both_strands, strength)] = score
    default = KmerChoice()
    return Choices(max((default, *found), key=lambda choice: found[choice]), found)


def _draw(labels: NDArray[Any], seed: int) -> NDArray[np.int64]:
    """Return the rows used for tuning, in order: a sample that includes a row of every class."""
    order = np.random.default_rng(seed).permutation(len(labels))
    rows = order[:SEARCHED]
    if np.issubdtype(labels.dtype, np.integer):
        rows = np.union1d(rows, order[np.unique(labels[order], return_index=True)[1]])
    return np.sort(rows)


def kmer_baseline(
    train_sequences: Sequence[str],
    train_labels: ArrayLike,
    sequences: Sequence[str],
    *,
    choice: KmerChoice | None = None,
    kind: Callable[[NDArray[Any]], Learner] = Classes,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Return predictions of a linear model on k-mer counts for `sequences`, by default probabilities.

    Parameters
    ----------
    train_sequences, train_labels
        Rows for fitting; labels are integers starting at 0, or numbers of shape (rows, outputs).
    sequences
        Sequences to predict.
    choice
        Choice of k-mers, see :func:`choose_baseline`; None uses the default.
    kind
        Creates the learner from the training labels; learners other than the default may predict
        values that are not probabilities.
    seed
        Seed for sampling training rows if there are more than 60 million bases.

    Returns
    -------
    (sequences, classes) probabilities; column c is label c, classes = largest training label + 1.

    Raises
    ------
    InputError
        If the training rows contain fewer than two classes.
    """
    ks, both_strands, strength = choice or KmerChoice()
    texts, known = _at_most(train_sequences, np.asarray(train_labels), seed)
    learner = kind(known)
    train, others = _scaled(texts, sequences, ks, both_strands)
    learner.fit(train, strength, max_iter=300)
    return learner.predict(others)


def _scaled(
    train: Sequence[str], others: Sequence[str], ks: tuple[int, ...], both_strands: bool
) -> tuple[Counts, Counts]:
    """Return the counts of training and other rows, scaled to unit variance in the training rows.

    For few k-mers a dense matrix is faster than a sparse one. It is also centred, so the fit needs fewer
    steps; since the intercept is free, the solution is the same.
    """
    fitted = kmer_counts(train, ks=ks, both_strands=both_strands)
    applied = kmer_counts(others, ks=ks, both_strands=both_strands)
    cells = fitted.shape[0] * fitted.shape[1]
    dense = cells <= _DENSE and fitted.nnz > cells / 10
    scaler = StandardScaler(with_mean=dense)
    train_counts, other_counts = (
        (fitted.toarray(), applied.toarray()) if dense else (fitted, applied)
    )
    scaled = scaler.fit_transform(train_counts)
    return scaled, scaler.transform(other_counts) if len(others) else other_counts


def _at_most(
    sequences: Sequence[str], labels: NDArray[Any], seed: int
) -> tuple[Sequence[str], NDArray[Any]]:
    """Return all rows, or a random sample with `MOST_BASES` bases if there are more."""
    widths = np.fromiter(map(len, sequences), dtype=np.int64, count=len(sequences))
    if widths.sum() <= MOST_BASES:
        return sequences, labels
    order = np.random.default_rng(seed).permutation(len(sequences))
    rows = np.sort(order[np.cumsum(widths[order]) <= MOST_BASES])
    return [sequences[row] for row in rows], labels[rows]
