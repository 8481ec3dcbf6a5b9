"""Whether hits of a motif keep a place: the p-value holds whatever the lengths of sequences."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from dnasweep.formats.bases import UNKNOWN
from dnasweep.motifs.motif_tests import interval_p, validate
from dnasweep.motifs.patterns import Pattern
from scipy.stats import binom


def planted_pattern(codes: np.ndarray, word: str) -> Pattern:
    """A motif of one word, with instances all over the sequences."""
    matrix = np.full((len(word), 4), 0.02)
    matrix[np.arange(len(word)), ["ACGT".index(base) for base in word]] = 0.94
    num = len(codes)
    starts = np.random.default_rng(0).integers(0, 60, num)
    return Pattern(
        name="p", matrix=matrix, rows=np.arange(num), starts=starts, reverse=np.zeros(num, bool)
    )


def sequences_of(lengths: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    codes = rng.integers(0, 4, (len(lengths), lengths.max())).astype(np.uint8)
    codes[np.arange(codes.shape[1]) >= lengths[:, None]] = UNKNOWN
    return codes


def place_p_values(codes: np.ndarray, word: str, hit_p: float) -> float:
    num = len(codes)
    bases = SimpleNamespace(codes=codes, first=-40, values=np.zeros(codes.shape))
    data = SimpleNamespace(
        bases=bases,
        positive=np.ones(num, bool),
        discovery=np.zeros(num, bool),
        rows=lambda discovery: np.arange(num),
    )
    (found,) = validate([planted_pattern(codes, word)], data, hit_p=hit_p)  # type: ignore[arg-type]
    return found.p_interval


@pytest.mark.parametrize("word", ["TATAAA", "ACGTG"])
def test_p_values_of_place_are_uniform_for_sequences_of_any_lengths(word: str) -> None:
    rng = np.random.default_rng(len(word))
    found = []
    for _ in range(400):
        lengths = rng.integers(100, 801, 60)
        found.append(place_p_values(sequences_of(lengths, rng), word, 5e-3))
    p = np.array(found)
    for level in (0.01, 0.05, 0.2):
        assert (p <= level).sum() <= binom.ppf(1 - 1e-3, len(p), level)
    # Counts are whole numbers, so sizes lie below the level, but not far.
    assert (p <= 0.2).sum() >= binom.ppf(1e-3, len(p), 0.1)


def test_p_values_of_place_weigh_each_sequence_by_its_starts() -> None:
    centres, chances = np.array([3, 4, 90]), np.array([0.5, 0.1, 0.02])
    ways = sum(
        np.prod([c if i in chosen else 1 - c for i, c in enumerate(chances)])
        for size in (2, 3)
        for chosen in itertools.combinations(range(3), size)
    )
    assert interval_p(centres, (0, 20), chances) == pytest.approx(ways, rel=1e-12)
    assert interval_p(np.array([], int), (0, 20), np.array([])) == 1
    # Of equal chances it is the binomial tail, to where it is small.
    many = interval_p(np.zeros(400, int), (0, 20), np.full(400, 0.05))
    assert many == pytest.approx(binom.sf(399, 400, 0.05), rel=1e-9, abs=0)


def test_a_place_that_hits_keep_is_told_among_sequences_of_any_lengths() -> None:
    rng = np.random.default_rng(2)
    codes = sequences_of(rng.integers(100, 801, 60), rng)
    codes[:30, 45:51] = ["ACGT".index(base) for base in "TATAAA"]
    pattern = planted_pattern(codes, "TATAAA")
    assert pattern.core == slice(0, 6)
    assert place_p_values(codes, "TATAAA", 5e-4) < 1e-9
