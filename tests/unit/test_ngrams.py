"""Words counted: by definition, however the text is cut, and never across what is no base."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
from dnasweep.formats.bases import reverse_complement
from dnasweep.tokens import ngrams
from dnasweep.tokens.ngrams import NGramCounts, all_kmers, count_sequences, count_text
from pmi_toys import counts_of


def text(length: int, seed: int, letters: str = "ACGTACGTACGTacgtNn|-") -> str:
    return "".join(random.Random(seed).choices(letters, k=length))


def same(a: NGramCounts, b: NGramCounts) -> bool:
    return a.k == b.k and all(map(np.array_equal, a.counts, b.counts))


def test_kmers_are_in_the_order_of_the_vocabulary():
    assert all_kmers(1) == list("ATCG")
    assert all_kmers(3) == list(map("".join, itertools.product("ATCG", repeat=3)))


@pytest.mark.parametrize("soft_masked", [True, False])
@pytest.mark.parametrize("k", [3, 6])
def test_counts_are_their_definition(k, soft_masked):
    for seed in range(30):
        letters = text(seed * 5, seed)
        plain = letters.upper() if soft_masked else letters
        expected = counts_of({plain: 1}, k)
        assert same(count_text(letters, k, soft_masked=soft_masked), expected)


def test_counts_do_not_depend_on_how_a_text_is_cut(monkeypatch):
    letters = text(3000, 0)
    whole = count_text(letters, 5)
    monkeypatch.setattr(ngrams, "_CHUNK", 7)
    assert same(count_text(letters, 5), whole)
    for cut in (0, 1, 3, 4, 5, 1500, 2999, 3000):
        context = min(cut, 4)
        parts = (
            count_text(letters[:cut], 5),
            count_text(letters[cut - context :], 5, context=context),
        )
        assert same(parts[0] + parts[1], whole)


def test_nothing_is_counted_from_one_sequence_into_the_next():
    rows = ["ACGT", "", "ACGTACGTAC", "NNN", "GG"]
    assert same(count_sequences(rows, 4), counts_of(dict.fromkeys(rows, 1), 4))
    assert count_sequences([], 3).num_bases == 0


def test_both_strands_are_the_text_and_its_reverse_complement():
    letters = text(500, 1, "ACGTTTA")
    there = count_text(letters, 4)
    back = count_text(reverse_complement(letters), 4)
    assert same(there.both_strands(), there + back)
    assert not same(there, back)


def test_counts_are_kept_in_a_file_and_in_one_array(tmp_path):
    counts = count_text(text(500, 2), 6)
    counts.save(tmp_path / "counts")
    assert same(NGramCounts.load(tmp_path / "counts"), counts)
    assert same(NGramCounts.of_flat(counts.flat, counts.k), counts)
    assert counts.flat.size == 5460
