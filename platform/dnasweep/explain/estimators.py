"""The estimators by name: from a block of sequences to values, error estimates and their cost.

| name | estimates | cost in evaluations | error estimate |
|---|---|---|---|
| adjusted_kernel | Shapley values | max_evals, 5 a token | of the least squares fit |
| permutation | Shapley values | 2 (tokens - 1) a pair, 2 pairs | spread over pairs |
| tree_permutation | Owen values | the same | spread over pairs |
| partition | Owen values | all, about 0.7 tokens^2 | none: exact |
| partition, max_evals | Owen values | at most max_evals | credit not split to the token |
| kernel | Shapley values | max_evals, 500 or 5 a token | of the least squares fit |
| integrated_gradients | path integral | 3 a node, 16 nodes | of the quadrature |
| gradient_shap | path integral | 3 a draw, 64 draws | spread over draws |
| attention | attention of [CLS] | 2 | none |
| lime | a linear model nearby | max_evals, 1000 or 10 a token | of the weighted fit |
| anchors | what joins an anchor | what it takes, about max_evals at most | of the draws |

In-silico mutagenesis, which mutates bases and not tokens, is in
:mod:`dnasweep.explain.mutagenesis`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dnasweep.explain.adaptive import expand
from dnasweep.explain.adjusted import adjusted_values, joined
from dnasweep.explain.anchor_search import Anchor
from dnasweep.explain.anchors import search_anchors
from dnasweep.explain.attended import attended
from dnasweep.explain.game import Block
from dnasweep.explain.gradients import EVALS_A_NODE, expected_gradients, integrated_gradients
from dnasweep.explain.kernel import KernelPlan, kernel_plan
from dnasweep.explain.lime import distances, draw_masks, fit_local, weights
from dnasweep.explain.plans import EMPTY, FULL, Plan, partition_plan
from dnasweep.explain.sampling import pairs_within, permutation_plan
from dnasweep.explain.settings import ExplainConfig

EVALS_A_TOKEN = 5
MOST_EVALS = 200_000
MOST_PAIRS = 10_000
DEFAULT_PAIRS = 2
DEFAULT_COALITIONS = 500
DEFAULT_NODES = 16
DEFAULT_DRAWS = 64
DEFAULT_NEIGHBOURS = 1000
NEIGHBOURS_A_TOKEN = 10
ROWS_AT_ONCE = 1 << 16
"""Coalitions held in memory at once."""


class Estimates(NamedTuple):
    """What an estimator says of a block."""

    phi: NDArray[np.float64]
    """(sequences, players)."""
    error: NDArray[np.float64]
    """Error estimates of phi, (sequences, players)."""
    full: NDArray[np.float64]
    """Value of the whole sequences, (sequences,)."""
    empty: NDArray[np.float64]
    """Value without any token, (sequences,)."""
    num_evals: NDArray[np.int64]
    """Evaluations spent, (sequences,); each costs `block.cost` passes of the model."""
    anchors: Sequence[Anchor] | None = None
    """One a sequence, of the estimator that seeks them."""


Generators = Sequence[np.random.Generator]
"""One a sequence of the block, seeded by the sequence."""


def _ends(block: Block) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    every = np.arange(block.num_sequences)
    shape = (block.num_sequences, block.num_players)
    return block.values(every, np.zeros(shape, bool)), block.values(every, np.ones(shape, bool))


def _ask(
    block: Block, rows: NDArray[np.int64], plans: Sequence[Plan] | Sequence[KernelPlan]
) -> list[NDArray[np.float64]]:
    """Return the values of `rows` of the block, each on its own plan's masks, each (masks,)."""
    counts = [len(plan.masks) for plan in plans]
    masks = np.concatenate([plan.masks for plan in plans])
    return np.split(block.values(np.repeat(rows, counts), masks), np.cumsum(counts)[:-1])


def _partition(block: Block, config: ExplainConfig, generators: Generators) -> Estimates:
    if config.max_evals is not None:
        empty, full = _ends(block)
        found = expand(
            block,
            empty,
            full,
            max_evals=config.max_evals,
            batch_size=config.shap_batch_size,
        )
        return Estimates(
            np.stack([one.phi for one in found]),
            np.stack([one.unsplit for one in found]),
            full,
            empty,
            np.array([one.num_evals for one in found]),
        )
    plan = partition_plan(block.num_players)
    count = len(plan.masks)
    at_once = max(1, ROWS_AT_ONCE // count)
    parts = []
    for start in range(0, block.num_sequences, at_once):
        rows = np.arange(start, min(block.num_sequences, start + at_once))
        masks = np.tile(plan.masks, (len(rows), 1))
        parts.append(block.values(np.repeat(rows, count), masks).reshape(len(rows), count))
    outputs = np.concatenate(parts)
    phi = plan.replicates(outputs)[:, 0]
    evals = np.full(len(phi), count)
    return Estimates(phi, np.zeros_like(phi), outputs[:, FULL], outputs[:, EMPTY], evals)


def _pairs(block: Block, config: ExplainConfig) -> int:
    """Return the antithetic pairs to draw at most."""
    if config.max_evals is None:
        return DEFAULT_PAIRS if config.standard_error is None else MOST_PAIRS
    return pairs_within(block.num_players, config.max_evals)


def _permutation(block: Block, config: ExplainConfig, generators: Generators) -> Estimates:
    """Draw pairs in rounds until each sequence has its number, or its standard error."""
    most = _pairs(block, config)
    shape = (block.num_sequences, block.num_players)
    total, squares = np.zeros(shape), np.zeros(shape)
    empty, full = np.zeros(shape[0]), np.zeros(shape[0])
    pairs, evals = np.zeros(shape[0], np.int64), np.zeros(shape[0], np.int64)
    open_ = np.arange(shape[0])
    a_round = max(1, ROWS_AT_ONCE // (2 * shape[1] * max(1, shape[0])))
    while len(open_):
        num = min(a_round, most - int(pairs[open_[0]]))
        if config.standard_error is not None:
            num = min(num, max(2, int(pairs[open_[0]])))
        plans = [
            permutation_plan(
                block.num_players,
                num,
                generators[int(i)],
                tree=config.estimator == "tree_permutation",
            )
            for i in open_
        ]
        answers = _ask(block, open_, plans)
        for i, plan, outputs in zip(open_, plans, answers, strict=True):
            found = plan.replicates(outputs[None])[0]
            total[i] += found.sum(0)
            squares[i] += (found**2).sum(0)
            evals[i] += len(outputs) - (2 if pairs[i] else 0)
            pairs[i] += num
            empty[i], full[i] = outputs[EMPTY], outputs[FULL]
        going = pairs[open_] < most
        if config.standard_error is not None:
            error = _spread(total[open_], squares[open_], pairs[open_])
            going &= ~(error.mean(1) <= config.standard_error)
        open_ = open_[going]
    phi = total / pairs[:, None]
    return Estimates(phi, _spread(total, squares, pairs), full, empty, evals)


def _spread(
    total: NDArray[np.float64], squares: NDArray[np.float64], count: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the standard error of the mean of `count` replicates; nan for a single one."""
    n = count[:, None].astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = np.clip(squares / n - (total / n) ** 2, 0, None) * n / (n - 1)
        return np.where(n > 1, np.sqrt(variance / n), np.nan)


def _adjusted_kernel(block: Block, config: ExplainConfig, generators: Generators) -> Estimates:
    """Draw until each sequence has its number of evaluations, or its standard error."""
    usual = EVALS_A_TOKEN * block.num_players
    most = config.max_evals or (usual if config.standard_error is None else MOST_EVALS)
    open_ = np.arange(block.num_sequences)
    first = most if config.standard_error is None else min(most, usual)
    plans = [kernel_plan(block.num_players, first, rng) for rng in generators]
    outputs = _ask(block, open_, plans)
    phi, error = adjusted_values(plans, outputs)
    while config.standard_error is not None:
        open_ = open_[~(error[open_].mean(1) <= config.standard_error)]
        drawn = 2 * len(plans[int(open_[0])].rows) + 2 if len(open_) else most
        budget = min(drawn, most - drawn)
        if budget < 2 * block.num_players:
            break
        more = [kernel_plan(block.num_players, budget, generators[int(i)]) for i in open_]
        for i, plan, values in zip(open_, more, _ask(block, open_, more), strict=True):
            plans[i], outputs[i] = joined(plans[i], outputs[i], plan, values)
        phi[open_], error[open_] = adjusted_values(
            [plans[i] for i in open_], [outputs[i] for i in open_]
        )
    full, empty = (np.array([values[end] for values in outputs]) for end in (FULL, EMPTY))
    return Estimates(phi, error, full, empty, np.array([len(values) for values in outputs]))


def _kernel(block: Block, config: ExplainConfig, generators: Generators) -> Estimates:
    budget = config.max_evals or max(DEFAULT_COALITIONS, EVALS_A_TOKEN * block.num_players)
    plans = [kernel_plan(block.num_players, budget, rng) for rng in generators]
    outputs = _ask(block, np.arange(len(plans)), plans)
    solved = [plan.solve(part) for plan, part in zip(plans, outputs, strict=True)]
    return Estimates(
        np.stack([phi for phi, _ in solved]),
        np.stack([error for _, error in solved]),
        np.array([part[FULL] for part in outputs]),
        np.array([part[EMPTY] for part in outputs]),
        np.array([len(part) for part in outputs]),
    )


def _nodes(block: Block, config: ExplainConfig, default: int) -> int:
    if config.max_evals is None:
        return max(4, default // block.cost)
    return max(2, (config.max_evals - 2) // (EVALS_A_NODE * block.cost))


def _integrated(block: Block, config: ExplainConfig, generators: Generators) -> Estimates:
    nodes = _nodes(block, config, DEFAULT_NODES)
    phi, error = integrated_gradients(block, nodes)
    return _with_ends(block, phi, error, nodes)


def _expected(block: Block, config: ExplainConfig, generators: Generators) -> Estimates:
    draws = _nodes(block, config, DEFAULT_DRAWS)
    # One draw in each of as many equal parts of the path: far less noise than draws anywhere.
    points = np.stack([(np.arange(draws) + rng.random(draws)) / draws for rng in generators])
    phi, error = expected_gradients(block, points)
    return _with_ends(block, phi, error, draws)


def _with_ends(
    block: Block, phi: NDArray[np.float64], error: NDArray[np.float64], nodes: int
) -> Estimates:
    empty, full = _ends(block)
    return Estimates(phi, error, full, empty, np.full(len(phi), 2 + EVALS_A_NODE * nodes))


def _attention(block: Block, config: ExplainConfig, generators: Generators) -> Estimates:
    phi = attended(block.game, block.ids, config.attention_layers)
    every = np.arange(block.num_sequences)
    full = block.values(every, np.ones(phi.shape, bool))
    nothing = np.full(len(phi), np.nan)
    return Estimates(phi, np.full(phi.shape, np.nan), full, nothing, np.full(len(phi), 2))


def _lime(block: Block, config: ExplainConfig, generators: Generators) -> Estimates:
    usual = max(DEFAULT_NEIGHBOURS, NEIGHBOURS_A_TOKEN * block.num_players)
    num = config.max_evals or usual
    # Row 0 of each keeps all tokens.
    masks = [draw_masks(block.num_players, num, rng) for rng in generators]
    at_once = max(1, ROWS_AT_ONCE // num)
    found, full = [], []
    for start in range(0, block.num_sequences, at_once):
        part = masks[start : start + at_once]
        rows = np.repeat(np.arange(start, start + len(part)), num)
        outputs = block.values(rows, np.concatenate(part)).reshape(len(part), num)
        for own, values in zip(part, outputs, strict=True):
            found.append(fit_local(own, values, weights(distances(own), config.kernel_width)))
            full.append(float(values[0]))
    return Estimates(
        np.stack([one.coefficients for one in found]),
        np.stack([one.errors for one in found]),
        np.array(full),
        np.full(len(found), np.nan),
        np.full(len(found), num),
    )


def _anchors(block: Block, config: ExplainConfig, generators: Generators) -> Estimates:
    every = np.arange(block.num_sequences)
    full = block.values(every, np.ones((block.num_sequences, block.num_players), bool))
    found = search_anchors(block, config.anchor_config(), generators)
    nothing = np.full(block.num_sequences, np.nan)
    return Estimates(
        found.phi, found.error, full, nothing, found.num_draws + 1, anchors=found.anchors
    )


ESTIMATORS: dict[str, Callable[[Block, ExplainConfig, Generators], Estimates]] = {
    "adjusted_kernel": _adjusted_kernel,
    "permutation": _permutation,
    "tree_permutation": _permutation,
    "partition": _partition,
    "kernel": _kernel,
    "integrated_gradients": _integrated,
    "gradient_shap": _expected,
    "attention": _attention,
    "lime": _lime,
    "anchors": _anchors,
}
