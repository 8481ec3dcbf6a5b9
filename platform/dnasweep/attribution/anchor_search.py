"""Anchors: a few tokens that are sufficient for the model's call of a sequence.

An anchor (Ribeiro, Singh & Guestrin 2018) is a set of tokens. Its precision is the fraction of perturbed
sequences with the same call as the whole sequence, if the tokens of the anchor are kept and every other
token is kept with probability `keep`. Its coverage is the fraction of sequences that keep all of its tokens
when every token is kept with probability `keep`. The search looks for the anchor with the highest coverage
whose precision reaches a threshold with confidence. All anchors of one size have the same coverage, so the
search adds one token at a time and ends with the first size at which an anchor is found.

KL-LUCB selects the sets to extend. Tokens are kept independently, so a draw made for one set is also a
valid draw for every larger set whose tokens it happens to keep: draws are needed only for the parents of a
size, not for its hundreds of candidates. An anchor is accepted only on draws made after it was selected, to
avoid the optimistic bias of selecting among many candidates.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dnasweep.attribution.attribution import Anchor
from dnasweep.attribution.block import (
    Block,
    Estimates,
    Generators,
    run_side_by_side,
    values_of_whole,
)
from dnasweep.attribution.bounds import exploration_level, look_level, lower_bound, upper_bound
from dnasweep.attribution.settings import FIRST_LOOK, AnchorConfig, ExplainConfig

Booleans = NDArray[np.bool_]
Integers = NDArray[np.int64]

MAX_LOOKS = 5
"""Maximum number of interim looks at a candidate; its draws are doubled before each look."""

Search = Generator[Booleans, Booleans, Anchor]
"""Yields kept tokens, (rows, tokens); receives which rows are called like the whole sequence."""


class _Candidate(NamedTuple):
    order: tuple[int, ...]
    """Its tokens, in the order in which they were added."""
    means: tuple[float, ...]
    """Precision before each token was added."""
    counts: tuple[int, ...]
    """Number of draws behind each of these precisions."""


class _Draws:
    """All draws of a search, each with the tokens that it had to keep."""

    def __init__(self, num_tokens: int) -> None:
        self.kept = np.empty((0, num_tokens), np.float32)
        self.given = np.empty((0, num_tokens), np.float32)
        self.called = np.empty(0, np.int64)

    def add(self, kept: Booleans, given: Booleans, called: Booleans) -> None:
        """Add rows; `given` marks the tokens that each row had to keep."""
        self.kept = np.concatenate([self.kept, kept.astype(np.float32)])
        self.given = np.concatenate([self.given, given.astype(np.float32)])
        self.called = np.concatenate([self.called, called.astype(np.int64)])

    def count(self, sets: Booleans) -> tuple[Integers, Integers]:
        """Return how many draws count for each set, and how many of them are called alike.

        A draw counts for a set if it keeps all tokens of the set and did not have to keep any other.
        """
        wanted = sets.astype(np.float32).T
        counts = self.kept @ wanted >= wanted.sum(0) - 0.5
        counts &= self.given @ wanted >= self.given.sum(1)[:, None] - 0.5
        return counts.sum(0).astype(np.int64), self.called @ counts


def find_anchor(num_tokens: int, rng: np.random.Generator, config: AnchorConfig) -> Search:
    """Search for an anchor of one sequence.

    Parameters
    ----------
    num_tokens
        Number of tokens in the sequence, without special tokens.
    rng
        Random generator.
    config
        Requirements on the anchor, and settings of the search.
    """
    draws, look = _Draws(num_tokens), 0
    level = [_Candidate((), (), ())]
    nothing = np.zeros(num_tokens, bool)
    best: tuple[float, _Candidate] = (-1.0, level[0])
    for size in range(min(config.max_tokens, num_tokens) + 1):
        if size:
            level = _extended(level, draws, num_tokens)
            level = yield from _choose(level, draws, rng, config)
        else:
            yield from _draw(draws, nothing, 2 * config.draws, rng, config)
        num, called = draws.count(_sets(level, num_tokens))
        means = called / np.maximum(num, 1)
        for one, bound in zip(level, _lower_bounds(means, num, config), strict=True):
            best = max(best, (float(bound), one), key=lambda pair: pair[0])
        promising = [
            one for one, mean in zip(level, means, strict=True) if mean >= config.threshold
        ]
        found = []
        for one in promising:
            look, verdict = yield from _look(one, draws, look, rng, config)
            if verdict.found:
                found.append(verdict)
        if found:
            best_found = max(found, key=lambda anchor: anchor.lower)
            return best_found._replace(num_draws=len(draws.called))
        if len(draws.called) >= config.max_search_draws:
            break
        if size < min(config.max_tokens, num_tokens):
            for one in level:
                given = _sets([one], num_tokens)[0]
                there = int(draws.count(given[None])[0][0])
                yield from _draw(draws, given, config.draws - there, rng, config)
    _, verdict = yield from _look(best[1], draws, look, rng, config, persistent=False)
    return verdict._replace(num_draws=len(draws.called))


def _extended(level: Sequence[_Candidate], draws: _Draws, num_tokens: int) -> list[_Candidate]:
    """Return every distinct set with one more token, extended from its parent of highest precision."""
    num, called = draws.count(_sets(level, num_tokens))
    means = called / np.maximum(num, 1)
    found: dict[frozenset[int], _Candidate] = {}
    for i in np.argsort(-means, kind="stable"):
        one = level[i]
        for token in range(num_tokens):
            if token not in one.order:
                found.setdefault(
                    frozenset((*one.order, token)),
                    _Candidate(
                        (*one.order, token),
                        (*one.means, float(means[i])),
                        (*one.counts, int(num[i])),
                    ),
                )
    return list(found.values())


def _choose(
    level: list[_Candidate], draws: _Draws, rng: np.random.Generator, config: AnchorConfig
) -> Generator[Booleans, Booleans, list[_Candidate]]:
    """Return the `config.beam` sets of highest precision, chosen by KL-LUCB."""
    num_tokens = draws.kept.shape[1]
    sets = _sets(level, num_tokens)
    num, called = draws.count(sets)
    for round_ in range(1, config.rounds + 1):
        # A set without draws counts as perfect, so it will be drawn.
        means = np.where(num > 0, called / np.maximum(num, 1), 1.0)
        order = np.lexsort((np.arange(len(level)), -means))
        inside, outside = order[: config.beam], order[config.beam :]
        if not len(outside):
            break
        level_ = exploration_level(len(level), round_, config.delta) / np.maximum(num, 1)
        level_[num == 0] = np.inf
        weakest = inside[np.argmin(lower_bound(means[inside], level_[inside]))]
        rival = outside[np.argmax(upper_bound(means[outside], level_[outside]))]
        gap = upper_bound(means[[rival]], level_[[rival]])
        gap = gap - lower_bound(means[[weakest]], level_[[weakest]])
        if gap[0] < config.tolerance or len(draws.called) >= config.max_search_draws:
            break
        for one in (int(weakest), int(rival)):
            before = len(draws.called)
            yield from _draw(draws, sets[one], config.batch, rng, config)
            num[one] += len(draws.called) - before
            called[one] += draws.called[before:].sum()
    means = called / np.maximum(num, 1)
    order = np.lexsort((np.arange(len(level)), -means))
    return [level[i] for i in order[: config.beam]]


def _look(
    one: _Candidate,
    draws: _Draws,
    look: int,
    rng: np.random.Generator,
    config: AnchorConfig,
    *,
    persistent: bool = True,
) -> Generator[Booleans, Booleans, tuple[int, Anchor]]:
    """Measure a set on new draws; if `persistent`, draw until the set is accepted or rejected."""
    given = _sets([one], draws.kept.shape[1])[0]
    num = called = 0
    size, mean, low, high = FIRST_LOOK, 0.0, 0.0, 1.0
    for _ in range(MAX_LOOKS if persistent else 1):
        before = len(draws.called)
        yield from _draw(draws, given, size, rng, config, last=not persistent)
        if len(draws.called) == before:
            break
        num, called = num + len(draws.called) - before, called + int(draws.called[before:].sum())
        look += 1
        mean, level = called / num, np.array([look_level(look, config.delta) / num])
        low = float(lower_bound(np.array([mean]), level)[0])
        high = float(upper_bound(np.array([mean]), level)[0])
        if low >= config.threshold or high < config.threshold:
            break
        size = num
    means, counts = np.array([*one.means, mean]), np.array([*one.counts, num])
    variances = means * (1 - means) / np.maximum(counts, 1)
    return look, Anchor(
        tokens=one.order,
        gains=tuple(np.diff(means).tolist()),
        errors=tuple(np.sqrt(variances[1:] + variances[:-1]).tolist()),
        precision=mean,
        lower=low,
        upper=high,
        coverage=config.keep ** len(one.order),
        num_draws=len(draws.called),
        found=low >= config.threshold,
    )


def _draw(
    draws: _Draws,
    given: Booleans,
    num: int,
    rng: np.random.Generator,
    config: AnchorConfig,
    *,
    last: bool = False,
) -> Generator[Booleans, Booleans, None]:
    """Add draws that keep the given tokens, up to the limit of the search; `last` draws may use all."""
    limit = config.max_draws if last else config.max_search_draws
    num = min(num, limit - len(draws.called))
    if num > 0:
        kept = rng.random((num, len(given))) < config.keep
        kept |= given
        called = yield kept
        draws.add(kept, np.broadcast_to(given, kept.shape), called)


def _sets(level: Sequence[_Candidate], num_tokens: int) -> Booleans:
    sets = np.zeros((len(level), num_tokens), bool)
    for row, one in zip(sets, level, strict=True):
        row[list(one.order)] = True
    return sets


def _lower_bounds(means: NDArray[np.float64], num: Integers, config: AnchorConfig) -> list[float]:
    level = look_level(1, config.delta) / np.maximum(num, 1)
    return [float(v) for v in lower_bound(means, level)]


def anchors(block: Block, config: ExplainConfig, generators: Generators) -> Estimates:
    """Find an anchor for the call of each sequence.

    The value of a token is the gain in precision when it joined the anchor, negative if the sequence is not
    called the class explained, and 0 outside the anchor. The searches run in parallel: the requests of all
    searches in a round form one batch.

    Parameters
    ----------
    block, config, generators
        Arguments of every estimator, see :mod:`dnasweep.attribution.estimators`.
    """
    shape = (block.num_sequences, block.num_tokens)
    prediction = values_of_whole(block)
    called = block.called(np.arange(shape[0]), np.ones(shape, bool))
    searches = [find_anchor(shape[1], rng, config.anchor_config()) for rng in generators]

    def answer(asked: Mapping[int, Booleans]) -> list[Booleans]:
        counts = [len(masks) for masks in asked.values()]
        rows = np.repeat(list(asked), counts)
        alike = block.called(rows, np.concatenate(list(asked.values()))) == called[rows]
        return np.split(alike, np.cumsum(counts)[:-1])

    found = [
        anchor._replace(called=bool(own))
        for anchor, own in zip(run_side_by_side(searches, answer), called, strict=True)
    ]
    phi, error = np.zeros(shape), np.full(shape, np.nan)
    for i, anchor in enumerate(found):
        members = list(anchor.tokens)
        phi[i, members] = np.array(anchor.gains) * (1 if called[i] else -1)
        error[i, members] = anchor.errors
    return Estimates(
        phi,
        standard_error=error,
        prediction=prediction,
        base_value=np.full(shape[0], np.nan),
        # The output for the whole sequence is an evaluation too.
        num_evals=np.array([1 + anchor.num_draws for anchor in found]),
        anchors=found,
    )
