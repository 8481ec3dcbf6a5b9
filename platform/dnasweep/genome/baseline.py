"""The baseline every model must beat: k-mer counts and logistic regression."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from dnasweep.errors import InputError
from dnasweep.genome.bases import UNKNOWN, FlatCodes, encode_flat

KMER_SIZES = (3, 4, 5)
"""Sizes counted by the baseline."""


def kmer_counts(sequences: Sequence[str], *, ks: Sequence[int] = KMER_SIZES) -> csr_matrix:
    """Return counts of overlapping k-mers, (sequences, sum of 4^k), sparse.

    K-mers with other letters than ACGT are not counted; the reading strand matters.

    Parameters
    ----------
    sequences
        DNA of any lengths.
    ks
        Sizes of k-mers, each at least 1; their columns stand side by side, AA...A first.
    """
    flat = encode_flat(sequences)
    return hstack([_counts(flat, k) for k in ks], format="csr", dtype=np.float64)


def kmer_baseline(
    train_sequences: Sequence[str],
    train_labels: ArrayLike,
    sequences: Sequence[str],
    *,
    ks: Sequence[int] = KMER_SIZES,
    regularisation: float = 1e-3,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Return class probabilities of `sequences` from a logistic regression on k-mer counts.

    Parameters
    ----------
    train_sequences, train_labels
        What the regression is fitted on; labels are small integers from 0.
    sequences
        What it is applied to.
    ks
        Sizes of k-mers.
    regularisation
        Inverse strength (scikit-learn's C) for counts scaled to unit variance.
    seed
        Seeds the solver, where it draws at all.

    Returns
    -------
    (sequences, classes) probabilities; column c is label c, classes = largest training label + 1.

    Raises
    ------
    InputError
        If the training rows hold fewer than two classes.
    """
    labels = np.asarray(train_labels)
    classes = np.unique(labels)
    if len(classes) < 2:
        raise InputError(
            "the training rows hold one class only", remedy="Give rows of both classes."
        )
    scaler = StandardScaler(with_mean=False)
    train = scaler.fit_transform(kmer_counts(train_sequences, ks=ks))
    model = LogisticRegression(C=regularisation, max_iter=300, random_state=seed)
    with warnings.catch_warnings():
        # Stopping early only leaves a baseline a shade weaker; nothing for the person to mend.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(train, labels)
    probabilities = np.zeros((len(sequences), int(classes.max()) + 1))
    if len(sequences):
        found = model.predict_proba(scaler.transform(kmer_counts(sequences, ks=ks)))
        probabilities[:, classes.astype(int)] = found
    return probabilities


def _counts(flat: FlatCodes, k: int) -> csr_matrix:
    num = len(flat.offsets) - 1
    size = len(flat.codes) - k + 1
    shape = (num, 4**k)
    if size <= 0:
        return csr_matrix(shape)
    word = np.zeros(size, dtype=np.int32)
    whole = np.ones(size, dtype=bool)
    for offset in range(k):
        codes = flat.codes[offset : offset + size]
        word = word * 4 + codes
        whole &= codes != UNKNOWN
    owner = np.repeat(np.arange(num), np.diff(flat.offsets))
    whole &= owner[:size] == owner[k - 1 :]
    chosen = np.flatnonzero(whole)
    ones = np.ones(len(chosen), dtype=np.float64)
    counts = csr_matrix((ones, (owner[chosen], word[chosen])), shape=shape)
    counts.sum_duplicates()
    return counts
