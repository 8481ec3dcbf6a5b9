"""The attribution of one sequence: one value per token, with its bases and standard error."""

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
    """Tokens of the anchor, in the order in which they were added."""
    gains: tuple[float, ...]
    """Gain in precision by each token."""
    errors: tuple[float, ...]
    """Standard error of each gain."""
    precision: float
    """Fraction of the anchor's draws that are called like the whole sequence."""
    lower: float
    """Lower bound on the precision; each bound is missed with a probability of at most `delta`."""
    upper: float
    """Upper bound on the precision."""
    coverage: float
    """Fraction of perturbed sequences that keep the anchor's tokens."""
    num_draws: int
    """Number of draws in the whole search."""
    found: bool
    """Whether the lower bound reaches the threshold; otherwise this is the best set found."""
    called: bool = True
    """Whether the explained call is the class explained."""


class Interactions(NamedTuple):
    """The strongest interactions of pairs of tokens, see :mod:`dnasweep.attribution.interactions`."""

    first: NDArray[np.int64]
    """Number of the first token, (pairs,); the strongest pair comes first."""
    second: NDArray[np.int64]
    """Number of the second token, which comes after the first."""
    value: NDArray[np.float64]
    """Shapley interaction index, in units of the output explained."""
    standard_error: NDArray[np.float64]
    """Standard error of each value; 0 if it is exact."""
    num_evals: int
    """Number of evaluations spent on the interactions."""


@dataclass(frozen=True, kw_only=True)
class Attribution:
    """Attribution values of the tokens of one sequence, without special tokens."""

    token_ids: NDArray[np.int32]
    """Id of each token, (tokens,)."""
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
    """Output without any token; nan if values need not sum to prediction - base value."""
    num_evals: int
    """Number of forward passes of the model; a backward pass counts as two."""
    called: bool = False
    """Whether the model calls the sequence the class explained, by its own threshold, and from both
    strands if it averages them."""
    effects: NDArray[np.float64] | None = None
    """Effect of each mutation, (bases, 4): the output with A, C, G or T at this position minus the
    output for the sequence, 0 for the observed base, nan if that is not one of the four. None if the
    estimator does not mutate bases."""
    anchor: Anchor | None = None
    """Anchor of the call, if the estimator is `anchors`."""
    interactions: Interactions | None = None
    """Interactions of tokens, if requested."""

    def check_finite(self, row: int) -> None:
        """Raise `InputError` if a value is not finite; `row` is the row of the sequence, from 0."""
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
        """Completeness error, |sum of phi - (prediction - base value)|; nan without a base value."""
        return abs(float(self.phi.sum()) - (self.prediction - self.base_value))


def mean_loss(effects: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the loss of output when each base is mutated, averaged over the other three bases.

    Parameters
    ----------
    effects
        Effects as in :class:`Attribution`, shape (bases, 4).

    Returns
    -------
    loss
        Mean loss, (bases,); 0 if the base is not one of the four, because its effect is unknown.
    """
    # The observed base adds 0 to the sum.
    return np.nan_to_num(-effects.sum(axis=1) / 3)
