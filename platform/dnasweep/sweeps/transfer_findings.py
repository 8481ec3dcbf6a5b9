"""What a species transfer says, in sentences computed from its tables.

A difference between means over seeds is called significant where its adjusted p-value, for other
test rows and other seeds, is below 0.05: that of MCC where the metric is MCC, of AUROC otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from dnasweep.data.transfer import STRATEGIES
from dnasweep.sweeps.statistics import benjamini_hochberg
from dnasweep.sweeps.transfer_tests import EVERY, rank_correlation
from dnasweep.tasks.wording import ALPHA, metric_name, number, p_text

if TYPE_CHECKING:
    from dnasweep.sweeps.transfer_comparison import Transfer

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


def transfer_findings(transfer: Transfer, num_cells: int) -> list[str]:
    """Return the sentences, most important first."""
    if transfer.matrix.empty:
        return ["No cell finished with a validation metric; there is nothing to compare."]
    sentences: list[str] = []
    for tokenizer in dict.fromkeys(transfer.matrix["tokenizer"]):
        several = transfer.matrix["tokenizer"].nunique() > 1
        lead = f"{tokenizer}, " if several else ""
        sentences += _order(transfer, tokenizer, lead)
        sentences += [_answer(transfer, tokenizer, lead, *question) for question in QUESTIONS]
        sentences += _distance(transfer, tokenizer, lead)
        sentences += _against_baseline(transfer, tokenizer, lead)
    sentences += [_budgets(transfer), *_cautions(transfer), *transfer.left_out]
    if len(transfer.unhealthy):
        sentences.append(
            f"{len(transfer.unhealthy)} of {num_cells} trials did not finish healthy."
        )
    return [sentence for sentence in sentences if sentence]


def judged(metric: str) -> str:
    """Return the prefix of the test columns that a metric is judged by: `mcc` or `auroc`."""
    return "mcc" if metric == "mcc" else "auroc"


def _order(transfer: Transfer, tokenizer: str, lead: str) -> list[str]:
    means = transfer.means
    if means.empty or transfer.means["num_targets"].max() < 1:
        return []
    part = means[means["tokenizer"] == tokenizer]
    column = f"test_{transfer.metric}"
    part = part.sort_values(column, ascending=not transfer.higher_is_better)
    listed = ", ".join(f"{r['strategy']} {number(r[column])}" for _, r in part.iterrows())
    num = int(part["num_targets"].iloc[0])
    where = f"mean of {num} targets" if num > 1 else "one target"
    return [f"{lead or 'On the '}test rows, {metric_name(transfer.metric)}, {where}: {listed}."]


def _answer(transfer: Transfer, tokenizer: str, lead: str, a: str, b: str, question: str) -> str:
    tests = transfer.tests
    if tests.empty:
        return ""
    mine = tests[(tests["tokenizer"] == tokenizer) & (tests["a"] == a) & (tests["b"] == b)]
    single = mine[mine["target"] != EVERY]
    name = judged(transfer.metric)
    difference, p_name = f"{name}_difference", f"{name}_p_adjusted"
    single = single[single[difference].notna()]
    if single.empty:
        return ""
    whole = mine[mine["target"] == EVERY]
    # The mean that the interval is of: of seeds that there are on every target.
    mean = whole.iloc[0][difference] if len(whole) else single[difference].mean()
    better = single[single[difference] > 0]
    text = (
        f"{lead}{question}? {a} against {b}: {metric_name(name)} {_signed(mean)} in the mean, "
        f"better on {len(better)} of {len(single)} targets"
    )
    if len(whole):
        row, parts = whole.iloc[0], []
        if not pd.isna(row[p_name]):
            parts += [
                f"95 % interval {_signed(row[f'{name}_low'])} to {_signed(row[f'{name}_high'])}",
                f"{p_text(row[p_name])} over rows and seeds",
            ]
        if row["num_targets"] >= MIN_TARGETS:
            parts.append(f"{p_text(row[f'{name}_targets_p_adjusted'])} over targets")
        text += f" ({', '.join(parts)})" if parts else ""
    if single[p_name].isna().all():
        return f"{text}; no verdict on single targets with one seed."
    clear = single[single[p_name] < ALPHA]
    if clear.empty:
        return f"{text}; on no target is the difference significant by itself."
    listed = ", ".join(f"{r['target']} ({_signed(r[difference])})" for _, r in clear.iterrows())
    return f"{text}; significant on {listed}."


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
    sign = 1 if transfer.higher_is_better else -1
    records = []
    for (tokenizer, strategy), part in matrix.groupby(["tokenizer", "strategy"], sort=False):
        rho, p_value = rank_correlation(
            part["million_years"].to_numpy(dtype=float), sign * part["gain"].to_numpy(dtype=float)
        )
        records.append((tokenizer, strategy, len(part), rho, p_value))
    table = pd.DataFrame(records, columns=["tokenizer", "strategy", "num", "rho", "p"])
    return table.assign(p_adjusted=benjamini_hochberg(table["p"].to_numpy(dtype=float)))


def _distance(transfer: Transfer, tokenizer: str, lead: str) -> list[str]:
    table, sentences = by_distance(transfer), []
    table = table[(table["tokenizer"] == tokenizer) & table["rho"].notna()].set_index("strategy")
    found = table.to_dict("index")
    for strategy in (name for name in STRATEGIES if name in found):
        row = found[strategy]
        rho, p_value = float(row["rho"]), float(row["p_adjusted"])
        way = "falls" if rho < 0 else "rises"
        verdict = (
            f"{way} with the distance to the nearest relative"
            if p_value < ALPHA
            else "does not clearly depend on the distance to the nearest relative"
        )
        sentences.append(
            f"{lead}distance: the gain of {strategy} over random {verdict} (Spearman "
            f"{_signed(rho)} over {row['num']} targets, {p_text(p_value)} adjusted)."
        )
    return sentences


def _against_baseline(transfer: Transfer, tokenizer: str, lead: str) -> list[str]:
    matrix = transfer.matrix[transfer.matrix["tokenizer"] == tokenizer]
    matrix = matrix[matrix["over_baseline"].notna()]
    if matrix.empty:
        return []
    sign = 1 if transfer.higher_is_better else -1
    losers = matrix[sign * matrix["over_baseline"].astype(float) <= 0]
    name = transfer.baseline.iloc[0]["name"]
    if losers.empty:
        return [
            f"{lead}baseline: every strategy has a better mean than the {name} on every target."
        ]
    parts = [
        f"{strategy} on {len(part)} ({', '.join(part['target'])})"
        for strategy, part in losers.groupby("strategy", sort=False)
    ]
    num = matrix["target"].nunique()
    return [
        f"{lead}baseline: no better mean than the {name}, trained on the target's own rows, has "
        f"{'; '.join(parts)} of {num} targets."
    ]


def _budgets(transfer: Transfer) -> str:
    matrix = transfer.matrix
    read = matrix.loc[matrix["strategy"] != "random", "pretrain_bases"]
    text = f"Budgets: {_span(matrix['finetune_bases'])} in fine-tuning for every model"
    if len(read):
        text = f"{text}, {_span(read)} in pretraining for every strategy but random"
    return text + "; strategies differ only in which species they read, and in what order."


def _span(bases: pd.Series) -> str:
    low, high = bases.min() / 1e6, bases.max() / 1e6
    return f"{low:.2f} Mb" if high - low < 0.005 else f"{low:.2f} to {high:.2f} Mb"


def _cautions(transfer: Transfer) -> list[str]:
    matrix, sentences = transfer.matrix, []
    if (matrix["num_seeds"] < 2).all():
        sentences.append(
            "One seed each: how far another would move a model is not known, so that no difference "
            "is judged. Train 3 or more (--seeds 0 1 2) to learn which strategy is better."
        )
    elif matrix["num_seeds"].nunique() > 1:
        sentences.append(
            f"Models have {matrix['num_seeds'].min()} to {matrix['num_seeds'].max()} healthy seeds: "
            "a pair is tested on as many of either, so that its difference may not be that of the "
            "means in the table."
        )
    few = matrix.dropna(subset=["num_test_rows"]).drop_duplicates("target")
    few = few[few["num_test_rows"].astype(float) < 100]
    if len(few):
        listed = ", ".join(f"{r['target']} {r['num_test_rows']}" for _, r in few.iterrows())
        sentences.append(f"Few test rows, so that single differences there mean little: {listed}.")
    partial = matrix[matrix["outcome"] != "finished"]
    if len(partial):
        listed = ", ".join(f"{r['strategy']} on {r['target']}" for _, r in partial.iterrows())
        sentences.append(f"Chosen although not all of their seeds finished healthy: {listed}.")
    return sentences


def _signed(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:+.3f}".replace("-", "−")
