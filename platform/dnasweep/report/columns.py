"""The title and the number format of every column of every table.

Files use the names of the columns; pages and the terminal show the titles.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from dnasweep.tasks.wording import (
    NOISE,
    NONE,
    method_name,
    metric_name,
    minus,
    number,
    positions,
    ratio,
    signed,
    small_p,
    spaced,
)

Format = Callable[[Any], str]


def count(value: float) -> str:
    """Format a whole number."""
    return minus(f"{int(value):,}")


def p_value(value: float) -> str:
    """Format a p-value."""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def plain(value: Any) -> str:
    """Format a value that has no format of its own."""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return count(int(value))
    if not isinstance(value, float | np.floating):
        return str(value)
    known = float(value)
    if NOISE < abs(known) < 0.001:
        return minus(f"{known:.1g}".replace("e-0", "e-"))
    return number(known) if abs(known) < 1000 else minus(f"{known:,.0f}")


def measured(value: float) -> str:
    """Format a mean, which may be large."""
    return minus(f"{value:,.0f}") if abs(value) >= 100 else number(value)


def attribution(value: float) -> str:
    """Format an attribution, or a sum of attributions."""
    return signed(value, 1 if abs(value) >= 100 else 3)


def change(value: float) -> str:
    """Format a difference, which may be small."""
    return minus(f"{value:+.1g}") if 0 < abs(value) < 0.001 else signed(value)


def share(value: float) -> str:
    """Format a fraction as a percentage."""
    return f"{value:.1%}"


def general(value: float) -> str:
    """Format a number such as a learning rate, with six significant digits."""
    return f"{value:g}"


def length(value: float) -> str:
    """Format a median length in bases, which may be half a number."""
    return f"{value:,.1f}".removesuffix(".0")


COLUMNS: dict[str, tuple[str | None, Format]] = {
    "rank": ("#", plain),
    "num_better": ("better on", plain),
    "learning_rate": (None, general),
    "device_seconds": ("device s", lambda value: f"{value:,.1f}"),
    "peak_memory_bytes": (
        "peak memory",
        lambda value: f"{value / 2**30:.2f} GiB" if value else NONE,
    ),
    "over_baseline": ("over baseline", change),
    "gain": (None, signed),
    "ahead": ("a ahead", str),
    "setting": ("with", str),
    "million_years": (None, general),
    "pretrain_bases": ("pretrained, Mb", lambda value: f"{value / 1e6:.2f}"),
    "finetune_bases": ("fine-tuned, Mb", lambda value: f"{value / 1e6:.2f}"),
    "targets_p_adjusted": ("p over targets", p_value),
    "ensemble_mcc_p_adjusted": ("bootstrap p", p_value),
    "ensemble_delong_p_adjusted": ("DeLong p", p_value),
    # Leaderboards.
    "mean_rank": (None, lambda value: f"{value:.2f}"),
    "num_best": ("best on", count),
    "num_tasks": ("tasks finished", count),
    "minutes": ("fine-tuning, min", lambda value: f"{value:,.1f}"),
    # The data and the tokenizers.
    "rows": (None, count),
    "bases": (None, count),
    "f1": ("F1", plain),
    "gc": ("G+C", plain),
    "twins": ("with twin", share),
    "num_with": ("rows with", count),
    "num_without": ("rows without", count),
    "alike": ("with similar twin", share),
    "by_chance": ("by chance", share),
    "same_label": ("same label", share),
    "other_label": ("other label", share),
    "rule": ("label by twin", str),
    "cpg": ("CpG observed / expected", plain),
    "unknown": ("unknown bases", plain),
    "shortest": ("shortest, bases", plain),
    "median": ("median, bases", length),
    "longest": ("longest, bases", plain),
    "vocab_size": ("vocabulary", plain),
    "vocabulary_used": ("vocabulary used", plain),
    "unknown_rate": ("unknown tokens", plain),
    "mean_tokens": ("mean tokens per row", plain),
    "most_tokens": ("maximum tokens per row", plain),
    "longest_word": ("longest token, bases", plain),
    # Attributions and elements.
    "label": (None, lambda value: "unknown" if value < 0 else str(value)),
    "species": (None, lambda value: spaced(value) if isinstance(value, str) else plain(value)),
    "window": (None, positions),
    "num": ("sequences", count),
    "num_tokens": ("tokens with TATA", count),
    "positive_in_place": ("positive, in place", count),
    "negative_in_place": ("negative, in place", count),
    "mean_phi": ("mean φ", attribution),
    "place_phi": ("φ same positions", attribution),
    "sum_phi": ("sum φ", attribution),
    "standard_error": ("± se", small_p),
    "odds_ratio": (None, ratio),
    "word_odds_ratio": ("same k-mers", ratio),
    # Comparisons of explanations.
    "method": (None, method_name),
    "one": ("method", method_name),
    "other": ("other method", method_name),
    "auroc": ("AUROC", measured),
    **dict.fromkeys(("element", "curve", "check", "measure"), (None, spaced)),
    **dict.fromkeys(
        "mean low high auroc_low auroc_high hit_rate hit_low hit_high chance area area_low "
        "area_high difference difference_low difference_high evaluations milliseconds".split(),
        (None, measured),
    ),
    # Motifs.
    "p": (None, small_p),
    "q": (None, small_p),
    "q_place": ("q of position", small_p),
    "match_q": ("q of match", small_p),
    "num_instances": ("instances", count),
    "num_in_place": ("hits there", count),
    "interval": ("95 % interval", str),
}
"""Title and format of each column, by its name. A title of None is derived from the name."""


def title_of(name: str) -> str:
    """Return the title of a column."""
    given = COLUMNS[name][0] if name in COLUMNS else None
    if given is not None:
        return given
    if name.isdecimal():
        return f"{int(name):,} shots"
    if name.endswith("_interval"):
        return "95 % interval"
    if name.startswith("p_") or name.endswith("_p_adjusted"):
        return "p"
    if name.endswith("_sd"):
        return "± sd"
    words = [metric_name(word) for word in name.removeprefix("ensemble_").split("_")]
    first = words[0] if words[0] in ("validation", "test") else ""
    if first:
        return f"{first} {metric_name(name.removeprefix(f'{first}_'))}"
    return " ".join(words[1:] if words[0] == "num" else words)


def text_of(name: str, value: Any) -> str:
    """Return the text for a value of a column; a dash if it is missing."""
    if value is None or value is pd.NA or value != value:
        return NONE
    if name in COLUMNS:
        return COLUMNS[name][1](value)
    if isinstance(value, str):
        return value
    if name.startswith("p_") or name.endswith("_p_adjusted"):
        return p_value(value)
    if name.endswith("_difference"):
        return signed(value)
    return count(value) if name.startswith("num_") else plain(value)
