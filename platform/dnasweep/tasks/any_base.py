"""The log odds that any base of a row has a class, from those of its bases."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_LINEAR = 40.0
"""Log odds above which log(1 + odds) equals the log odds, to the last digit."""


def any_base(log_odds: Tensor, there: Tensor | None = None) -> Tensor:
    """Return the log odds that any base of a row has a class, assuming independence, (rows,).

    The probability is 1 - prod(1 - p) over the bases, a noisy or (Pearl 1988). Bases that almost
    certainly have the class add their log odds, and bases that almost certainly do not have it add
    nothing. For a single base, the result is its own log odds.

    Parameters
    ----------
    log_odds
        Log odds of each base, shape (rows, bases), float64.
    there
        Whether a row has the base, (rows, bases); None: all rows have all bases.
    """
    # Minus the logarithm of the probability that a base does not have it.
    each = F.softplus(log_odds, threshold=_LINEAR)
    none = (each if there is None else each.where(there, 0.0)).sum(-1)
    return none + (-torch.expm1(-none)).log()
