"""A made-up finished sweep, for the tests of the report."""

from __future__ import annotations

import numpy as np
from dnasweep.sweeps.cell_results import BaselineResult, CellResult, TestScores
from sklearn.metrics import matthews_corrcoef, roc_auc_score

SPECIES = {"none": (), "human": ("human",), "mammals": ("human", "mouse", "rat", "macaque")}
QUALITY = {"kmer-6": 0.9, "bpe-1024": 1.2, "wordpiece-1024": 1.05}
UNIGRAM = {"kmer-6": 1.96, "bpe-1024": 2.09, "wordpiece-1024": 1.9}
GAIN = {"none": 0.0, "human": 0.15, "mammals": 0.4}
RATES = {3e-4: -0.2, 1e-3: 0.0, 3e-3: -0.1}
NUM_TEST = 600


def scored(signal: float, seed: int, *, num: int = NUM_TEST) -> TestScores:
    """Scores of a model of a given strength; the rows and what is hard about them are shared."""
    rows = np.random.default_rng(0)
    labels = (rows.random(num) < 0.5).astype(int)
    difficulty = rows.normal(size=num)
    noise = np.random.default_rng(seed + 1).normal(size=num)
    logits = signal * (2 * labels - 1) + difficulty + 0.6 * noise
    ids = np.array([f"row{index}" for index in range(num)])
    return TestScores(ids=ids, labels=labels, scores=1 / (1 + np.exp(-logits)), threshold=0.5)


def metrics_of(scores: TestScores) -> dict[str, float]:
    """MCC and AUROC of scores, named as the training loop names test metrics."""
    called = scores.scores >= scores.threshold
    return {
        "test/mcc": float(matthews_corrcoef(scores.labels, called)),
        "test/auroc": float(roc_auc_score(scores.labels, scores.scores)),
    }


def cell(tokenizer: str, species_set: str, rate: float, seed: int, **changes) -> CellResult:
    """One trial of the made-up sweep."""
    signal = QUALITY[tokenizer] + GAIN[species_set] + RATES[rate]
    noise = np.random.default_rng([seed, len(tokenizer), int(rate * 1e4)])
    level = 0.35 + 0.2 * signal + noise.normal(0, 0.01)
    history = [
        {
            "step": 20.0 * e,
            "bases_seen": 1e5 * e,
            "epoch": float(e),
            "validation/mcc": level * (1 - 0.6**e),
        }
        for e in range(1, 7)
    ]
    bits = 2.0 - 0.05 * GAIN[species_set] - 0.02 * QUALITY[tokenizer]
    pretraining = {
        "bits_per_base": bits,
        "unigram_bits_per_base": UNIGRAM[tokenizer],
        "markov_bits_per_base": 1.965,
        "history": [
            {"step": 50.0 * e, "bases_seen": 2e5 * e, "bits_per_base": bits + 0.1 * 0.5**e}
            for e in range(1, 6)
        ],
    }
    scores = scored(signal, seed)
    values = {
        "trial_key": f"{tokenizer}-{species_set}-{rate:g}-{seed}",
        "tokenizer": tokenizer,
        "species_set": species_set,
        "learning_rate": rate,
        "seed": seed,
        "species": SPECIES[species_set],
        "validation": {"validation/mcc": level * (1 - 0.6**6), "validation/loss": 1 - level},
        "test": metrics_of(scores),
        "test_scores": scores,
        "per_species_test": {
            name: {"mcc": level - 0.05 * i} for i, name in enumerate(SPECIES["mammals"])
        },
        "device_seconds": 40 * QUALITY[tokenizer] + 10 * len(SPECIES[species_set]) + seed,
        "peak_memory_bytes": 2**30,
        "history": history,
        "pretraining": pretraining if SPECIES[species_set] else None,
    }
    return CellResult(**{**values, **changes})


def sweep(*, num_seeds: int = 2) -> list[CellResult]:
    """Three tokenizers x three species sets x three learning rates, one trial diverged."""
    cells = [
        cell(tokenizer, species_set, rate, seed)
        for tokenizer in QUALITY
        for species_set in SPECIES
        for rate in RATES
        for seed in range(num_seeds)
    ]
    broken = cell(
        "kmer-6",
        "none",
        3e-3,
        0,
        outcome="diverged",
        reason="loss was nan at step 12",
        validation={"validation/mcc": 0.99},
        test=None,
        test_scores=None,
    )
    return [broken if c.trial_key == broken.trial_key else c for c in cells]


def baseline() -> BaselineResult:
    """The made-up k-mer logistic regression: below most cells, above the weakest."""
    scores = scored(1.0, 99)
    return BaselineResult(test=metrics_of(scores), test_scores=scores)
