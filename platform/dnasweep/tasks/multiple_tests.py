"""Adjustment of p-values for multiple tests."""

from __future__ import annotations

import numpy as np
from statsmodels.stats.multitest import multipletests


def benjamini_hochberg(p_values: np.ndarray) -> np.ndarray:
    """Return p-values adjusted for the false discovery rate over the family; nan values remain nan
    and are not counted.

    Notes
    -----
    Y. Benjamini and Y. Hochberg, J. R. Stat. Soc. B 57 (1995), by statsmodels.
    """
    p_values = np.asarray(p_values, dtype=float)
    adjusted = np.full(p_values.shape, np.nan)
    known = np.isfinite(p_values)
    if known.any():
        adjusted[known] = multipletests(p_values[known], method="fdr_bh")[1]
    return adjusted
