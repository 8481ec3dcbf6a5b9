"""What a comparison cannot show, in sentences computed from its tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dnasweep.sweeps.cell_results import CellResult

if TYPE_CHECKING:
    from dnasweep.sweeps.comparison import Comparison


def edges(comparison: Comparison) -> list[str]:
    """Say where the best learning rate is the least or largest tried, so the best may lie beyond."""
    rates = sorted(set(comparison.rows["learning_rate"]))
    if len(rates) < 2:
        return []
    sentences = []
    for edge, word in ((rates[0], "smallest"), (rates[-1], "largest")):
        at_edge = comparison.selected[comparison.selected["learning_rate"] == edge]
        if not at_edge.empty:
            sentences.append(
                f"{len(at_edge)} of {len(comparison.selected)} selected cells use the {word} "
                f"learning rate tried ({edge:g}): a {'smaller' if word == 'smallest' else 'larger'} "
                f"one may be better ({', '.join(at_edge['cell'])})."
            )
    return sentences


def cautions(comparison: Comparison, cells: Sequence[CellResult]) -> list[str]:
    """Say what the seeds, the trials and the test rows leave open."""
    selected = comparison.selected
    num_seeds = len({cell.seed for cell in cells})
    sentences = [*_untried_seeds(comparison, num_seeds), *_few_seeds(comparison, num_seeds)]
    partial = selected[selected["outcome"] != "finished"]
    if not partial.empty:
        listed = ", ".join(f"{row['cell']} ({row['outcome']})" for _, row in partial.iterrows())
        sentences.append(f"Chosen although not all of their seeds finished healthy: {listed}.")
    if not comparison.pairwise.empty:
        counts = selected["num_test_rows"].dropna()
        least = int(comparison.pairwise["num_rows"].min())
        if len(counts) and least < int(counts.max()):
            sentences.append(
                "Not all cells were tested on the same rows: test metrics are each cell's own, and "
                f"pairs are tested on the rows they share ({least} to {int(counts.max())})."
            )
    return sentences


def _untried_seeds(comparison: Comparison, num_seeds: int) -> list[str]:
    """Say what a search, which tries single seeds, has chosen without trying all of its seeds."""
    selected = comparison.selected
    tried = selected["trial_keys"].map(lambda keys: len(keys.split()))
    partly = selected[tried < num_seeds]
    if partly.empty:
        return []
    listed = ", ".join(
        f"{cell} ({num} of {num_seeds})"
        for cell, num in zip(partly["cell"], tried[partly.index], strict=True)
    )
    return [
        f"Chosen before all of their seeds were tried: {listed}. A search tries single seeds, so that "
        "a mean of few may be that of a lucky one. Train every seed of what it found (--search grid "
        "with these settings) to learn which choice is better."
    ]


def _few_seeds(comparison: Comparison, num_seeds: int) -> list[str]:
    """Say what the seeds that there are cannot show."""
    sentences: list[str] = []
    counts = comparison.selected["num_seeds"]
    if (counts < 2).all() and num_seeds < 2:
        return [
            "One seed each: the tests speak of these trained models only, and how far another seed "
            "would move them is not known. Train 3 or more (--seeds 0 1 2) to learn which choice is "
            "better."
        ]
    if (counts < 2).any():
        listed = ", ".join(comparison.selected["cell"][counts < 2])
        sentences.append(f"One healthy seed only, so that no test can judge them: {listed}.")
    if counts.nunique() > 1:
        sentences.append(
            f"Cells have {counts.min()} to {counts.max()} healthy seeds: a pair is tested on as many "
            "of either, so that its difference may not be that of the means in the table."
        )
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


def troubles(comparison: Comparison, cells: Sequence[CellResult]) -> list[str]:
    """Say which trials did not finish healthy."""
    unhealthy = comparison.unhealthy
    if unhealthy.empty:
        return []
    kinds = unhealthy["outcome"].value_counts()
    listed = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    sentence = f"{len(unhealthy)} of {len(cells)} trials did not finish healthy ({listed})."
    chosen = set() if comparison.selected.empty else set(comparison.selected["cell"])
    lost = [name for name in dict.fromkeys(cell.label for cell in cells) if name not in chosen]
    if lost:
        sentence += f" Without any healthy trial: {', '.join(lost)}."
    return [sentence]
