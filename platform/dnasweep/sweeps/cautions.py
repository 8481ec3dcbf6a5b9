"""What a comparison cannot show, in sentences computed from its tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from dnasweep.sweeps.cell_results import CellResult
from dnasweep.sweeps.comparison import Comparison
from dnasweep.tasks.wording import counted

MORE_SEEDS = "Train 3 or more (--seeds 0 1 2) to learn which"


def rate_edges(comparison: Comparison) -> list[str]:
    """Say where the best learning rate is the least or largest tried, so the best may lie beyond."""
    rates = sorted(set(comparison.rows["learning_rate"]))
    if len(rates) < 2:
        return []
    sentences = []
    for edge, word, beyond in (
        (rates[0], "smallest", "smaller"),
        (rates[-1], "largest", "larger"),
    ):
        cells = comparison.selected.loc[comparison.selected["learning_rate"] == edge, "cell"]
        if len(cells):
            sentences.append(
                f"{len(cells)} of {len(comparison.selected)} selected cells use the {word} learning "
                f"rate tried ({edge:g}): a {beyond} one may be better ({', '.join(cells)})."
            )
    return sentences


def cautions(comparison: Comparison, cells: Sequence[CellResult]) -> list[str]:
    """Say what the seeds, the trials and the test rows leave open."""
    selected = comparison.selected
    num_seeds = len({cell.seed for cell in cells})
    sentences = [*_untried_seeds(comparison, num_seeds), *_few_seeds(comparison, num_seeds)]
    sentences += partly_healthy(selected, lambda row: f"{row['cell']} ({row['outcome']})")
    if not comparison.pairwise.empty:
        counts = selected["num_test_rows"].dropna()
        least = int(comparison.pairwise["num_rows"].min())
        if len(counts) and least < int(counts.max()):
            sentences.append(
                "Not all cells were tested on the same rows: test metrics are each cell's own, and "
                f"pairs are tested on the rows they share ({least} to {int(counts.max())})."
            )
    return sentences


def partly_healthy(chosen: pd.DataFrame, name: Callable[[pd.Series], str]) -> list[str]:
    """Say what was chosen although some of its seeds did not finish healthy."""
    partial = chosen[chosen["outcome"] != "finished"]
    if partial.empty:
        return []
    listed = ", ".join(name(row) for _, row in partial.iterrows())
    return [f"Chosen although not all of their seeds finished healthy: {listed}."]


def unequal_seeds(num_seeds: pd.Series, what: str) -> list[str]:
    """Say that what is compared has not equally many healthy seeds."""
    if num_seeds.nunique() < 2:
        return []
    return [
        f"{what} have {num_seeds.min()} to {num_seeds.max()} healthy seeds: a pair is tested on as "
        "many of either, so that its difference may not be that of the means in the table."
    ]


def not_all_healthy(unhealthy: pd.DataFrame, num_trials: int) -> str:
    """Return how many trials did not finish healthy, and why; an open sentence."""
    kinds = counted(unhealthy["outcome"])
    return f"{len(unhealthy)} of {num_trials} trials did not finish healthy ({kinds})"


def _untried_seeds(comparison: Comparison, num_seeds: int) -> list[str]:
    """Say what a search, which tries single seeds, has chosen without trying all of its seeds."""
    tried = comparison.selected["trial_keys"].map(lambda keys: len(keys.split()))
    partly = comparison.selected.assign(tried=tried)[tried < num_seeds]
    if partly.empty:
        return []
    listed = ", ".join(
        f"{row['cell']} ({row['tried']} of {num_seeds})" for _, row in partly.iterrows()
    )
    return [
        f"Chosen before all of their seeds were tried: {listed}. A search tries single seeds, so that "
        "a mean of few may be that of a lucky one. Train every seed of what it found (--search grid "
        "with these settings) to learn which choice is better."
    ]


def _few_seeds(comparison: Comparison, num_seeds: int) -> list[str]:
    """Say what the seeds that there are cannot show."""
    counts, sentences = comparison.selected["num_seeds"], []
    if (counts < 2).all() and num_seeds < 2:
        return [
            "One seed each: the tests speak of these trained models only, and how far another seed "
            f"would move them is not known. {MORE_SEEDS} choice is better."
        ]
    if (counts < 2).any():
        listed = ", ".join(comparison.selected["cell"][counts < 2])
        sentences.append(f"One healthy seed only, so that no test can judge them: {listed}.")
    sentences += unequal_seeds(counts, "Cells")
    if (counts == 2).any():
        sentences.append(
            "Two seeds tell little of how far another would move a model: a difference has to be "
            "large to be significant. Three or more (--seeds 0 1 2) show smaller ones."
        )
    if comparison.shared_encoders:
        sentences.append(
            "All seeds of a cell start from one pretrained encoder: how far another pretraining "
            "would move it is not known (--pretrain-per-seed)."
        )
    return sentences
