"""Enrichment of k-mers or motifs among the sequences of a class, with p and q values."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom

from dnasweep.tasks.multiple_tests import benjamini_hochberg


class Enrichment(NamedTuple):
    """Tests of whether sequences of the class have each k-mer or motif more often."""

    p_values: NDArray[np.float64]
    """One-sided hypergeometric p-value of at least as many sequences of the class among those with it."""
    q_values: NDArray[np.float64]
    """Adjusted p-values (Benjamini-Hochberg)."""


def enrichment(
    with_it: NDArray[np.int64], positives_with_it: NDArray[np.int64], num: int, num_positive: int
) -> Enrichment:
    """Test whether k-mers or motifs are more frequent in the class: Fisher's exact test, one-sided.

    Parameters
    ----------
    with_it
        Number of sequences of either class that have each k-mer or motif, shape (k,).
    positives_with_it
        Number of sequences of the class among them, shape (k,).
    num, num_positive
        Number of all sequences, and of sequences of the class.

    Examples
    --------
    >>> found = enrichment(np.array([10, 10]), np.array([9, 5]), num=100, num_positive=50)
    >>> found.p_values.round(4).tolist()
    [0.0078, 0.6297]
    """
    p_values = hypergeom.sf(positives_with_it - 1, num, num_positive, with_it)
    return Enrichment(p_values, benjamini_hochberg(p_values))
