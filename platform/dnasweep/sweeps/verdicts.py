"""Verdicts: claims with the numbers that decide them, for sentences and tables of pages."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd

from dnasweep.tasks.wording import ALPHA, interval, p_text, ratio, signed

NAN = float("nan")
COLUMNS = ["claim", "measure", "estimate", "interval", "p_adjusted", "verdict"]


class Verdict(NamedTuple):
    """One claim, such as that one model is better than another, with its test."""

    claim: str
    """What is compared or tested."""
    measure: str
    """What the estimate measures: `MCC difference`, `odds ratio`."""
    estimate: float
    p: float
    """P-value adjusted over the family of the claim; nan if it could not be tested."""
    low: float = NAN
    """Lower end of the 95 % interval of the estimate."""
    high: float = NAN
    null: float = 0.0
    """Value of the estimate without an effect: 1 for ratios."""
    sign: int = 1
    """-1 if lower is better, 0 if the estimate has no direction, else 1."""

    @property
    def significant(self) -> bool:
        """Whether p is below 0.05."""
        return bool(self.p < ALPHA)

    @property
    def higher(self) -> bool:
        """Whether the estimate is significantly above the null value."""
        return self.significant and self.estimate > self.null

    @property
    def lower(self) -> bool:
        """Whether the estimate is significantly below the null value."""
        return self.significant and not self.higher

    @property
    def better(self) -> bool:
        """Whether the estimate is significantly better than the null value."""
        return self.higher if self.sign > 0 else self.lower

    @property
    def worse(self) -> bool:
        """Whether the estimate is significantly worse than the null value."""
        return self.lower if self.sign > 0 else self.higher

    @property
    def verdict(self) -> str:
        """The verdict in words."""
        if pd.isna(self.p):
            return "not tested"
        if not self.significant:
            return "not significant"
        if not self.sign:
            return "significant"
        if self.sign < 0:
            return "significantly better" if self.better else "significantly worse"
        return "significantly higher" if self.higher else "significantly lower"

    @property
    def text(self) -> str:
        """The estimate as written in sentences."""
        if not self.sign:
            return f"{self.estimate:.2f}"
        return ratio(self.estimate) if self.null else signed(self.estimate)

    @property
    def finite(self) -> bool:
        """Whether the estimate is finite; an odds ratio is not if one of its counts is 0."""
        return math.isfinite(self.estimate)

    @property
    def p_text(self) -> str:
        """The p-value as written in sentences."""
        return p_text(self.p)


class Findings(NamedTuple):
    """Findings of a comparison."""

    sentences: list[str]
    """Sentences, the most important first."""
    verdicts: list[Verdict]
    """The tested claims."""


def table_of(verdicts: Iterable[Verdict]) -> pd.DataFrame:
    """Return verdicts as a table: claim, measure, estimate, interval, p, verdict."""
    rows = [
        (v.claim, v.measure, v.text, interval(v.low, v.high), v.p, v.verdict) for v in verdicts
    ]
    return pd.DataFrame(rows, columns=COLUMNS)
