"""Linear models that the k-mer baseline fits, one for each kind of labels, and what they are judged by."""

from __future__ import annotations

import warnings
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from dnasweep.errors import InputError

Counts: TypeAlias = "csr_matrix | NDArray[np.float64]"
"""Scaled counts, (sequences, k-mers)."""


class Learner(Protocol):
    """What is fitted on the counts, and what it is judged by."""

    def fit(self, counts: Counts, strength: float, *, max_iter: int) -> Any:
        """Fit the training labels on their scaled counts, going on from the last fit.

        Parameters
        ----------
        counts
            Of the training rows, scaled.
        strength
            Inverse regularisation.
        max_iter
            Most steps.
        """
        ...

    def predict(self, counts: Counts) -> NDArray[np.float64]:
        """Return what the last fit says of scaled counts, one row per sequence."""
        ...

    def score(self, labels: NDArray[Any], predicted: NDArray[np.float64]) -> float:
        """Return how good that is, larger is better; nan where it cannot be told.

        Parameters
        ----------
        labels
            True labels, (n,).
        predicted
            What :meth:`predict` returned for these rows.
        """
        ...


class Classes:
    """Logistic regression, judged by AUROC: of two classes, or the mean of each against the rest."""

    def __init__(self, labels: ArrayLike) -> None:
        self.labels = np.asarray(labels)
        self.classes = np.unique(self.labels).astype(int)
        if len(self.classes) < 2:
            raise InputError(
                "the training rows hold one class only", remedy="Give rows of both classes."
            )
        self.model = LogisticRegression(warm_start=True)

    def fit(self, counts: Counts, strength: float, *, max_iter: int) -> None:
        """Fit the training labels on their scaled counts, going on from the last fit.

        Parameters
        ----------
        counts
            Of the training rows, scaled.
        strength
            Inverse regularisation.
        max_iter
            Most steps.
        """
        self.model.set_params(C=strength, max_iter=max_iter)
        with warnings.catch_warnings():
            # Stopping early only makes the baseline slightly weaker; the user need not do anything.
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.model.fit(counts, self.labels)

    def predict(self, counts: Counts) -> NDArray[np.float64]:
        """Return probabilities, (sequences, largest training label + 1)."""
        probabilities = np.zeros((counts.shape[0], int(self.classes.max()) + 1))
        if counts.shape[0]:
            probabilities[:, self.classes] = self.model.predict_proba(counts)
        return probabilities

    def score(self, labels: NDArray[Any], predicted: NDArray[np.float64]) -> float:
        """Return the AUROC; nan for rows of one class.

        Parameters
        ----------
        labels
            Class numbers, (n,).
        predicted
            (n, classes) probabilities.
        """
        return mean_auroc(labels, predicted)


def mean_auroc(labels: NDArray[Any], probabilities: NDArray[np.float64]) -> float:
    """Return the AUROC of two classes, or the mean over classes of each against the rest.

    Parameters
    ----------
    labels
        Class numbers, (n,); nan is returned if there is one class only.
    probabilities
        (n, classes).
    """
    present = np.unique(labels)
    if len(present) < 2:
        return float("nan")
    if probabilities.shape[1] == 2:
        return float(roc_auc_score(labels, probabilities[:, 1]))
    return float(np.mean([roc_auc_score(labels == c, probabilities[:, c]) for c in present]))
