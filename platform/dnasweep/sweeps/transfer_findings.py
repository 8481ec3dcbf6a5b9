"""Findings of a species transfer, as sentences computed from its tables.

A difference between means over seeds is called significant if its adjusted p-value is below 0.05;
the p-value accounts for other test rows and other seeds. It is that of the metric if this is
tested, and otherwise that of the decisive metric of the task, such as AUROC for two classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from dnasweep.sweeps.comparison import Transfer
from dnasweep.sweeps.tables import sign_of
from dnasweep.sweeps.transfer_strategies import STRATEGIES
from dnasweep.sweeps.transfer_tests import EVERY, rank_correlation
from dnasweep.sweeps.verdicts import Findings, Verdict
from dnasweep.tasks.multiple_tests import benjamini_hochberg
from dnasweep.tasks.wording import metric_name, p_text

QUESTIONS: tuple[tuple[str, str, str], ...] = (
    ("target", "random", "Does pretraining on the target alone help"),
    ("all", "random", "Does pretraining on all species help"),
    ("all", "target", "Is reading other species better than reading more of the target"),
    ("all-then-close", "all", "Does it help to end with close relatives"),
    ("zero-shot", "random", "Can rows of other species replace those of the target"),
    ("zero-shot", "all", "What is lost without the target's own rows"),
)
"""Pairs of strategies, and the question that their difference answers."""
MIN_TARGETS = 5
"""Minimum number of targets for a sign-flip test; with fewer, p is at least 0.125."""
FEW_ROWS = 100
"""Number of test rows of a target below which single differences mean little."""


def transfer_findings(transfer: Transfer, num_cells: int) -> Findings:
    """Return the sentences and the claims that were tested."""
    say = transfer.texts
    if transfer.matrix.empty:
        return Findings([say("nothing")], [])
    sentences: list[str] = []
    verdicts: list[Verdict] = []
    names = list(dict.fromkeys(transfer.matrix["tokenizer"]))
    for tokenizer in names:
        lead = f"{tokenizer}, " if len(names) > 1 else ""
        if order := _order(transfer, tokenizer):
            sentences.append(say("order", lead=lead, **order))
        for a, b, question in QUESTIONS:
            claim = f"{lead}{question}? {a} against {b}"
            if answer := _answer(transfer, _tests(transfer, tokenizer, a, b), claim):
                whole, single = answer["whole"], answer["single"].values()
                verdicts += [whole] if whole else single
                sentences.append(say("answer", claim=claim, **answer))
        for num, one in _distance(transfer, tokenizer, lead):
            verdicts.append(one)
            sentences.append(say("distance", num=num, one=one))
        if baseline := _against_baseline(transfer, tokenizer):
            sentences.append(say("baseline", lead=lead, **baseline))
    sentences += say.paragraphs("closing", num_trials=num_cells, **_closing(transfer))
    return Findings(sentences, verdicts)


def _order(transfer: Transfer, tokenizer: str) -> dict[str, Any]:
    """Return the strategies with their means, the best first."""
    means, column = transfer.means, f"test_{transfer.metric}"
    if means.empty or means["num_targets"].max() < 1:
        return {}
    part = means[means["tokenizer"] == tokenizer]
    part = part.sort_values(column, ascending=not transfer.higher_is_better)
    return {"means": part.to_dict("records"), "num": int(part["num_targets"].iloc[0])}


def _tests(transfer: Transfer, tokenizer: str, a: str, b: str) -> pd.DataFrame:
    """Return the tests of two strategies: on each target, and on the mean over targets."""
    tests = transfer.tests
    if tests.empty:
        return tests
    mine = (tests["tokenizer"] == tokenizer) & (tests["a"] == a) & (tests["b"] == b)
    return tests[mine & tests[f"{transfer.decisive}_difference"].notna()]


def _answer(transfer: Transfer, mine: pd.DataFrame, claim: str) -> dict[str, Any]:
    """Return the verdicts on the mean over targets, if tested, and on single targets."""
    metric = transfer.decisive
    sign = sign_of(metric)
    single = {
        row["target"]: Verdict(
            f"{claim}, {'mean over targets' if row['target'] == EVERY else row['target']}",
            f"{metric_name(metric)} difference",
            *(row[f"{metric}_{n}"] for n in ("difference", "p_adjusted", "low", "high")),
        )._replace(sign=sign)
        for _, row in mine.iterrows()
    }
    whole = single.pop(EVERY, None)
    if not single:
        return {}
    # The mean to which the interval belongs: over the seeds available on every target.
    estimates = [one.estimate for one in single.values()]
    over_targets = ""
    for _, row in mine[mine["target"] == EVERY].iterrows():
        if row["num_targets"] >= MIN_TARGETS:
            over_targets = p_text(row[f"{metric}_targets_p_adjusted"])
    return {
        "mean": whole.estimate if whole else sum(estimates) / len(estimates),
        "num_better": sum(sign * estimate > 0 for estimate in estimates),
        "whole": whole,
        "over_targets": over_targets,
        "single": single,
    }


def by_distance(transfer: Transfer) -> pd.DataFrame:
    """Return the correlation of each strategy's gain with the distance to the nearest relative.

    Returns
    -------
    correlations
        tokenizer, strategy, num (targets), rho (Spearman), p, and p_adjusted over all rows
        (Benjamini and Hochberg).
    """
    matrix = transfer.matrix
    matrix = matrix[matrix["gain"].notna() & matrix["million_years"].notna()]
    records = []
    for (tokenizer, strategy), part in matrix.groupby(["tokenizer", "strategy"], sort=False):
        rho, p_value = rank_correlation(
            part["million_years"].to_numpy(dtype=float),
            transfer.sign * part["gain"].to_numpy(dtype=float),
        )
        records.append((tokenizer, strategy, len(part), rho, p_value))
    table = pd.DataFrame(records, columns=["tokenizer", "strategy", "num", "rho", "p"])
    return table.assign(p_adjusted=benjamini_hochberg(table["p"].to_numpy(dtype=float)))


def _distance(transfer: Transfer, tokenizer: str, lead: str) -> Iterator[tuple[int, Verdict]]:
    """Yield the number of targets and the verdict of each strategy."""
    table = by_distance(transfer)
    table = table[(table["tokenizer"] == tokenizer) & table["rho"].notna()].set_index("strategy")
    for strategy in (name for name in STRATEGIES if name in table.index):
        row: Any = table.loc[strategy]
        claim = f"{lead}distance: the gain of {strategy} over random"
        rho, p_value = float(row["rho"]), float(row["p_adjusted"])
        yield row["num"], Verdict(claim, "Spearman correlation", rho, p_value)


def _against_baseline(transfer: Transfer, tokenizer: str) -> dict[str, Any]:
    matrix = transfer.matrix[transfer.matrix["tokenizer"] == tokenizer]
    matrix = matrix[matrix["over_baseline"].notna()]
    if matrix.empty:
        return {}
    losers = matrix[transfer.sign * matrix["over_baseline"].astype(float) <= 0]
    return {
        "name": transfer.baseline.iloc[0]["name"],
        "losers": list(losers.groupby("strategy", sort=False)["target"].apply(list).items()),
        "num": matrix["target"].nunique(),
    }


def _closing(transfer: Transfer) -> dict[str, Any]:
    """Return caveats about the budgets, the seeds and the test rows."""
    matrix = transfer.matrix
    few = matrix.dropna(subset=["num_test_rows"]).drop_duplicates("target")
    partial = matrix[matrix["outcome"] != "finished"]
    return {
        "read": matrix.loc[matrix["strategy"] != "random", "pretrain_bases"],
        "few": few[few["num_test_rows"].astype(float) < FEW_ROWS].to_dict("records"),
        "partly": [f"{row['strategy']} on {row['target']}" for _, row in partial.iterrows()],
    }
