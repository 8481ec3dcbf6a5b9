"""Paired tests on the same test rows, and spread over seeds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class DeLongResult(NamedTuple):
    """Two correlated AUROCs compared."""

    auroc_a: float
    auroc_b: float
    difference: float
    """auroc_a - auroc_b."""
    variance: float
    """Of the difference."""
    z: float
    p_value: float
    """Two-sided."""


class BootstrapResult(NamedTuple):
    """Two MCCs on the same rows compared."""

    mcc_a: float
    mcc_b: float
    difference: float
    """mcc_a - mcc_b."""
    low: float
    """Lower end of the 95 % percentile interval of the difference."""
    high: float
    """Upper end."""
    p_value: float
    """Two-sided."""


class Spread(NamedTuple):
    """A metric over seeds."""

    mean: float
    sd: float
    """Sample standard deviation; nan for fewer than two values."""
    num: int
    low: float
    """Lower end of the 95 % t interval of the mean; nan for fewer than two values."""
    high: float


def delong_test(labels: np.ndarray, scores_a: np.ndarray, scores_b: np.ndarray) -> DeLongResult:
    raise NotImplementedError


def bootstrap_mcc(
    labels: np.ndarray,
    predictions_a: np.ndarray,
    predictions_b: np.ndarray,
    *,
    num_resamples: int = 2000,
    seed: int = 0,
) -> BootstrapResult:
    raise NotImplementedError


def benjamini_hochberg(p_values: np.ndarray) -> np.ndarray:
    raise NotImplementedError


def spread(values: np.ndarray) -> Spread:
    raise NotImplementedError
