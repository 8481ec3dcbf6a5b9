"""Effects of motifs, from a model's output in the same backgrounds with and without them.

The effect of a condition is its output minus that of the same background without motifs, averaged over
backgrounds. The interaction of two motifs is, in each background,

    output(both) - output(first alone) - output(second alone) + output(neither),

each alone at its position in the pair: the effect of both beyond the sum of their separate effects.
Intervals and p-values are from paired t tests over the backgrounds; p-values of all spacings and
orientations are adjusted together (Benjamini and Hochberg 1995).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from dnasweep.synthetic.arrangements import Arrangements
from dnasweep.tasks.multiple_tests import benjamini_hochberg

Floats = NDArray[np.float64]
ROUNDING = 2.0**-20
"""Fraction of the largest output below which differences are rounding errors of 24-bit arithmetic."""
BOOTSTRAPS = 2000
LEVEL = 0.95


class Effects(NamedTuple):
    """Means of paired differences with their intervals, each (differences,)."""

    mean: Floats
    low: Floats
    high: Floats
    p: Floats


class MarginalEffects(NamedTuple):
    """Results of a marginalisation."""

    alone: pd.DataFrame
    """One row per motif, strand and position: `motif`, `strand`, `start`, `effect` with `low`, `high`, `p`, `q`."""
    pairs: pd.DataFrame
    """One row per spacing and orientation: `spacing`, `orientation`, `motif_start`, `other_start`,
    `both`, `motif_alone` and `other_alone` (effects, each with `_low` and `_high`), and `interaction` with
    `low`, `high`, `p` and `q`; empty for a single motif."""
    spacings: tuple[int, int] | None
    """95 % bootstrap interval, over backgrounds, of the spacing of the strongest interaction at its
    orientation; None for a single motif."""

    @property
    def strongest(self) -> pd.Series | None:
        """The pair with the largest interaction among those with q below 0.05; None if there is none."""
        if self.pairs.empty:
            return None
        sure = self.pairs[self.pairs["q"] < 1 - LEVEL]
        return None if sure.empty else largest(sure, "interaction")


def largest(table: pd.DataFrame, by: str) -> pd.Series:
    """Return the row of a table with the largest absolute value of a column."""
    return table.iloc[int(table[by].abs().to_numpy().argmax())]


def paired_effects(differences: Floats, rounding: float = 0.0) -> Effects:
    """Return the mean of each column of differences, with its 95 % interval and p-value.

    Parameters
    ----------
    differences
        Paired differences, (backgrounds, differences).
    rounding
        Standard error caused by rounding alone.
    """
    num = len(differences)
    mean = differences.mean(0)
    error = np.hypot(differences.std(0, ddof=1) / np.sqrt(num), rounding)
    half = stats.t.ppf((1 + LEVEL) / 2, num - 1) * error
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * stats.t.sf(np.abs(mean) / error, num - 1)
    # If all differences are 0, the p-value is undefined; report 1.
    return Effects(mean, mean - half, mean + half, np.where(np.isnan(p), 1.0, p))


def marginal_effects(
    outputs: Floats, arrangements: Arrangements, names: tuple[str, str], *, seed: int = 0
) -> MarginalEffects:
    """Return the effect of every motif and pair.

    Parameters
    ----------
    outputs
        Model outputs, shape (backgrounds, conditions), in the order of `arrangements.conditions`.
    arrangements
        Arrangements of the motifs.
    names
        Names of the first and the second motif.
    seed
        Seed of the bootstraps.
    """
    change = outputs - outputs[:, :1]
    rounding = ROUNDING * float(np.abs(outputs).max())
    called = dict(zip(("motif", "other"), names, strict=True))
    singles = arrangements.alone
    found = paired_effects(change[:, [one.condition for one in singles]], rounding)
    alone = pd.DataFrame(
        {
            "which": [one.which for one in singles],
            "motif": [called[one.which] for one in singles],
            "strand": [one.strand for one in singles],
            "start": [one.start for one in singles],
            **_columns(found),
        }
    )
    pairs = arrangements.pairs
    if not pairs:
        return MarginalEffects(alone, pd.DataFrame(), None)
    both, first, second = (
        change[:, [getattr(one, name) for one in pairs]]
        for name in ("both", "motif_alone", "other_alone")
    )
    interaction = both - first - second
    found = paired_effects(interaction, 2 * rounding)
    table: dict[str, object] = {
        name: [getattr(one, name) for one in pairs]
        for name in ("spacing", "orientation", "motif_start", "other_start")
    }
    for name, values in (("both", both), ("motif_alone", first), ("other_alone", second)):
        effect = paired_effects(values, rounding)
        table |= {name: effect.mean, f"{name}_low": effect.low, f"{name}_high": effect.high}
    columns = _columns(found)
    table |= {"interaction": columns.pop("effect"), **columns}
    frame = pd.DataFrame(table)
    same = np.flatnonzero(frame["orientation"] == largest(frame, "interaction")["orientation"])
    spacings = frame["spacing"].to_numpy()[same]
    return MarginalEffects(alone, frame, _between(interaction[:, same], spacings, seed))


def _columns(found: Effects) -> dict[str, Floats]:
    return {
        "effect": found.mean,
        "low": found.low,
        "high": found.high,
        "p": found.p,
        "q": benjamini_hochberg(found.p),
    }


def _between(interaction: Floats, spacings: NDArray[np.int64], seed: int) -> tuple[int, int]:
    """Return the bootstrap interval, over backgrounds, of the spacing of the strongest interaction."""
    num = len(interaction)
    draws = np.random.default_rng(seed).multinomial(num, np.full(num, 1 / num), BOOTSTRAPS)
    places = spacings[np.abs(draws @ interaction).argmax(1)]
    low, high = np.quantile(
        places, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], method="closest_observation"
    )
    return int(low), int(high)
