"""Findings of a few-shot comparison, as sentences computed from its tables.

A difference is called significant if its adjusted p-value is below 0.05: that of MCC if the sweep
is compared by MCC, and that of AUROC otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from dnasweep.sweeps.comparison import ShotComparison
from dnasweep.sweeps.shots_tests import RANDOM
from dnasweep.sweeps.tables import sign_of
from dnasweep.sweeps.verdicts import Findings, Verdict
from dnasweep.tasks.wording import metric_name

SHARED = 0.2
"""Fraction of shared rows between two draws above which their spread says too little."""


def shot_findings(
    comparison: ShotComparison, *, overlap: Mapping[int, float], shared_encoders: bool
) -> Findings:
    """Return the sentences and the claims that were tested.

    Parameters
    ----------
    comparison
        Comparison of the sweep.
    overlap
        Mean fraction of rows that two draws share, by number of shots.
    shared_encoders
        Whether all seeds of a pretrained initialisation start from one encoder.
    """
    say = comparison.texts
    if comparison.rows.empty:
        return Findings([say("nothing")], [])
    verdicts: list[Verdict] = []
    sentences = [say("best", **best) for best in _best(comparison)]
    for lead, found in _pairs(comparison):
        verdicts += found.values()
        tested = [(f"{num:,}", one) for num, one in found.items() if not pd.isna(one.p)]
        sentences.append(say("pair", lead=lead, found=found, tested=tested))
    sentences += [say("worth", **worth) for worth in _worth(comparison)]
    # If a trial assigns all test rows to one class, its MCC is not informative.
    alike = [
        (shots, group["one_class"].sum(), len(group))
        for shots, group in comparison.runs.groupby("shots")
        if group["one_class"].any()
    ]
    sentences += say.paragraphs(
        "cautions",
        alike=alike,
        draws=int(comparison.rows["draws"].min()),
        overlap=[(num, share) for num, share in sorted(overlap.items()) if share > SHARED],
        shared_encoders=shared_encoders,
    )
    return Findings(sentences, verdicts)


def settings(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Return the tokenizers (and learning rates) of a table in words, each with its rows; the
    words are empty if there is only one."""
    rates = table["learning_rate"].nunique() > 1
    tokenizers = table["tokenizer"].nunique() > 1
    found = []
    for (tokenizer, rate), group in table.groupby(
        ["tokenizer", "learning_rate"], sort=False, dropna=False
    ):
        words = [str(tokenizer)] * tokenizers + [f"learning rate {rate:g}"] * rates
        found.append((", ".join(words), group))
    return found


def _best(comparison: ShotComparison) -> Iterator[dict[str, Any]]:
    """Yield the best initialisations at each number of shots, with ties."""
    column = f"test_{comparison.metric}"
    for words, group in settings(comparison.rows):
        best = []
        for shots, rows in group.groupby("shots"):
            ranked = rows.sort_values(column, ascending=not comparison.higher_is_better)
            top = ranked.iloc[0]
            level = ranked[(ranked[column] - top[column]).abs() < 1e-9]
            best.append((shots, level["initialisation"].to_list(), top))
        yield {"words": words, "shots": best}


def _pairs(comparison: ShotComparison) -> Iterator[tuple[str, dict[int, Verdict]]]:
    """Yield each pair in words with its verdicts by number of shots."""
    metric = comparison.decisive
    for words, group in settings(comparison.pairwise):
        for (a, b), rows in group.groupby(["a", "b"], sort=False):
            other = f"the {b}" if b == comparison.task.baseline_name else b
            lead = f"{str(a)[:1].upper()}{str(a)[1:]} against {other}"
            lead += f", {words}" if words else ""
            yield (
                lead,
                {
                    row["shots"]: Verdict(
                        f"{lead}, {row['shots']:,} shots",
                        f"{metric_name(metric)} difference",
                        *(
                            row[f"{metric}_{n}"]
                            for n in ("difference", "p_adjusted", "low", "high")
                        ),
                    )._replace(sign=sign_of(metric))
                    for _, row in rows.sort_values("shots").iterrows()
                },
            )


def _worth(comparison: ShotComparison) -> Iterator[dict[str, Any]]:
    """Yield the fewest shots with which pretrained weights match random weights at the most."""
    column, sign = f"test_{comparison.metric}", comparison.sign
    for words, group in settings(comparison.rows):
        random = group[group["initialisation"] == RANDOM].sort_values("shots")
        if len(random) < 2:
            continue
        top = random.iloc[-1]
        if sign * (top[column] - random.iloc[0][column]) <= 0:
            continue
        reached = []
        for name, rows in group.groupby("initialisation", sort=False):
            fewest = rows.loc[sign * rows[column] >= sign * top[column], "shots"].min()
            if name != RANDOM and fewest < top["shots"]:
                reached.append((name, fewest))
        if reached:
            yield {"words": words, "top": top, "reached": reached}
