"""The attribution of one sequence: one value per token, its bases, and how certain it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dnasweep.errors import InputError

NOT_FINITE = (
    "Its weights may hold nan: train it again, at a lower learning rate if it diverged. Where "
    "--precision is bf16, try fp32."
)
"""Remedy for a model whose output is not a number."""


class Anchor(NamedTuple):
    """The result of a search for an anchor, see :mod:`dnasweep.attribution.anchor_search`."""

    tokens: tuple[int, ...]
    """Its tokens, in the order in which they were added."""
    gains: tuple[float, ...]
    """What each added to the precision."""
    errors: tuple[float, ...]
    """Standard error of each gain."""
    precision: float
    """Share of its own draws that are called like the whole sequence."""
    lower: float
    """Lower bound on its precision; each bound is missed with probability `delta` at most."""
    upper: float
    """Upper bound."""
    coverage: float
    """Share of perturbed sequences that keep its tokens."""
    num_draws: int
    """Draws of the whole search."""
    found: bool
    """Whether the lower bound reaches the threshold; otherwise this is the best set there was."""
    called: bool = True
    """Whether the call that it explains is the class explained."""


class Interactions(NamedTuple):
    """The strongest interactions of pairs of tokens, see :mod:`dnasweep.attribution.interactions`."""

    first: NDArray[np.int64]
    """Number of the first token, (pairs,); the strongest pair comes first."""
    second: NDArray[np.int64]
    """Number of the second token, which stands behind the first."""
    value: NDArray[np.float64]
    """Shapley interaction index, in units of the output explained."""
    standard_error: NDArray[np.float64]
    """Of the values; 0 where they are exact."""
    num_evals: int
    """Evaluations that they took."""


@dataclass(frozen=True, kw_only=True)
class Attribution:
    """Values of one sequence's tokens, special tokens left out."""

    token_ids: NDArray[np.int32]
    """Shape (tokens,)."""
    starts: NDArray[np.int32]
    """First base of each token, from 0."""
    ends: NDArray[np.int32]
    """One past the last base of each token."""
    phi: NDArray[np.float64]
    """Attribution of each token, in units of the output explained (log odds: nats)."""
    standard_error: NDArray[np.float64]
    """Error estimate of each phi; its kind depends on the estimator, nan where it has none. Where
    coalitions are drawn, 1.96 of it to either side of phi are an interval of 95 %, nan stands for
    too few draws to tell, and 0 for a value from all coalitions, which is exact."""
    prediction: float
    """Output for the whole sequence."""
    base_value: float
    """Output with every token left out; nan where values need not add up to it."""
    num_evals: int
    """Evaluations of the model: forward passes, where a backward pass counts as two."""
    called: bool = False
    """Whether the model calls the sequence the class explained: by its own threshold, and by both
    strands where it calls by both."""
    effects: NDArray[np.float64] | None = None
    """What each mutation changes, (bases, 4): the output with A, C, G or T there minus that for the
    sequence, 0 for its own base, nan where the base is none of the four. None where the estimator
    does not mutate."""
    anchor: Anchor | None = None
    """The anchor of its call, where the estimator is `anchors`."""
    interactions: Interactions | None = None
    """Of its tokens, where they were asked for."""

    def check_finite(self, row: int) -> None:
        """Raise `InputError` where a value is not a number; `row` is the sequence's, from 0."""
        wrong = np.flatnonzero(~np.isfinite(self.phi))
        if len(wrong):
            token = int(wrong[0])
            raise InputError(
                f"the attribution of token {token} (bases {self.starts[token]} to "
                f"{self.ends[token]}) is not a finite number",
                row=row + 1,
                remedy=NOT_FINITE,
            )

    @property
    def completeness_error(self) -> float:
        """How far the values miss their sum, |sum of phi - (prediction - base value)|, nan without one."""
        return abs(float(self.phi.sum()) - (self.prediction - self.base_value))


def mean_loss(effects: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how much of the output is lost by mutating each base, mean over the other three bases.

    Parameters
    ----------
    effects
        Effects as in :class:`Attribution`, shape (bases, 4).

    Returns
    -------
    loss
        (bases,); 0 where the base is none of the four, about which nothing is known.
    """
    # Its own base adds 0 to the sum.
    return np.nan_to_num(-effects.sum(axis=1) / 3)
