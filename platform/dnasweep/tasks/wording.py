"""How metrics, numbers and p-values are written in sentences, tables and figures."""

from __future__ import annotations

import pandas as pd

ALPHA = 0.05  # below it a difference is called significant
NAMES = {"mcc": "MCC", "auroc": "AUROC", "auprc": "AUPRC", "macro_f1": "macro F1"}


def metric_name(metric: str) -> str:
    """Return a metric as written in text."""
    return NAMES.get(metric, metric.replace("_", " "))


def number(value: float, digits: int = 3) -> str:
    """Return a number for text; a dash where there is none."""
    return "–" if value is None or pd.isna(value) else f"{value:.{digits}f}".replace("-", "−")


def p_text(p_value: float) -> str:
    """Return `p = 0.012` or `p < 0.001`."""
    if pd.isna(p_value):
        return "no p-value"
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"
