"""What a few-shot comparison says, in sentences computed from its tables.

A difference is called significant where its adjusted p-value is below 0.05: that of MCC where the
sweep is compared by MCC, that of AUROC otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from dnasweep.sweeps.cautions import not_all_healthy
from dnasweep.sweeps.comparison import ShotComparison
from dnasweep.sweeps.shots_tests import BASELINE, RANDOM
from dnasweep.sweeps.verdicts import Findings, Verdict
from dnasweep.tasks.wording import joined, mean_of, metric_name, number

SHARED = 0.2
"""Fraction of rows that two draws share above which their spread says too little."""


def shot_findings(
    comparison: ShotComparison, *, overlap: Mapping[int, float], shared_encoders: bool
) -> Findings:
    """Return the sentences and the claims that were tested."""
    if comparison.rows.empty:
        return Findings(["No trial finished with test scores; there is nothing to compare."], [])
    verdicts: list[Verdict] = []
    sentences = [*_best(comparison), *_pairs(comparison, verdicts), *_worth(comparison)]
    sentences += _cautions(comparison, overlap)
    if shared_encoders:
        sentences.append(
            "Each pretrained initialisation is one encoder: how far another seed of pretraining "
            "would move it is not known (--pretrain-per-seed)."
        )
    if len(comparison.unhealthy):
        lost = not_all_healthy(comparison.unhealthy, len(comparison.runs))
        sentences.append(f"{lost} and are in no mean.")
    return Findings(sentences, verdicts)


def settings(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Return the tokenizers (and learning rates) of a table in words, each with its rows; the
    words are empty where there is one only."""
    rates = table["learning_rate"].nunique() > 1
    tokenizers = table["tokenizer"].nunique() > 1
    found = []
    for (tokenizer, rate), group in table.groupby(
        ["tokenizer", "learning_rate"], sort=False, dropna=False
    ):
        words = [str(tokenizer)] * tokenizers + [f"learning rate {rate:g}"] * rates
        found.append((", ".join(words), group))
    return found


def _best(comparison: ShotComparison) -> Iterator[str]:
    column = f"test_{comparison.metric}"
    for words, group in settings(comparison.rows):
        parts = []
        for shots, rows in group.groupby("shots"):
            ranked = rows.sort_values(column, ascending=not comparison.higher_is_better)
            top = ranked.iloc[0]
            level = ranked[(ranked[column] - top[column]).abs() < 1e-9]
            text = (
                f"{shots:,} shots {' and '.join(level['initialisation'])} {mean_of(top, column)}"
            )
            if not pd.isna(top["over_baseline"]) and top["over_baseline"] <= 0:
                text += " (not above the k-mer baseline)"
            parts.append(text)
        lead = f"Best test {metric_name(comparison.metric)}" + (f" with {words}" if words else "")
        yield f"{lead}: {'; '.join(parts)}."


def _pairs(comparison: ShotComparison, verdicts: list[Verdict]) -> Iterator[str]:
    """Say, for each pair, at which numbers of shots it differs and which way."""
    metric = comparison.judged
    name = metric_name(metric)
    for words, group in settings(comparison.pairwise):
        for (a, b), rows in group.groupby(["a", "b"], sort=False):
            other = f"the {b}" if b == BASELINE else b
            lead = f"{str(a)[:1].upper()}{str(a)[1:]} against {other}" + (
                f", {words}" if words else ""
            )
            found = {
                row["shots"]: Verdict(
                    f"{lead}, {row['shots']:,} shots",
                    f"{name} difference",
                    *(row[f"{metric}_{n}"] for n in ("difference", "p_adjusted", "low", "high")),
                )
                for _, row in rows.sort_values("shots").iterrows()
            }
            verdicts += found.values()
            parts = [f"{v.text} at {shots:,} ({v.p_text})" for shots, v in found.items()]
            yield f"{lead}: {_verdict(found)}; test {name} {', '.join(parts)}."


def _verdict(found: Mapping[int, Verdict]) -> str:
    num_known = sum(not pd.isna(one.p) for one in found.values())
    if not num_known:
        return "no verdict with one draw"
    parts = [
        f"significantly {word} at {joined([f'{shots:,}' for shots in where])} shots"
        for word, where in (
            ("better", [n for n, one in found.items() if one.higher]),
            ("worse", [n for n, one in found.items() if one.significant and not one.higher]),
        )
        if where
    ]
    several = " at any number of shots" if num_known > 1 else ""
    return " and ".join(parts) or f"no significant difference{several}"


def _worth(comparison: ShotComparison) -> Iterator[str]:
    """Say with how few shots a pretrained start reaches what random weights reach with the most."""
    column, sign = f"test_{comparison.metric}", comparison.sign
    for words, group in settings(comparison.rows):
        random = group[group["initialisation"] == RANDOM].sort_values("shots")
        if len(random) < 2:
            continue
        top = random.iloc[-1]
        if sign * (top[column] - random.iloc[0][column]) <= 0:
            continue
        parts = []
        for name, rows in group.groupby("initialisation", sort=False):
            fewest = rows.loc[sign * rows[column] >= sign * top[column], "shots"].min()
            if name != RANDOM and fewest < top["shots"]:
                parts.append(f"{name} with {fewest:,}")
        if parts:
            yield (
                f"What it is worth to pretrain{', ' + words if words else ''}: the mean that no "
                f"pretraining reaches with {top['shots']:,} shots ({number(top[column])}) is reached "
                f"by {' and '.join(parts)}."
            )


def _cautions(comparison: ShotComparison, overlap: Mapping[int, float]) -> Iterator[str]:
    # Where trials call all test rows alike, MCC says nothing of them.
    alike = [
        f"{group['one_class'].sum()} of {len(group)} with {shots:,} shots"
        for shots, group in comparison.runs.groupby("shots")
        if group["one_class"].any()
    ]
    if alike:
        yield (
            f"Calls of one class: {', '.join(alike)} call every test row alike at 0.5, which makes "
            "their MCC 0; AUROC does not depend on it. Longer or faster training may part the classes "
            "(--finetune-epochs, --learning-rates)."
        )
    draws = int(comparison.rows["draws"].min())
    if draws == 1:
        yield (
            "Only one draw of each number of shots: how far other rows would move a mean is not "
            "known, so that no difference is judged (--resamples 3)."
        )
    elif draws < 3:
        yield (
            f"Only {draws} draws of each number of shots: how far other rows would move a mean is "
            "hardly known, and a difference has to be large to be significant."
        )
    shared = [f"{share:.0%} at {n:,}" for n, share in sorted(overlap.items()) if share > SHARED]
    if shared and draws > 1:
        yield (
            f"Draws overlap: two of them share {', '.join(shared)} of their rows, so that the spread "
            "between draws there is less than between independent ones."
        )
