"""Do explanations depend on what they explain? Two checks that some methods fail.

Of the other of two classes the log odds are the same number with the other sign, so everything that
speaks for one class speaks against the other. And of a model whose weights were shuffled nothing
learnt is left, so what looks as before shows the sequence and not the model (Adebayo et al. 2018).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dnasweep.attribution.intervals import mean_over
from dnasweep.method_comparison.agreement import spearman
from dnasweep.method_comparison.recovery import EVERY, auroc

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]

FLIP = "other class"
"""The check of the label; all others are named by what was shuffled."""
COLUMNS = ("check", "method", "num", "mean", "low", "high", "auroc")


def flipped_share(values: Floats, other: Floats) -> Floats:
    """Return how much of each row's attribution changes its sign for the other class, (n,).

    By size: 1 where everything does, 0 where nothing does; nan where all is zero.
    """
    size = np.nan_to_num(np.abs(values))
    turned = np.nan_to_num(np.sign(values)) * np.nan_to_num(np.sign(other)) < 0
    total = size.sum(axis=1)
    return np.divide(
        (size * turned).sum(axis=1), total, out=np.full(len(values), np.nan), where=total > 0
    )


def sanity(
    values: Mapping[str, Floats],
    flipped: Mapping[str, Floats],
    randomised: Mapping[str, Mapping[str, Floats]],
    *,
    elements: Mapping[str, Booleans] | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Return what the checks come to.

    Parameters
    ----------
    values
        Attribution of each base by method, (n, width).
    flipped
        The same of the other class.
    randomised
        The same of models with shuffled weights, by what was shuffled.
    elements
        Bases inside elements, as :func:`~dnasweep.method_comparison.recovery.planted` returns them.
    seed
        Of the bootstrap.

    Returns
    -------
    sanity
        A row a check and method: check, method, num, mean, low, high, auroc. `mean` is the share
        that changes its sign for the check of the label (1 is right), else the rank correlation of
        importance with that of the model as it is (0 is right); `auroc` is the recovery of elements
        by the model with shuffled weights (0.5 is right), nan where none are known.
    """
    rows = []
    for method, found in flipped.items():
        share = mean_over(flipped_share(values[method], found), seed=seed)
        rows.append({"check": FLIP, "method": method, **share._asdict(), "auroc": np.nan})
    for what, methods in randomised.items():
        for method, found in methods.items():
            alike = mean_over(spearman(np.abs(values[method]), np.abs(found)), seed=seed)
            area = np.nan
            if elements is not None:
                outside = ~elements[EVERY] & ~np.isnan(found)
                area = mean_over(auroc(found, elements[EVERY], outside), seed=seed).mean
            rows.append({"check": what, "method": method, **alike._asdict(), "auroc": area})
    return pd.DataFrame(rows, columns=list(COLUMNS))
