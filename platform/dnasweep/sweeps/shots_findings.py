"""What a few-shot comparison says, in sentences computed from its tables.

A difference is called significant where its adjusted p-value is below 0.05: that of MCC where the
sweep is compared by MCC, that of AUROC otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from dnasweep.sweeps.shots_tests import BASELINE, RANDOM
from dnasweep.sweeps.tables import higher_is_better
from dnasweep.tasks.wording import ALPHA, metric_name, number, p_text

if TYPE_CHECKING:
    from dnasweep.sweeps.shot_comparison import ShotComparison

SHARED = 0.2
"""Fraction of rows that two draws share above which their spread says too little."""


def shot_findings(
    comparison: ShotComparison, *, overlap: Mapping[int, float], shared_encoders: bool
) -> list[str]:
    """Return the sentences, most important first."""
    if comparison.rows.empty:
        return ["No trial finished with test scores; there is nothing to compare."]
    found = [*_best(comparison), *_contests(comparison), *_worth(comparison)]
    found += [*_cautions(comparison, overlap, shared_encoders), *_troubles(comparison)]
    return [sentence for sentence in found if sentence]


def settings(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Return the tokenizers (and learning rates) of a table in words, each with its rows; the
    words are empty where there is one only."""
    groups = list(table.groupby(["tokenizer", "learning_rate"], sort=False, dropna=False))
    rates = table["learning_rate"].nunique() > 1
    tokenizers = table["tokenizer"].nunique() > 1
    found = []
    for (tokenizer, rate), group in groups:
        words = [str(tokenizer)] if tokenizers else []
        words += [f"learning rate {rate:g}"] if rates else []
        found.append((", ".join(words), group))
    return found


def _best(comparison: ShotComparison) -> list[str]:
    column, name = f"test_{comparison.metric}", metric_name(comparison.metric)
    sentences = []
    for words, group in settings(comparison.rows):
        parts = []
        for shots, rows in group.groupby("shots"):
            ranked = rows.sort_values(column, ascending=not higher_is_better(comparison.metric))
            top = ranked.iloc[0]
            level = ranked[(ranked[column] - top[column]).abs() < 1e-9]
            names = " and ".join(level["initialisation"])
            text = f"{shots:,} shots {names} {_mean(top, column)}"
            if not pd.isna(top["over_baseline"]) and top["over_baseline"] <= 0:
                text += " (not above the k-mer baseline)"
            parts.append(text)
        lead = f"Best test {name}" + (f" with {words}" if words else "")
        sentences.append(f"{lead}: {'; '.join(parts)}.")
    return sentences


def _mean(row: pd.Series, column: str) -> str:
    sd = row.get(f"{column}_sd")
    text = number(row[column])
    return text if sd is None or pd.isna(sd) else f"{text} ± {number(sd)}"


def _contests(comparison: ShotComparison) -> list[str]:
    """Say, for each pair, at which numbers of shots it differs and which way."""
    sentences = []
    metric = comparison.judged
    for words, group in settings(comparison.pairwise):
        for (a, b), rows in group.groupby(["a", "b"], sort=False):
            parts = [
                f"{signed(row[f'{metric}_difference'])} at {row['shots']:,} "
                f"({p_text(row[f'{metric}_p_adjusted'])})"
                for _, row in rows.sort_values("shots").iterrows()
            ]
            known = rows[rows[f"{metric}_p_adjusted"].notna()]
            sure = rows[rows[f"{metric}_p_adjusted"] < ALPHA].sort_values("shots")
            lead = f"{_capital(str(a))} against {'the ' + b if b == BASELINE else b}"
            if words:
                lead += f", {words}"
            sentences.append(
                f"{lead}: {_verdict(sure, metric, len(known))}; test {metric_name(metric)} "
                f"{', '.join(parts)}."
            )
    return sentences


def signed(value: float) -> str:
    """Return a difference as written in text."""
    return f"{value:+.3f}".replace("-", "−")


def _verdict(sure: pd.DataFrame, metric: str, tried: int) -> str:
    if not tried:
        return "no verdict with one draw"
    parts = []
    for word, rows in (
        ("better", sure[sure[f"{metric}_difference"] > 0]),
        ("worse", sure[sure[f"{metric}_difference"] < 0]),
    ):
        if len(rows):
            parts.append(f"significantly {word} at {_listed(rows['shots'].tolist())} shots")
    return " and ".join(parts) or (
        "no significant difference at any number of shots"
        if tried > 1
        else "no significant difference"
    )


def _listed(numbers: Sequence[int]) -> str:
    texts = [f"{n:,}" for n in numbers]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _worth(comparison: ShotComparison) -> list[str]:
    """Say with how few shots a pretrained start reaches what random weights reach with the most."""
    column, sentences = f"test_{comparison.metric}", []
    sign = 1 if higher_is_better(comparison.metric) else -1
    for words, group in settings(comparison.rows):
        random = group[group["initialisation"] == RANDOM].sort_values("shots")
        if len(random) < 2:
            continue
        top = random.iloc[-1]
        if sign * (top[column] - random.iloc[0][column]) <= 0:
            continue
        parts = []
        for name, rows in group.groupby("initialisation", sort=False):
            level = rows[sign * rows[column] >= sign * top[column]].sort_values("shots")
            if name != RANDOM and len(level) and level["shots"].iloc[0] < top["shots"]:
                parts.append(f"{name} with {level['shots'].iloc[0]:,}")
        if parts:
            lead = f"What it is worth to pretrain{', ' + words if words else ''}"
            sentences.append(
                f"{lead}: the mean that no pretraining reaches with {top['shots']:,} shots "
                f"({number(top[column])}) is reached by {' and '.join(parts)}."
            )
    return sentences


def _cautions(
    comparison: ShotComparison, overlap: Mapping[int, float], shared_encoders: bool
) -> list[str]:
    sentences = []
    if one := _of_one_class(comparison.runs):
        sentences.append(one)
    draws = int(comparison.rows["draws"].min())
    if draws < 3:
        many = "one draw" if draws == 1 else f"{draws} draws"
        sentences.append(
            f"Only {many} of each number of shots: how far other rows would move a mean is "
            + (
                "not known, so that no difference is judged (--resamples 3)."
                if draws == 1
                else "hardly known, and a difference has to be large to be significant."
            )
        )
    shared = {n: f for n, f in sorted(overlap.items()) if f > SHARED}
    if shared and draws > 1:
        listed = ", ".join(f"{fraction:.0%} at {n:,}" for n, fraction in shared.items())
        sentences.append(
            f"Draws overlap: two of them share {listed} of their rows, so that the spread between "
            "draws there is less than between independent ones."
        )
    if shared_encoders:
        sentences.append(
            "Each pretrained initialisation is one encoder: how far another seed of pretraining "
            "would move it is not known (--pretrain-per-seed)."
        )
    return sentences


def _of_one_class(runs: pd.DataFrame) -> str:
    """Say where trials call all test rows alike, so that MCC says nothing of them."""
    parts = [
        f"{group['one_class'].sum()} of {len(group)} with {shots:,} shots"
        for shots, group in runs.groupby("shots")
        if group["one_class"].any()
    ]
    if not parts:
        return ""
    return (
        f"Calls of one class: {', '.join(parts)} call every test row alike at 0.5, which makes "
        "their MCC 0; AUROC does not depend on it. Longer or faster training may part the classes "
        "(--finetune-epochs, --learning-rates)."
    )


def _troubles(comparison: ShotComparison) -> list[str]:
    lost = comparison.unhealthy
    if lost.empty:
        return []
    kinds = ", ".join(f"{n} {kind}" for kind, n in lost["outcome"].value_counts().items())
    return [
        f"{len(lost)} of {len(comparison.runs)} trials did not finish healthy ({kinds}) and are in "
        "no mean."
    ]
