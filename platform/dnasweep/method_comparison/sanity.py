"""Do explanations depend on the class and the model? Two checks that some methods fail.

The log odds of two classes are the same number with opposite signs, so all evidence for one class is
evidence against the other. A model with shuffled weights has lost everything it learned, so an explanation
that does not change reflects the sequence and not the model (Adebayo et al. 2018).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dnasweep.attribution.intervals import CORRELATION, FRACTION, mean_over
from dnasweep.method_comparison.agreement import spearman
from dnasweep.method_comparison.recovery import EVERY, auroc

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]

FLIP = "other class"
"""Name of the check with the other class; the other checks are named after the shuffled weights."""
COLUMNS = ("check", "method", "num", "mean", "low", "high", "auroc")


def flipped_share(values: Floats, other: Floats) -> Floats:
    """Return the fraction of each row's absolute attribution that changes its sign for the other class, (n,).

    It is 1 if all values change their sign, 0 if none does, and nan if all values are zero.
    """
    size = np.nan_to_num(np.abs(values))
    changed = np.nan_to_num(np.sign(values)) * np.nan_to_num(np.sign(other)) < 0
    total = size.sum(axis=1)
    return np.divide(
        (size * changed).sum(axis=1), total, out=np.full(len(values), np.nan), where=total > 0
    )


def sanity(
    values: Mapping[str, Floats],
    flipped: Mapping[str, Floats],
    randomised: Mapping[str, Mapping[str, Floats]],
    *,
    elements: Mapping[str, Booleans] | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Return the results of the checks.

    Parameters
    ----------
    values
        Attribution of each base by method, each of shape (n, width).
    flipped
        The same for the other class.
    randomised
        The same for models with shuffled weights, by the name of the shuffled part.
    elements
        Bases inside elements, from :func:`~dnasweep.method_comparison.recovery.planted`.
    seed
        Seed of the bootstrap.

    Returns
    -------
    sanity
        One row per check and method: check, method, num, mean, low, high, auroc. For the other class,
        `mean` is the fraction that changes its sign (ideally 1); for shuffled weights, it is the rank
        correlation of importance with that of the intact model (ideally 0), and `auroc` is the
        recovery of elements (ideally 0.5), nan if none are known.
    """
    rows = []
    for method, found in flipped.items():
        share = mean_over(flipped_share(values[method], found), within=FRACTION, seed=seed)
        rows.append({"check": FLIP, "method": method, **share._asdict(), "auroc": np.nan})
    for what, methods in randomised.items():
        for method, found in methods.items():
            alike = mean_over(
                spearman(np.abs(values[method]), np.abs(found)), within=CORRELATION, seed=seed
            )
            area = np.nan
            if elements is not None:
                outside = ~elements[EVERY] & ~np.isnan(found)
                area = mean_over(auroc(found, elements[EVERY], outside), seed=seed).mean
            rows.append({"check": what, "method": method, **alike._asdict(), "auroc": area})
    return pd.DataFrame(rows, columns=list(COLUMNS))
