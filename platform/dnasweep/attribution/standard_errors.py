"""Standard errors from few draws, as wide as their intervals have to be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

NORMAL = float(stats.norm.ppf(0.975))
"""Standard errors on either side of a value that make its 95 % interval."""


def widening(freedom: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Return by what a standard error from few draws is multiplied, so that `NORMAL` fits it.

    An interval of a mean has as many standard errors to either side as Student's distribution says:
    12.7 with one degree of freedom, 2.3 with nine, 1.96 with very many. Standard errors are given
    so widened, that 1.96 of them make an interval of 95 % whatever they come from. nan where there
    is no degree of freedom.
    """
    found: NDArray[np.float64] = stats.t.ppf(0.975, np.asarray(freedom, float)) / NORMAL
    return found
