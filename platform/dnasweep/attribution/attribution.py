"""The attribution of one sequence: a value a token, where the token lies, and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dnasweep.attribution.anchor import Anchor
from dnasweep.errors import InputError

NOT_FINITE = (
    "Its weights may hold nan: train it again, at a lower learning rate if it diverged. Where "
    "--precision is bf16, try fp32."
)
"""What to do about a model whose output is not a number."""


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
    """Attribution of each token, in units of the value (log odds: nats)."""
    standard_error: NDArray[np.float64]
    """Error estimate of each phi; what it is depends on the estimator, nan where it has none. Where
    coalitions are drawn, 1.96 of it to either side of phi are an interval of 95 %, nan stands for
    too few draws to tell, and 0 for a value from all coalitions, which is exact."""
    full: float
    """Value of the whole sequence."""
    empty: float
    """Value with every token left out; nan where values need not add up to it."""
    num_evals: int
    """Evaluations of the model: forward passes, a backward pass counted as two."""
    called: bool = False
    """Whether the model calls the sequence the class explained: by its own threshold, and by both
    strands where it calls by both."""
    effects: NDArray[np.float64] | None = None
    """What each base would change, (bases, 4): the value with A, C, G or T there less that of the
    sequence, 0 for its own base, nan where the base is none of the four. None where the estimator
    does not mutate."""
    anchor: Anchor | None = None
    """The anchor of its call, where the estimator is `anchors`."""

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
    def gap(self) -> float:
        """How far efficiency is missed: |sum of phi - (full - empty)|; nan without `empty`."""
        return abs(float(self.phi.sum()) - (self.full - self.empty))

    def per_base(self, num_bases: int) -> NDArray[np.float64]:
        """Return the attribution of each base, shape (num_bases,).

        A token's value is shared equally by its bases. Where tokens overlap, a base gets the mean
        over the tokens that cover it; without overlap the bases sum to the tokens. Where single
        bases were mutated, a base has its own value.
        """
        if self.effects is not None:
            return mean_loss(self.effects)
        widths = (self.ends - self.starts).astype(np.float64)
        share = np.divide(self.phi, widths, out=np.zeros_like(self.phi), where=widths > 0)
        edges = np.zeros((2, num_bases + 1))
        for row, weight in enumerate((share, np.ones_like(share))):
            np.add.at(edges[row], self.starts, weight)
            np.add.at(edges[row], self.ends, -weight)
        total, cover = edges.cumsum(axis=1)[:, :-1]
        cover = np.round(cover)
        return np.divide(total, cover, out=np.zeros(num_bases), where=cover > 0)


def mean_loss(effects: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how much of the value is lost by mutating each base, mean over the other three bases.

    Parameters
    ----------
    effects
        As in :class:`Attribution`, (bases, 4).

    Returns
    -------
    loss
        (bases,); 0 where the base is none of the four, which nothing is known of.
    """
    # Its own base adds 0 to the sum.
    return np.nan_to_num(-effects.sum(axis=1) / 3)
