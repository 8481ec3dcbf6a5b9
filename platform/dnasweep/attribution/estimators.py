"""The estimators by name: from a block of sequences to values, error estimates and their cost.

| name | estimates | cost in evaluations | error estimate |
|---|---|---|---|
| adjusted_kernel | Shapley values | max_evals, 250 or 5 a token | of the least squares fit |
| the same, to 8 tokens | Shapley values | all coalitions | none: exact |
| permutation | Shapley values | 2 (tokens - 1) a pair, 2 pairs | spread over pairs, from 10 on |
| partition | Owen values | all, about 0.7 tokens^2 | none: exact |
| partition, max_evals | Owen values | at most max_evals | credit not split to the token |
| integrated_gradients | path integral | 3 a node, 16 nodes | of the quadrature |
| attention | attention of [CLS] | 2 | none |
| lime | a linear model nearby | max_evals, 1000 or 10 a token | of the weighted fit |
| anchors | what joins an anchor | what it takes, about max_evals at most | of the draws |

What is drawn at random is not drawn where `max_evals` covers everything: then values are exact.
Standard errors are such that 1.96 of them to either side make an interval of 95 %, see
:func:`dnasweep.attribution.standard_errors.widening`.

In-silico mutagenesis, which mutates bases and not tokens, is in
:mod:`dnasweep.attribution.mutagenesis`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from dnasweep.attribution.adaptive import expand
from dnasweep.attribution.anchors import search_anchors
from dnasweep.attribution.attention import attended
from dnasweep.attribution.budgets import EVALS_A_NODE, nodes_within
from dnasweep.attribution.estimates import ROWS_AT_ONCE, Estimates, Generators, ends
from dnasweep.attribution.game import Block
from dnasweep.attribution.gradients import integrated_gradients
from dnasweep.attribution.lime import distances, draw_masks, fit_local, weights
from dnasweep.attribution.sampled import adjusted_kernel, all_owen_values, permutation
from dnasweep.attribution.settings import ExplainConfig

DEFAULT_NODES = 16
DEFAULT_NEIGHBOURS = 1000
NEIGHBOURS_A_TOKEN = 10


def _partition(block: Block, config: ExplainConfig, generators: Generators) -> Estimates:
    if config.max_evals is not None:
        empty, full = ends(block)
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
    return all_owen_values(block)


def _nodes(block: Block, config: ExplainConfig, default: int) -> int:
    if config.max_evals is None:
        return max(4, default // block.cost)
    return nodes_within(block.cost, config.max_evals)


def _integrated(block: Block, config: ExplainConfig, generators: Generators) -> Estimates:
    nodes = _nodes(block, config, DEFAULT_NODES)
    phi, error = integrated_gradients(block, nodes)
    return _with_ends(block, phi, error, nodes)


def _with_ends(
    block: Block, phi: NDArray[np.float64], error: NDArray[np.float64], nodes: int
) -> Estimates:
    empty, full = ends(block)
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
    "adjusted_kernel": adjusted_kernel,
    "permutation": permutation,
    "partition": _partition,
    "integrated_gradients": _integrated,
    "attention": _attention,
    "lime": _lime,
    "anchors": _anchors,
}
