"""The baseline for classes of bases: logistic regression on the bases around each base.

It is tuned like a model: the number of surrounding bases and the strength of regularisation are chosen on
validation rows. With few surrounding bases it is a position weight matrix, the usual description of a
splice site, fitted to distinguish the classes.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.special import softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

from dnasweep.formats.bases import UNKNOWN, encode

FLANKS = (5, 15, 40)
"""Numbers of bases on either side that are tried."""
STRENGTHS = (0.01, 1.0)
"""Inverse regularisations that are tried."""
MOST_BASES = 40_000
"""Maximum number of bases for fitting: rare classes are kept, other classes are sampled."""
MOST_ROWS = 500
"""Maximum number of validation rows used for tuning."""
_LETTERS = 4


class _Fit(NamedTuple):
    """Weights of the bases around a base."""

    weights: NDArray[np.float64]
    """(positions, 5, classes); 0 for an unknown base, and for one outside the sequence."""
    bias: NDArray[np.float64]
    """(classes,)."""

    def probabilities(self, codes: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return the probability of each class at each base of a sequence, (bases, classes)."""
        flank = len(self.weights) // 2
        padded = np.pad(codes, flank, constant_values=UNKNOWN)
        logits = np.tile(self.bias, (len(codes), 1))
        for place, weights in enumerate(self.weights):
            logits += weights[padded[place : place + len(codes)]]
        return np.asarray(softmax(logits, axis=1))


def base_baseline(
    sequences: Sequence[str],
    targets: NDArray[np.integer],
    others: Sequence[str],
    *,
    num_classes: int,
    wanted: Sequence[int],
    chosen_on: tuple[Sequence[str], NDArray[np.integer]] | None = None,
) -> NDArray[np.float64]:
    """Return predictions of the baseline, (others, bases of the longest x classes), 0 beyond the end.

    Parameters
    ----------
    sequences, targets
        Training rows and their class numbers, (rows, bases), negative beyond the end.
    others
        Sequences to predict.
    num_classes
        Number of classes.
    wanted
        Classes over which average precision is averaged for tuning.
    chosen_on
        Validation rows; None uses the widest window.
    """
    drawn = _draw(targets, num_classes)
    codes = [encode(one) for one in sequences]
    tried = [(flank, strength) for flank in FLANKS for strength in STRENGTHS]
    if chosen_on is None or not len(chosen_on[0]):
        tried = tried[-1:]
    fits = [_fit(codes, targets, drawn, *one, num_classes) for one in tried]
    best = fits[0]
    if len(fits) > 1:
        assert chosen_on is not None
        rows = np.random.default_rng(0).permutation(len(chosen_on[0]))[:MOST_ROWS]
        held = [encode(chosen_on[0][row]) for row in rows]
        known = chosen_on[1][rows]
        best = max(fits, key=lambda fit: _score(fit, held, known, wanted))
    longest = max(map(len, others), default=0)
    found = np.zeros((len(others), longest, num_classes))
    for row, sequence in enumerate(others):
        found[row, : len(sequence)] = best.probabilities(encode(sequence))
    return found.reshape(len(others), -1)


class _Drawn(NamedTuple):
    """Bases used for fitting."""

    rows: NDArray[np.int64]
    places: NDArray[np.int64]
    log_shares: NDArray[np.float64]
    """Log of the sampled fraction of each class, (classes,); 0 for classes kept completely or absent."""


def _draw(targets: NDArray[np.integer], num_classes: int) -> _Drawn:
    generator = np.random.default_rng(0)
    rows, places = np.nonzero(targets >= 0)
    classes = targets[rows, places]
    counts = np.bincount(classes, minlength=num_classes)
    chosen, log_shares, left = [], np.zeros(num_classes), MOST_BASES
    for done, one in enumerate(np.argsort(counts, kind="stable")):
        own = np.flatnonzero(classes == one)
        few = left // (num_classes - done)
        if len(own) > few:
            log_shares[one] = np.log(few / len(own))
            own = generator.choice(own, few, replace=False)
        left -= len(own)
        chosen.append(own)
    every = np.sort(np.concatenate(chosen))
    return _Drawn(rows[every], places[every], log_shares)


def _fit(
    codes: Sequence[NDArray[np.uint8]],
    targets: NDArray[np.integer],
    drawn: _Drawn,
    flank: int,
    strength: float,
    num_classes: int,
) -> _Fit:
    width = 2 * flank + 1
    around = np.empty((len(drawn.rows), width), dtype=np.uint8)
    for row in np.unique(drawn.rows):
        mine = slice(*_bounds(drawn.rows, row))
        padded = np.pad(codes[row], flank, constant_values=UNKNOWN)
        around[mine] = padded[drawn.places[mine][:, None] + np.arange(width)]
    known = around < _LETTERS
    columns = (np.arange(width) * _LETTERS + around)[known]
    starts = np.concatenate([[0], np.cumsum(known.sum(axis=1))])
    shape = (len(around), width * _LETTERS)
    features = csr_matrix((np.ones(len(columns)), columns, starts), shape=shape)
    labels = targets[drawn.rows, drawn.places].astype(int)
    model = LogisticRegression(C=strength, max_iter=200)
    with warnings.catch_warnings():
        # Stopping early only makes the baseline slightly weaker; the user need not do anything.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(features, labels)
    coefficients, intercept = model.coef_, model.intercept_
    if len(model.classes_) == 2:
        coefficients, intercept = (
            np.stack([np.zeros_like(x[0]), x[0]]) for x in (coefficients, intercept)
        )
    weights = np.zeros((width, _LETTERS + 1, num_classes))
    present = model.classes_
    weights[:, :_LETTERS, present] = coefficients.T.reshape(width, _LETTERS, -1)
    # Classes absent from the training rows have probability 0; the intercepts of sampled classes are
    # corrected to their frequency in the training rows (G. King and L. Zeng, Polit. Anal. 9, 2001).
    bias = np.full(num_classes, -1e9)
    bias[present] = intercept - drawn.log_shares[present]
    return _Fit(weights, bias)


def _bounds(rows: NDArray[np.int64], row: int) -> tuple[int, int]:
    """Return the first index and the end of a row in sorted row numbers."""
    return int(np.searchsorted(rows, row)), int(np.searchsorted(rows, row, side="right"))


def _score(
    fit: _Fit,
    held: Sequence[NDArray[np.uint8]],
    known: NDArray[np.integer],
    wanted: Sequence[int],
) -> float:
    found = np.concatenate([fit.probabilities(codes) for codes in held])
    classes = np.concatenate([row[: len(c)] for row, c in zip(known, held, strict=True)])
    scores = [
        average_precision_score(classes == one, found[:, one])
        for one in wanted
        if (classes == one).any()
    ]
    return float(np.mean(scores)) if scores else 0.0
