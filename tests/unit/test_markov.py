"""Markov chains: exact small cases, known entropies, and contexts that stay in their sequence."""

from __future__ import annotations

import math
import random

import pytest
from dnasweep.tokens.markov import markov_bits_per_base

TRANSITIONS = {"A": (8, 1, 1, 0), "C": (1, 1, 4, 4), "G": (1, 7, 1, 1), "T": (2, 2, 3, 3)}


def chain(generator: random.Random, length: int) -> str:
    sequence = generator.choice("ACGT")
    while len(sequence) < length:
        sequence += generator.choices("ACGT", weights=TRANSITIONS[sequence[-1]])[0]
    return sequence


def entropy_rate() -> float:
    rows = [[w / 10 for w in TRANSITIONS[base]] for base in "ACGT"]
    stationary = [0.25] * 4
    for _ in range(500):
        stationary = [sum(stationary[i] * rows[i][j] for i in range(4)) for j in range(4)]
    return -sum(stationary[i] * p * math.log2(p) for i, row in enumerate(rows) for p in row if p)


@pytest.fixture(scope="module")
def text() -> tuple[list[str], list[str]]:
    generator = random.Random(0)
    return [chain(generator, 300) for _ in range(300)], [chain(generator, 300) for _ in range(80)]


def test_order_zero_is_laplace_by_hand():
    expected = -(3 * math.log2(4 / 8) + math.log2(1 / 8)) / 4
    assert markov_bits_per_base(["AAAC"], ["aaaG"], order=0) == pytest.approx(expected)


def test_order_one_by_hand():
    # AC has followed A once. With one base left out the shorter context explains it, so of the
    # numbers of pseudo-counts the one that trusts the count least is not refuted: compare the two.
    low = markov_bits_per_base(["ACACACACACAC"], ["CA"], order=1)
    assert low < markov_bits_per_base(["ACACACACACAC"], ["CC"], order=1)
    assert low < markov_bits_per_base(["ACACACACACAC"], ["CA"], order=0)


def test_a_chain_is_measured_at_its_entropy(text):
    for order in (1, 3, 6):
        bits = markov_bits_per_base(*text, order=order)
        assert bits == pytest.approx(entropy_rate(), abs=0.02)
    assert markov_bits_per_base(*text, order=0) > entropy_rate() + 0.3


def test_both_sides_know_more_and_longer_contexts_do_no_harm(text):
    one = markov_bits_per_base(*text, order=1, both_sides=True)
    assert one < markov_bits_per_base(*text, order=1) - 0.2
    assert markov_bits_per_base(*text, order=5, both_sides=True) == pytest.approx(one, abs=0.01)


def test_random_text_costs_two_bits():
    generator = random.Random(1)
    train, other = (["".join(generator.choices("ACGT", k=5000)) for _ in range(4)] for _ in "ab")
    for both_sides in (False, True):
        bits = markov_bits_per_base(train, other, order=4, both_sides=both_sides)
        assert bits == pytest.approx(2.0, abs=0.01)


def test_contexts_end_with_a_sequence_and_at_an_n():
    train = ["ACGTTGCA" * 20, "GGTCA" * 9]
    for both_sides in (False, True):
        joined = markov_bits_per_base(train, ["ACGTA", "CCGTT"], order=3, both_sides=both_sides)
        broken = markov_bits_per_base(train, ["ACGTANCCGTT"], order=3, both_sides=both_sides)
        parts = [
            markov_bits_per_base(train, [part], order=3, both_sides=both_sides)
            for part in ("ACGTA", "CCGTT")
        ]
        assert joined == pytest.approx(broken)
        assert joined == pytest.approx(sum(parts) / 2)


def test_one_side_looks_back_and_not_ahead():
    train = ["ACGTTGCAGGTCATTG" * 9]
    first = markov_bits_per_base(train, ["A"], order=4)
    pair = markov_bits_per_base(train, ["AC"], order=4)
    other = markov_bits_per_base(train, ["AT"], order=4)
    second = {"AC": 2 * pair - first, "AT": 2 * other - first}
    total = sum(
        2.0 ** -(2 * markov_bits_per_base(train, ["A" + base], order=4) - first) for base in "ACGT"
    )
    assert total == pytest.approx(1.0)
    assert second["AC"] != second["AT"]


def test_short_sequences_and_no_training_text():
    assert markov_bits_per_base([], ["ACGT"], order=3) == pytest.approx(2.0)
    assert markov_bits_per_base(["A"], ["A", "", "NN"], order=5) == pytest.approx(
        -math.log2(2 / 5)
    )


def test_bad_requests_are_refused():
    with pytest.raises(ValueError, match="order 13"):
        markov_bits_per_base(["ACGT"], ["ACGT"], order=13)
    with pytest.raises(ValueError, match="from 0 to 6"):
        markov_bits_per_base(["ACGT"], ["ACGT"], order=7, both_sides=True)
    with pytest.raises(ValueError, match="no A, C, G or T"):
        markov_bits_per_base(["ACGT"], ["NN", ""])
