"""Formatting of metrics, numbers, intervals and p-values in sentences, tables and figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

ALPHA = 0.05  # below it a difference is called significant
NAMES = {"mcc": "MCC", "auroc": "AUROC", "auprc": "AUPRC", "macro_f1": "macro F1"}
NAMES |= {"top_k": "top-k accuracy", "row_pearson": "Pearson r within rows"}
NAMES |= {"pearson": "Pearson r", "spearman": "Spearman ρ", "r2": "R²", "rmse": "RMSE"}
METHODS = {"shap": "SHAP", "lime": "LIME", "anchors": "Anchors"}
NOISE = 1e-12
"""Differences below this value are due to rounding."""
NONE = "–"
"""Placeholder for a missing number."""


def metric_name(metric: str) -> str:
    """Return the name of a metric as written in text."""
    return NAMES.get(metric, metric.replace("_", " "))


def method_name(method: object) -> str:
    """Return the name of an explanation method as written in text."""
    return METHODS.get(str(method), spaced(method))


def number(value: float | None, digits: int = 3) -> str:
    """Return a number for text; a dash if it is missing. A number that is displayed as zero has no sign."""
    return NONE if value is None or pd.isna(value) else minus(f"{value:z.{digits}f}")


def signed(value: float | None, digits: int = 3) -> str:
    """Return a number with its sign; a dash if it is missing.

    A number that would be displayed as zero is given with its power of ten, unless it is due to
    rounding.

    Examples
    --------
    >>> signed(0.25), signed(-0.25), signed(None)
    ('+0.250', '−0.250', '–')
    >>> signed(-0.00002), signed(-1e-17)
    ('−2e−5', '+0.000')
    """
    if value is None or pd.isna(value):
        return NONE
    if abs(value) < NOISE:
        value = 0.0
    text = f"{value:+.{digits}f}"
    if value and not float(text):
        text = f"{value:+.0e}".replace("e-0", "e-")
    return minus(text)


def about(value: float | None) -> str:
    """Return a standard error or another magnitude with two digits; a dash if it is missing.

    Examples
    --------
    >>> about(0.0123), about(0.00004), about(0.0)
    ('0.012', '4e−5', '0')
    """
    if value is None or pd.isna(value):
        return NONE
    return minus(f"{value:.2g}".replace("e-0", "e-"))


def minus(text: str) -> str:
    """Return text with minus signs instead of hyphens."""
    return text.replace("-", "−")


def with_sd(mean: float | None, sd: float | None) -> str:
    """Return `mean ± sd`; a dash if the mean is missing.

    Examples
    --------
    >>> with_sd(0.61, 0.02)
    '0.610 ± 0.020'
    """
    text = number(mean)
    return text if text == NONE or sd is None or pd.isna(sd) else f"{text} ± {number(sd)}"


def mean_of(row: pd.Series, column: str) -> str:
    """Return the mean in a column of a row with its standard deviation in `<column>_sd`."""
    return with_sd(row.get(column), row.get(f"{column}_sd"))


def interval(low: float, high: float) -> str:
    """Return the interval of a difference; a dash if it is missing."""
    return NONE if pd.isna(low) else f"{signed(low)} to {signed(high)}"


def percent(share: float) -> str:
    """Return a fraction as a percentage for text."""
    return f"{100 * share:.0f}\u00a0%"


def small(value: float) -> str:
    """Return a small number such as `7.2e−7`."""
    return f"{value:.1e}".replace("e-0", "e−").replace("e-", "e−").replace("e+00", "")


def small_p(value: float) -> str:
    """Return a p-value with its power of ten; a dash if it is missing."""
    return NONE if pd.isna(value) else f"{value:.3f}" if value >= 0.001 else small(value)


def ratio(value: float) -> str:
    """Return an odds ratio as written in text; an infinite one is described in words."""
    if pd.isna(value):
        return NONE
    if np.isinf(value):
        return "0 elsewhere"
    if 0 < value < 0.01:
        return about(value)
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def positions(window: str) -> str:
    """Return positions such as `-35..-24` as written in text."""
    return minus(window.replace("..", " to "))


def p_text(p_value: float) -> str:
    """Return `p = 0.012` or `p < 0.001`.

    Examples
    --------
    >>> p_text(0.0123), p_text(1e-9)
    ('p = 0.012', 'p < 0.001')
    """
    if pd.isna(p_value):
        return "no p-value"
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"


def spaced(name: object) -> str:
    """Return a name such as `fruit_fly` as written in text."""
    return str(name).replace("_", " ")


def joined(texts: Sequence[str]) -> str:
    """Return `a`, `a and b` or `a, b and c`.

    Examples
    --------
    >>> joined(["human", "mouse", "rat"])
    'human, mouse and rat'
    """
    return " and ".join(filter(None, [", ".join(texts[:-1]), texts[-1]]))


def counted(values: Iterable[object]) -> str:
    """Return the count of each value, the most frequent first: `2 diverged, 1 failed`.

    Examples
    --------
    >>> counted(["failed", "diverged", "diverged"])
    '2 diverged, 1 failed'
    """
    counts = pd.Series(list(values)).value_counts()
    return ", ".join(f"{num} {value}" for value, num in counts.items())
