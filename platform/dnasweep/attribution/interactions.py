"""Interactions of the tokens of a sequence: the Shapley interaction index of pairs.

The index of tokens i and j (Grabisch & Roubens 1999) is their joint contribution beyond the sum of their
separate contributions, averaged over coalitions of the other tokens with equal weight for every size. If all
coalitions fit the budget, it is exact; otherwise a Gaussian process is fitted to pairs of complementary
coalitions (:mod:`dnasweep.attribution.even_process`). Main effects (phi minus half of all interactions of a
token) and interactions sum to the output minus the output without any token (Bordt & von Luxburg 2023).
"""

from __future__ import annotations

from collections.abc import Callable
from math import comb

import numpy as np
from numpy.typing import NDArray

from dnasweep.attribution.attribution import Interactions
from dnasweep.attribution.block import Block, Generators, values_for_all
from dnasweep.attribution.coalitions import all_fit, all_masks
from dnasweep.attribution.even_process import fit_even_process
from dnasweep.attribution.paired_draws import draw_pairs
from dnasweep.attribution.settings import ExplainConfig

Floats = NDArray[np.float64]

MIN_EVALS, EVALS_PER_TOKEN = 500, 10
"""Default number of evaluations per sequence, and per token if that is more."""
EXACT_EVALS = 4096
"""All coalitions are evaluated if there are at most this many: those of 12 tokens."""
MOST_PAIRS = 1500
"""Maximum number of pairs in the fit of the process; its cost grows with the cube of this number."""


def pair_interactions(
    block: Block, config: ExplainConfig, generators: Generators
) -> list[Interactions]:
    """Return the strongest interactions of each sequence, `config.interactions` of them.

    Parameters
    ----------
    block, config, generators
        Arguments of every estimator, see :mod:`dnasweep.attribution.estimators`.
    """
    tokens = block.num_tokens
    if tokens < 2:
        nothing = np.zeros(0)
        index = np.zeros(0, np.int64)
        return [Interactions(index, index, nothing, nothing, 0)] * block.num_sequences
    if all_fit(tokens, EXACT_EVALS):
        outputs = values_for_all(block, all_masks(tokens), None)
        return [
            _strongest(exact_interactions(one), None, config.interactions, len(one))
            for one in outputs
        ]
    budget = config.max_evals or max(MIN_EVALS, EVALS_PER_TOKEN * tokens)
    number = min(MOST_PAIRS, max(2, budget // 2 - 1))
    ends = np.array([np.zeros(tokens, bool), np.ones(tokens, bool)])
    drawn = [draw_pairs(tokens, number, generator) for generator in generators]
    masks = [np.concatenate([ends, one, ~one]) for one in drawn]
    found = []
    for coalitions, outputs in zip(
        drawn, block.values_of_each(range(len(drawn)), masks), strict=True
    ):
        sums = outputs[2:].reshape(2, -1).mean(0)
        process = fit_even_process(coalitions, sums, float(outputs[:2].mean()))
        found.append(
            _strongest(process.interactions(), process.errors, config.interactions, len(outputs))
        )
    return found


def exact_interactions(outputs: Floats) -> Floats:
    """Return the Shapley interaction index of every pair, (tokens, tokens); 0 on the diagonal.

    Parameters
    ----------
    outputs
        Outputs on all coalitions, (2^tokens,): coalition m keeps token i if bit i of m is set.
    """
    tokens = len(outputs).bit_length() - 1
    numbers = np.arange(len(outputs))
    sizes = all_masks(tokens).sum(1)
    # 1 / (number of coalitions of a size without the two tokens) / (number of sizes).
    weights = np.array([1 / comb(tokens - 2, size) for size in range(tokens - 1)]) / (tokens - 1)
    found = np.zeros((tokens, tokens))
    for i in range(tokens):
        for j in range(i):
            without = numbers[(numbers >> i & 1 | numbers >> j & 1) == 0]
            one, other = without | 1 << i, without | 1 << j
            change = outputs[one | other] - outputs[one] - outputs[other] + outputs[without]
            found[i, j] = found[j, i] = weights[sizes[without]] @ change
    return found


def _strongest(
    values: Floats,
    errors: Callable[[NDArray[np.int64], NDArray[np.int64]], Floats] | None,
    number: int,
    evals: int,
) -> Interactions:
    first, second = np.triu_indices(len(values), 1)
    flat = values[first, second]
    order = np.argsort(-np.abs(flat), kind="stable")[:number]
    first, second = first[order], second[order]
    error = np.zeros(len(order)) if errors is None else errors(first, second)
    return Interactions(first, second, flat[order], error, evals)
