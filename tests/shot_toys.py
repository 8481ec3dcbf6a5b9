"""A made-up finished few-shot sweep, for the tests of its report."""

from __future__ import annotations

import numpy as np
from dnasweep.sweeps.cell_results import BaselineResult, CellResult, TestScores
from sweep_toys import NUM_TEST, metrics_of

SHOTS = (10, 100, 1000)
GAIN = {"none": 0.0, "random": 0.9, "genemask": 0.9}
"""Strength added to that of the shots: genemask is as good as random."""


def scored(signal: float, key: tuple[int, ...]) -> TestScores:
    """Scores of a model of a given strength; the rows and what is hard about them are shared."""
    rows = np.random.default_rng(0)
    labels = (rows.random(NUM_TEST) < 0.5).astype(int)
    difficulty = rows.normal(size=NUM_TEST)
    noise = np.random.default_rng(key).normal(size=NUM_TEST)
    logits = signal * (2 * labels - 1) + difficulty + 0.5 * noise
    ids = np.array([f"row{i}" for i in range(NUM_TEST)])
    return TestScores(ids=ids, labels=labels, scores=1 / (1 + np.exp(-logits)))


def cell(start: str, shots: int, resample: int, seed: int, **changes) -> CellResult:
    """One trial of the made-up sweep."""
    place = list(GAIN).index(start)
    luck = np.random.default_rng([place, shots, resample]).normal(0, 0.03)
    signal = 0.25 * np.log10(shots) + GAIN[start] + luck
    scores = scored(signal, (place, shots, resample, seed))
    axes = {"shots": shots, "resample": resample}
    values = {
        "trial_key": f"{start}-{shots}-{resample}-{seed}",
        "tokenizer": "kmer-6-overlap",
        "species_set": "none" if start == "none" else "all",
        "learning_rate": 1e-4 if shots <= 100 else 5e-5,
        "seed": seed,
        "axes": axes if start == "none" else {"masking": start, **axes},
        "test": metrics_of(scores),
        "test_scores": scores,
        "device_seconds": 2.0,
    }
    return CellResult(**(values | changes))


def sweep(starts: tuple[str, ...] = tuple(GAIN), *, draws: int = 3) -> list[CellResult]:
    """Initialisations x three numbers of shots x draws x two seeds."""
    return [
        cell(start, shots, resample, seed)
        for start in starts
        for shots in SHOTS
        for resample in range(draws)
        for seed in range(2)
    ]


def baselines(*, draws: int = 3) -> list[BaselineResult]:
    """The k-mer baseline on each draw: better than no pretraining, worse than any."""
    found = []
    for shots in SHOTS:
        for resample in range(draws):
            scores = scored(0.25 * np.log10(shots) + 0.45, (9, shots, resample))
            found.append(
                BaselineResult(
                    shots=shots, resample=resample, test=metrics_of(scores), test_scores=scores
                )
            )
    return found
