"""Null simulations of the intervals of attributions, on games whose Shapley values are known.

The games are bounded sums, like log odds of classifiers, and products of a few tokens, like motifs that
need all of their parts. Each draw is a new game. The estimator runs as in jobs, and the interval of one
token is compared with its known value.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from dnasweep.attribution.block import Block
from dnasweep.attribution.estimators import ESTIMATORS
from dnasweep.attribution.intervals import NORMAL
from dnasweep.attribution.settings import ExplainConfig
from nulls import Check, Floats, Simulate
from saturating_game import Saturating

AT_ONCE = 25
"""Number of games per block."""
KINDS = ("bounded", "two bounds", "mixed", "products")


class Game(NamedTuple):
    """A sum of bounded sums, products and weights."""

    bounded: tuple[Saturating, ...]
    products: tuple[tuple[Floats, float], ...]
    weights: Floats

    def __call__(self, masks: Floats) -> Floats:
        """Return the value of coalitions (rows, tokens)."""
        values = masks @ self.weights
        for one in self.bounded:
            values = values + one(masks)
        for members, height in self.products:
            values = values + height * masks[:, members].all(1)
        return values

    def shapley(self) -> Floats:
        """Return the Shapley values: of a product each of its tokens has an equal share."""
        phi = self.weights.copy()
        for one in self.bounded:
            phi += one.shapley()
        for members, height in self.products:
            phi[members] += height / len(members)
        return phi


class Games:
    """Games of the same number of tokens, with the interface of a block of sequences."""

    cost = 1

    def __init__(self, games: list[Game], num_tokens: int) -> None:
        self.games, self.num_tokens, self.num_sequences = games, num_tokens, len(games)

    def values(self, sequences: Floats, masks: Floats) -> Floats:
        """Return the value of coalitions, (rows,)."""
        found = np.empty(len(masks))
        for i in np.unique(sequences):
            rows = sequences == i
            found[rows] = self.games[int(i)](masks[rows])
        return found

    # By `values` alone.
    values_of_each = Block.values_of_each


def draw_game(tokens: int, kind: str, rng: np.random.Generator) -> Game:
    """Return a game in which a few tokens matter, alone or together, and many hardly do."""
    bounded = []
    for sign in {"bounded": (1,), "two bounds": (1, -1), "mixed": (1,)}.get(kind, ()):
        weights = rng.normal(0, 0.15, tokens)
        weights[rng.choice(tokens, 4, replace=False)] += sign * rng.normal(1, 0.4, 4)
        bounded.append(Saturating(3.0, rng.normal(-1, 0.5), weights))
    products = []
    for _ in range({"mixed": tokens // 2, "products": tokens}.get(kind, 0)):
        size = int(rng.integers(2, 5))
        apart = rng.choice(tokens, size, replace=False)
        members = apart if rng.random() < 0.5 else rng.integers(tokens - size) + np.arange(size)
        products.append((members, float(rng.normal(0, 1.5 if rng.random() < 0.1 else 0.4))))
    weights = rng.normal(0, 0.2, tokens) if products else np.zeros(tokens)
    return Game(tuple(bounded), tuple(products), weights)


def of_tokens(tokens: int, **settings: Any) -> Simulate:
    """Return the simulation of an estimator on games of `tokens` tokens, equally many of each kind.

    If the settings include `share`, sampling continues until the standard error is this fraction of the
    largest value.
    """
    share = settings.pop("share", None)

    def simulate(rng: np.random.Generator, times: int) -> Floats:
        found: list[tuple[float, float, float]] = []
        while len(found) < times:
            kinds = [KINDS[(len(found) + i) % len(KINDS)] for i in range(AT_ONCE)]
            games = [draw_game(tokens, kind, rng) for kind in kinds]
            truth = np.array([game.shapley() for game in games])
            wanted = settings
            if share is not None:
                wanted = settings | {"standard_error": share * float(np.abs(truth).max(1).mean())}
            config = ExplainConfig(**wanted)
            block: Any = Games(games, tokens)
            made = ESTIMATORS[config.estimator](block, config, rng.spawn(AT_ONCE))
            for phi, error, true in zip(made.phi, made.standard_error, truth, strict=True):
                i = rng.integers(tokens)
                half = NORMAL * error[i]
                found.append((phi[i] - half, phi[i] + half, true[i]))
        return np.array(found[:times])

    return simulate


def of_lime(tokens: int, **settings: Any) -> Simulate:
    """Return the simulation of LIME; the true values are its coefficients from very many neighbours."""

    def simulate(rng: np.random.Generator, times: int) -> Floats:
        found: list[tuple[float, float, float]] = []
        many = ExplainConfig(estimator="lime", max_evals=20_000)
        while len(found) < times:
            game = draw_game(tokens, KINDS[len(found) // AT_ONCE % len(KINDS)], rng)
            one: Any = Games([game], tokens)
            truth = ESTIMATORS["lime"](one, many, rng.spawn(1)).phi[0]
            block: Any = Games([game] * AT_ONCE, tokens)
            config = ExplainConfig(estimator="lime", **settings)
            made = ESTIMATORS["lime"](block, config, rng.spawn(AT_ONCE))
            for phi, error in zip(made.phi, made.standard_error, strict=True):
                i = rng.integers(tokens)
                half = NORMAL * error[i]
                found.append((phi[i] - half, phi[i] + half, truth[i]))
        return np.array(found[:times])

    return simulate


def _check(tokens: int, words: str, *, careful: bool = False, **settings: Any) -> Check:
    return Check(
        quantity=f"attribution by {settings['estimator']}, 1.96 standard errors",
        setting=f"{tokens} tokens, {words}",
        simulate=of_tokens(tokens, **settings),
        may_be_careful=careful,
    )


CHECKS = {
    **{
        f"adjusted_kernel_{tokens}": _check(
            tokens, "default evaluations", careful=True, estimator="adjusted_kernel"
        )
        for tokens in (9, 12, 25, 50)
    },
    "adjusted_kernel_75_few": _check(
        75, "100 evaluations", careful=True, estimator="adjusted_kernel", max_evals=100
    ),
    **{
        f"adjusted_kernel_{tokens}_stop": _check(
            tokens,
            "until .02 of the largest",
            estimator="adjusted_kernel",
            share=0.02,
            careful=True,
        )
        for tokens in (12, 25)
    },
    **{
        f"permutation_{pairs}_{tokens}": _check(
            tokens,
            f"{pairs} pairs",
            estimator="permutation",
            max_evals=2 + 2 * (tokens - 1) * pairs,
        )
        for tokens, pairs in ((12, 10), (12, 20), (50, 10))
    },
    **{
        f"lime_{tokens}_{words.split()[0]}": Check(
            quantity="attribution by lime, 1.96 standard errors",
            setting=f"{tokens} tokens, {words}",
            simulate=of_lime(tokens, **settings),
            may_be_careful=True,
        )
        for tokens, words, settings in (
            (12, "default evaluations", {}),
            (50, "default evaluations", {}),
            (50, "100 evaluations", {"max_evals": 100}),
        )
    },
    "permutation_25_stop": _check(
        25, "until .05 of the largest", estimator="permutation", share=0.05
    ),
}
