"""What a species transfer says, in sentences computed from its tables.

A difference between means over seeds is called significant where its adjusted p-value, for other
test rows and other seeds, is below 0.05: that of MCC where the metric is MCC, of AUROC otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from dnasweep.sweeps.cautions import MORE_SEEDS, not_all_healthy, partly_healthy, unequal_seeds
from dnasweep.sweeps.comparison import Transfer
from dnasweep.sweeps.statistics import benjamini_hochberg
from dnasweep.sweeps.transfer_strategies import STRATEGIES
from dnasweep.sweeps.transfer_tests import EVERY, rank_correlation
from dnasweep.sweeps.verdicts import Findings, Verdict
from dnasweep.tasks.wording import interval, metric_name, number, p_text, signed

QUESTIONS: tuple[tuple[str, str, str], ...] = (
    ("target", "random", "Does pretraining on the target alone help"),
    ("all", "random", "Does pretraining on all species help"),
    ("all", "target", "Are other species worth reading in place of more of the target"),
    ("all-then-close", "all", "Does it help to end with close relatives"),
    ("zero-shot", "random", "Can the rows of other species stand in for those of the target"),
    ("zero-shot", "all", "What do the target's own rows add"),
)
"""Pairs of strategies, and what their difference answers."""
MIN_TARGETS = 5
"""Of fewer the signs can tell nothing: p is 0.125 at least."""
FEW_ROWS = 100
"""Test rows of a target below which single differences mean little."""


def transfer_findings(transfer: Transfer, num_cells: int) -> Findings:
    """Return the sentences and the claims that were tested."""
    if transfer.matrix.empty:
        return Findings(
            ["No cell finished with a validation metric; there is nothing to compare."], []
        )
    sentences: list[str] = []
    verdicts: list[Verdict] = []
    names = list(dict.fromkeys(transfer.matrix["tokenizer"]))
    for tokenizer in names:
        lead = f"{tokenizer}, " if len(names) > 1 else ""
        sentences += _order(transfer, tokenizer, lead)
        for a, b, question in QUESTIONS:
            tests = _tests(transfer, tokenizer, a, b)
            sentences += _answer(transfer, tests, f"{lead}{question}? {a} against {b}", verdicts)
        sentences += _distance(transfer, tokenizer, lead, verdicts)
        sentences += _against_baseline(transfer, tokenizer, lead)
    sentences += [_budgets(transfer), *_cautions(transfer), *transfer.left_out]
    if len(transfer.unhealthy):
        sentences.append(f"{not_all_healthy(transfer.unhealthy, num_cells)}.")
    return Findings(sentences, verdicts)


def _order(transfer: Transfer, tokenizer: str, lead: str) -> list[str]:
    means, column = transfer.means, f"test_{transfer.metric}"
    if means.empty or means["num_targets"].max() < 1:
        return []
    part = means[means["tokenizer"] == tokenizer]
    part = part.sort_values(column, ascending=not transfer.higher_is_better)
    listed = ", ".join(f"{r['strategy']} {number(r[column])}" for _, r in part.iterrows())
    num = int(part["num_targets"].iloc[0])
    where = f"mean of {num} targets" if num > 1 else "one target"
    return [f"{lead or 'On the '}test rows, {metric_name(transfer.metric)}, {where}: {listed}."]


def _tests(transfer: Transfer, tokenizer: str, a: str, b: str) -> pd.DataFrame:
    """Return the tests of two strategies: on each target, and on the mean over targets."""
    tests = transfer.tests
    if tests.empty:
        return tests
    mine = (tests["tokenizer"] == tokenizer) & (tests["a"] == a) & (tests["b"] == b)
    return tests[mine & tests[f"{transfer.judged}_difference"].notna()]


def _answer(
    transfer: Transfer, mine: pd.DataFrame, claim: str, verdicts: list[Verdict]
) -> Iterator[str]:
    metric = transfer.judged
    found = {
        row["target"]: Verdict(
            f"{claim}, {'mean over targets' if row['target'] == EVERY else row['target']}",
            f"{metric_name(metric)} difference",
            *(row[f"{metric}_{n}"] for n in ("difference", "p_adjusted", "low", "high")),
        )
        for _, row in mine.iterrows()
    }
    whole = found.pop(EVERY, None)
    if not found:
        return
    verdicts += [whole] if whole else found.values()
    # The mean that the interval is of: of seeds that there are on every target.
    estimates = [one.estimate for one in found.values()]
    mean = whole.estimate if whole else sum(estimates) / len(estimates)
    text = (
        f"{claim}: {metric_name(metric)} {signed(mean)} on average, better on "
        f"{sum(one > 0 for one in estimates)} of {len(found)} targets"
    )
    if whole:
        row, parts = mine[mine["target"] == EVERY].iloc[0], []
        if not pd.isna(whole.p):
            parts = [f"95 % interval {interval(whole.low, whole.high)}"]
            parts += [f"{whole.p_text} over rows and seeds"]
        if row["num_targets"] >= MIN_TARGETS:
            parts.append(f"{p_text(row[f'{metric}_targets_p_adjusted'])} over targets")
        text += f" ({', '.join(parts)})" if parts else ""
    clear = [f"{name} ({one.text})" for name, one in found.items() if one.significant]
    if all(pd.isna(one.p) for one in found.values()):
        yield f"{text}; no verdict on single targets with one seed."
    elif clear:
        yield f"{text}; significant on {', '.join(clear)}."
    else:
        yield f"{text}; on no target is the difference significant by itself."


def by_distance(transfer: Transfer) -> pd.DataFrame:
    """Return how the gain of each strategy goes with the distance to the nearest relative.

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


def _distance(
    transfer: Transfer, tokenizer: str, lead: str, verdicts: list[Verdict]
) -> Iterator[str]:
    table = by_distance(transfer)
    table = table[(table["tokenizer"] == tokenizer) & table["rho"].notna()].set_index("strategy")
    for strategy in (name for name in STRATEGIES if name in table.index):
        row: Any = table.loc[strategy]
        one = Verdict(
            f"{lead}distance: the gain of {strategy} over random",
            "Spearman correlation",
            float(row["rho"]),
            float(row["p_adjusted"]),
        )
        verdicts.append(one)
        way = "does not clearly depend on"
        if one.significant:
            way = "falls with" if one.estimate < 0 else "rises with"
        yield (
            f"{one.claim} {way} the distance to the nearest relative (Spearman {one.text} over "
            f"{row['num']} targets, {one.p_text} adjusted)."
        )


def _against_baseline(transfer: Transfer, tokenizer: str, lead: str) -> Iterator[str]:
    matrix = transfer.matrix[transfer.matrix["tokenizer"] == tokenizer]
    matrix = matrix[matrix["over_baseline"].notna()]
    if matrix.empty:
        return
    losers = matrix[transfer.sign * matrix["over_baseline"].astype(float) <= 0]
    name = transfer.baseline.iloc[0]["name"]
    parts = [
        f"{strategy} on {len(part)} ({', '.join(part['target'])})"
        for strategy, part in losers.groupby("strategy", sort=False)
    ]
    if parts:
        yield (
            f"{lead}baseline: no better mean than the {name}, trained on the target's own rows, has "
            f"{'; '.join(parts)} of {matrix['target'].nunique()} targets."
        )
    else:
        yield f"{lead}baseline: every strategy has a better mean than the {name} on every target."


def _budgets(transfer: Transfer) -> str:
    matrix = transfer.matrix
    read = matrix.loc[matrix["strategy"] != "random", "pretrain_bases"]
    text = f"Budgets: {_span(matrix['finetune_bases'])} in fine-tuning for every model"
    if len(read):
        text += f", {_span(read)} in pretraining for every strategy but random"
    return text + "; strategies differ only in which species they read, and in what order."


def _span(bases: pd.Series) -> str:
    low, high = bases.min() / 1e6, bases.max() / 1e6
    return f"{low:.2f} Mb" if high - low < 0.005 else f"{low:.2f} to {high:.2f} Mb"


def _cautions(transfer: Transfer) -> Iterator[str]:
    matrix = transfer.matrix
    if (matrix["num_seeds"] < 2).all():
        yield (
            "One seed each: how far another would move a model is not known, so that no difference "
            f"is judged. {MORE_SEEDS} strategy is better."
        )
    else:
        yield from unequal_seeds(matrix["num_seeds"], "Models")
    few = matrix.dropna(subset=["num_test_rows"]).drop_duplicates("target")
    few = few[few["num_test_rows"].astype(float) < FEW_ROWS]
    if len(few):
        listed = ", ".join(f"{r['target']} {r['num_test_rows']}" for _, r in few.iterrows())
        yield f"Few test rows, so that single differences there mean little: {listed}."
    yield from partly_healthy(matrix, lambda row: f"{row['strategy']} on {row['target']}")
