"""Linear models of the k-mer baseline, one for each kind of label, and their scores for tuning."""

from __future__ import annotations

import warnings
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import r2_score, roc_auc_score

from dnasweep.errors import InputError

Counts: TypeAlias = "csr_matrix | NDArray[np.float64]"
"""Scaled counts, (sequences, k-mers)."""


class Learner(Protocol):
    """A model to fit on the counts, with its score for tuning."""

    strengths: tuple[float, ...]
    """Inverse regularisations that are tried, strongest first, for counts scaled to unit variance."""

    def fit(self, counts: Counts, strength: float, *, max_iter: int) -> Any:
        """Fit the training labels on their scaled counts, starting from the last fit.

        Parameters
        ----------
        counts
            Scaled counts of the training rows.
        strength
            Inverse regularisation strength.
        max_iter
            Maximum number of steps.
        """
        ...

    def predict(self, counts: Counts) -> NDArray[np.float64]:
        """Return predictions of the last fit for scaled counts, one row per sequence."""
        ...

    def score(self, labels: NDArray[Any], predicted: NDArray[np.float64]) -> float:
        """Return the score of predictions, larger is better; nan if it is undefined.

        Parameters
        ----------
        labels
            True labels, (n,) or (n, outputs).
        predicted
            Predictions of :meth:`predict` for these rows.
        """
        ...


class Classes:
    """Logistic regression, scored by AUROC; for several classes, the mean of each against the rest."""

    strengths: tuple[float, ...] = (1e-4, 1e-3, 1e-2)

    def __init__(self, labels: ArrayLike) -> None:
        self.labels = np.asarray(labels)
        self.classes = np.unique(self.labels).astype(int)
        if len(self.classes) < 2:
            raise InputError(
                "the training rows have only one class", remedy="Give rows of both classes."
            )
        self.model = LogisticRegression(warm_start=True)

    def fit(self, counts: Counts, strength: float, *, max_iter: int) -> None:
        """Fit the training labels on their scaled counts, starting from the last fit.

        Parameters
        ----------
        counts
            Scaled counts of the training rows.
        strength
            Inverse regularisation strength.
        max_iter
            Maximum number of steps.
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
        """Return the AUROC; nan for rows of a single class.

        Parameters
        ----------
        labels
            Class numbers, shape (n,).
        predicted
            (n, classes) probabilities.
        """
        return mean_auroc(labels, predicted)


class SeveralLabels:
    """Logistic regression for each label of a row, scored by the mean AUROC."""

    strengths: tuple[float, ...] = Classes.strengths

    def __init__(self, labels: ArrayLike) -> None:
        self.labels = np.asarray(labels).astype(int)
        # The rows used for tuning may lack a rare label.
        self.columns = [
            Classes(column) if len(np.unique(column)) > 1 else None for column in self.labels.T
        ]

    def fit(self, counts: Counts, strength: float, *, max_iter: int) -> None:
        """Fit every label on the scaled counts of the training rows, starting from the last fit.

        Parameters
        ----------
        counts
            Scaled counts of the training rows.
        strength
            Inverse regularisation strength.
        max_iter
            Maximum number of steps.
        """
        for column in self.columns:
            if column is not None:
                column.fit(counts, strength, max_iter=max_iter)

    def predict(self, counts: Counts) -> NDArray[np.float64]:
        """Return the probability of each label, (sequences, labels)."""
        found = np.tile(self.labels[:1].astype(float), (counts.shape[0], 1))
        for number, column in enumerate(self.columns):
            if column is not None:
                found[:, number] = column.predict(counts)[:, 1]
        return found

    def score(self, labels: NDArray[Any], predicted: NDArray[np.float64]) -> float:
        """Return the mean AUROC of the labels that are present in some rows and absent in others.

        Parameters
        ----------
        labels
            0 or 1, (n, labels).
        predicted
            (n, labels) probabilities.
        """
        varies = [one for one in range(labels.shape[1]) if len(np.unique(labels[:, one])) > 1]
        return float(np.mean([roc_auc_score(labels[:, one], predicted[:, one]) for one in varies]))


class Numbers:
    """Ridge regression of one or several outputs, scored by the mean R2."""

    strengths: tuple[float, ...] = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)

    def __init__(self, labels: ArrayLike) -> None:
        targets = np.asarray(labels, dtype=np.float64)
        self.mean, spread = targets.mean(axis=0), targets.std(axis=0)
        self.spread = np.where(spread > 0, spread, 1.0)
        self.scaled = (targets - self.mean) / self.spread
        # The only solver for sparse counts that fits an intercept and uses no random numbers.
        self.model = Ridge(solver="sparse_cg", tol=1e-5)

    def fit(self, counts: Counts, strength: float, *, max_iter: int) -> None:
        """Fit the outputs, each scaled, on the scaled counts of the training rows.

        Parameters
        ----------
        counts
            Scaled counts of the training rows.
        strength
            Inverse regularisation, 1 / alpha of scikit-learn.
        max_iter
            Maximum number of steps.
        """
        self.model.set_params(alpha=1 / strength, max_iter=max_iter)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.model.fit(counts, self.scaled)

    def predict(self, counts: Counts) -> NDArray[np.float64]:
        """Return the outputs in the units of the labels, (sequences, outputs)."""
        if not counts.shape[0]:
            return np.zeros((0, self.scaled.shape[1]))
        found = self.model.predict(counts).reshape(-1, self.scaled.shape[1])
        return np.asarray(found * self.spread + self.mean)

    def score(self, labels: NDArray[Any], predicted: NDArray[np.float64]) -> float:
        """Return the mean R2 over the outputs.

        Parameters
        ----------
        labels
            (n, outputs).
        predicted
            (n, outputs).
        """
        return float(r2_score(labels, predicted))


def mean_auroc(labels: NDArray[Any], probabilities: NDArray[np.float64]) -> float:
    """Return the AUROC of two classes, or the mean AUROC of each class against the rest.

    Parameters
    ----------
    labels
        Class numbers, (n,); nan is returned if there is only one class.
    probabilities
        (n, classes).
    """
    present = np.unique(labels)
    if len(present) < 2:
        return float("nan")
    if probabilities.shape[1] == 2:
        return float(roc_auc_score(labels, probabilities[:, 1]))
    return float(np.mean([roc_auc_score(labels == c, probabilities[:, c]) for c in present]))
