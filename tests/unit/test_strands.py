"""A sequence and its reverse complement are one molecule."""

import numpy as np
from dnasweep.data.same_dna import canonical, first_readings, pair_strands
from dnasweep.formats.bases import decode, reverse_complement


def _random(num: int, window: int, seed: int = 0) -> list[str]:
    codes = np.random.default_rng(seed).integers(0, 4, (num, window)).astype(np.uint8)
    return [decode(c) for c in codes]


def test_both_strands_have_one_canonical_form():
    for sequence in [*_random(50, 33), "ACGT", "NNRYA", "A", ""]:
        form = canonical(sequence)
        assert form == canonical(reverse_complement(sequence))
        assert form in (sequence, reverse_complement(sequence))


def test_numbers_agree_with_comparing_every_pair():
    # Of four bases many are equal by chance, on one strand or the other, and some are palindromes.
    sequences = _random(400, 4, seed=1)
    found = pair_strands(sequences)
    turned = [reverse_complement(s) for s in sequences]
    same = np.array([[a == b for b in sequences] for a in sequences])
    other = np.array([[a == b for b in turned] for a in sequences])
    molecule, reading = found.molecule, found.reading
    np.testing.assert_array_equal(molecule[:, None] == molecule, same | other)
    np.testing.assert_array_equal(reading[:, None] == reading, same)
    assert molecule[0] == 0
    firsts = first_readings(sequences)
    expected = [not (same | other)[row, :row].any() for row in range(len(sequences))]
    assert firsts.tolist() == expected


def test_no_rows_are_no_molecules():
    assert pair_strands([]).molecule.tolist() == []
    assert first_readings([]).tolist() == []
