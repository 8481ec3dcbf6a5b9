"""The estimators by name: each maps a block of sequences to attributions, errors and costs.

| name | estimates | cost in evaluations | error estimate |
|---|---|---|---|
| adjusted_kernel | Shapley values | max_evals, 250 or 5 per token | of the process, from 22 on |
| the same, up to 8 tokens | Shapley values | all coalitions | none: exact |
| permutation | Shapley values | 2 (tokens - 1) per pair, 2 pairs | spread over pairs, from 10 on |
| partition | Owen values | all, about 0.7 tokens^2 | none: exact |
| partition, max_evals | Owen values | at most max_evals | credit not split to the token |
| integrated_gradients | path integral | 3 per point, 16 points | of the quadrature |
| attention | attention of [CLS] | 2 | none |
| lime | a linear model nearby | max_evals, 1000 or 10 per token | of the weighted fit |
| anchors | gain in precision | what it takes, about max_evals at most | of the draws |

Every estimator takes a block of sequences with equally many tokens, the settings, and one random generator
per sequence, which some do not use; it returns :class:`~dnasweep.attribution.block.Estimates`.

If `max_evals` covers all coalitions, nothing is sampled and values are exact. Standard errors are scaled
such that the value +/- 1.96 of them is a 95 % interval, see
:func:`dnasweep.attribution.intervals.widening`.

In-silico mutagenesis, which mutates bases and not tokens, is in
:mod:`dnasweep.attribution.mutagenesis`.
"""

from __future__ import annotations

from collections.abc import Callable

from dnasweep.attribution.adjusted_kernel import adjusted_kernel
from dnasweep.attribution.anchor_search import anchors
from dnasweep.attribution.attention import attention
from dnasweep.attribution.block import Block, Estimates, Generators
from dnasweep.attribution.gradients import integrated_gradients
from dnasweep.attribution.lime import lime
from dnasweep.attribution.partition import partition
from dnasweep.attribution.permutation import permutation
from dnasweep.attribution.settings import ExplainConfig

ESTIMATORS: dict[str, Callable[[Block, ExplainConfig, Generators], Estimates]] = {
    "adjusted_kernel": adjusted_kernel,
    "permutation": permutation,
    "partition": partition,
    "integrated_gradients": integrated_gradients,
    "attention": attention,
    "lime": lime,
    "anchors": anchors,
}
