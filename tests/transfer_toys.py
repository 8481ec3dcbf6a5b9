"""A made-up finished species transfer, for the tests of its report."""

from __future__ import annotations

import numpy as np
from dnasweep.sweeps.cell_results import BaselineResult, CellResult, TestScores
from dnasweep.sweeps.transfer_strategies import STRATEGIES, transfer_route
from sweep_toys import metrics_of

SPECIES = ("human", "mouse", "rat", "chicken", "zebrafish", "worm")
TARGETS = ("worm", "human", "mouse", "chicken", "zebrafish")
STRENGTH = {"random": 0.4, "target": 0.7, "all": 1.1, "all-then-close": 1.3, "zero-shot": 0.8}
FAR = {"human": 0.0, "mouse": 0.0, "chicken": 0.2, "zebrafish": 0.3, "worm": 0.6}
"""What pretraining on others loses by distance."""
ROWS = 200


def scored(target: str, signal: float, seed: int) -> TestScores:
    """Scores on the rows of a target; the rows and what is hard about them are shared."""
    rows = np.random.default_rng([7, *target.encode()])
    labels = np.arange(ROWS) % 2
    difficulty = rows.normal(size=ROWS)
    noise = np.random.default_rng([seed, *target.encode()]).normal(size=ROWS)
    logits = signal * (2 * labels - 1) + difficulty + 0.5 * noise
    ids = np.array([f"{target}{index}" for index in range(ROWS)])
    return TestScores(ids=ids, labels=labels, scores=1 / (1 + np.exp(-logits)))


def cell(target: str, strategy: str, seed: int = 0, rate: float = 1e-3, **changes) -> CellResult:
    """One trial of the made-up transfer."""
    read = transfer_route(strategy, target, SPECIES)
    lost = 0.0 if strategy in ("random", "target") else FAR[target]
    scores = scored(target, STRENGTH[strategy] - lost, seed)
    axes = {"target": target} | ({"trained_on": read.trained_on} if read.trained_on else {})
    species = {
        "random": (),
        "target": (target,),
        "zero-shot": tuple(s for s in SPECIES if s != target),
    }
    values = {
        "trial_key": f"{target}-{strategy}-{seed}-{rate:g}",
        "tokenizer": "kmer",
        "species_set": read.species_set,
        "learning_rate": rate,
        "seed": seed,
        "axes": axes,
        "species": species.get(strategy, SPECIES),
        "validation": {"validation/mcc": STRENGTH[strategy] - 100 * abs(rate - 1e-3)},
        "test": metrics_of(scores),
        "test_scores": scores,
        "device_seconds": 10.0,
        "history": [{"step": 10.0, "bases_seen": 3e5, "validation/mcc": 0.5}],
        "pretraining": None if strategy == "random" else {"bits_per_base": 1.9, "bases_seen": 1e6},
    }
    return CellResult(**{**values, **changes})


def transfer_cells(*, num_seeds: int = 2) -> list[CellResult]:
    """Five targets x five strategies x two learning rates; the smaller rate is worse."""
    return [
        cell(target, strategy, seed, rate)
        for target in TARGETS
        for strategy in STRATEGIES
        for rate in (1e-3, 3e-4)
        for seed in range(num_seeds)
    ]


def baselines() -> dict[str, BaselineResult]:
    """A k-mer baseline of each target, between random and the rest."""
    found = {}
    for target in TARGETS:
        scores = scored(target, 0.55, 99)
        found[target] = BaselineResult(test=metrics_of(scores), test_scores=scores)
    return found
