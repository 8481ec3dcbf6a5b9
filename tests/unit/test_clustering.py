"""Planted relatives are found, strangers are not, and identity is what it says."""

import numpy as np
import pytest
from dnasweep.data.alignment import banded_identity
from dnasweep.data.clustering import cluster_rows, similar_pairs
from dnasweep.errors import InputError
from dnasweep.formats.bases import decode, encode_flat, reverse_complement


def _random(num: int, window: int, rng: np.random.Generator) -> list[np.ndarray]:
    return list(rng.integers(0, 4, (num, window)).astype(np.uint8))


def _mutate(codes: np.ndarray, identity: float, indels: float, rng: np.random.Generator) -> str:
    """Make round(n * (1 - identity)) edits, a share of them one-base insertions and deletions."""
    edits = round(len(codes) * (1 - identity))
    num_indels = int(edits * indels)
    letters = codes.tolist()
    for place in rng.choice(len(letters), edits - num_indels, replace=False):
        letters[place] = (letters[place] + int(rng.integers(1, 4))) % 4
    for _ in range(num_indels):
        place = int(rng.integers(len(letters)))
        if rng.random() < 0.5:
            del letters[place]
        else:
            letters.insert(place, int(rng.integers(4)))
    return decode(np.array(letters, dtype=np.uint8))


@pytest.mark.parametrize("window", [70, 300, 601])
@pytest.mark.parametrize("indels", [0.0, 0.2])
@pytest.mark.parametrize(
    ("planted", "least", "most"),
    [(0.75, 0.0, 0.1), (0.8, 0.93, 1.0), (0.85, 0.98, 1.0), (0.9, 0.99, 1.0), (0.95, 1.0, 1.0)],
)
def test_planted_relatives_are_found(window, indels, planted, least, most):
    rng = np.random.default_rng([window, int(planted * 100)])
    num = 150
    parents = _random(num, window, rng)
    sequences = [decode(p) for p in parents] + [_mutate(p, planted, indels, rng) for p in parents]
    pairs = similar_pairs(sequences, identity=0.8)
    right = pairs.second - pairs.first == num
    assert right.all(), "strangers were paired"
    assert least <= right.sum() / num <= most


@pytest.mark.parametrize("window", [70, 300])
@pytest.mark.parametrize(("planted", "least"), [(0.8, 0.9), (0.88, 0.98), (0.95, 1.0)])
def test_relatives_on_either_strand_are_found_and_their_strand_told(window, planted, least):
    rng = np.random.default_rng([window, int(100 * planted)])
    num = 120
    parents = _random(num, window, rng)
    turned = np.arange(num) % 2 == 1
    mutants = [_mutate(p, planted, 0.1, rng) for p in parents]
    sequences = [decode(p) for p in parents]
    sequences += [reverse_complement(m) if t else m for m, t in zip(mutants, turned, strict=True)]
    pairs = similar_pairs(sequences)
    assert (pairs.second - pairs.first == num).all(), "strangers were paired"
    np.testing.assert_array_equal(pairs.reverse, turned[pairs.first])
    for strand in (False, True):
        assert (pairs.reverse == strand).sum() >= least * num / 2
    # Which strands are the ones written down changes neither the pairs nor how alike they are.
    flipped = [reverse_complement(s) if i % 3 else s for i, s in enumerate(sequences)]
    again = similar_pairs(flipped)
    np.testing.assert_array_equal(again.first, pairs.first)
    np.testing.assert_allclose(again.identity, pairs.identity)


def test_windows_of_opposite_strands_shifted_against_each_other_count_with_what_they_share():
    rng = np.random.default_rng(2)
    long = decode(rng.integers(0, 4, 900).astype(np.uint8))
    pairs = similar_pairs([reverse_complement(long[:600]), long[100:700]])
    assert pairs.reverse.tolist() == [True]
    assert pairs.identity[0] == pytest.approx(500 / 600, abs=0.01)


def test_reverse_complements_are_one_molecule():
    rng = np.random.default_rng(11)
    one = decode(rng.integers(0, 4, 40).astype(np.uint8))
    palindrome = "ACGTACGT" * 5
    pairs = similar_pairs([one, reverse_complement(one), palindrome, one, palindrome], identity=1)
    ends = zip(pairs.first, pairs.second, pairs.reverse, strict=True)
    assert [tuple(map(int, e)) for e in ends] == [(0, 1, 1), (1, 3, 1), (2, 4, 0)]


def test_windows_shifted_against_each_other_count_with_what_they_share():
    rng = np.random.default_rng(2)
    long = decode(rng.integers(0, 4, 900).astype(np.uint8))
    windows = [long[:600], long[100:700], long[180:780]]
    pairs = similar_pairs(windows, identity=0.8)
    ends = zip(pairs.first, pairs.second, pairs.identity, strict=True)
    found = {(int(a), int(b)): v for a, b, v in ends}
    assert not pairs.reverse.any()
    assert set(found) == {(0, 1), (1, 2)}, "420 of 600 bases are below 80 %"
    # Past the overlap, bases may agree by chance on the diagonal, but nothing is aligned there.
    assert found[0, 1] == pytest.approx(500 / 600, abs=0.01)
    assert found[1, 2] == pytest.approx(520 / 600, abs=0.01)


def test_a_short_sequence_inside_a_long_one_is_found():
    rng = np.random.default_rng(3)
    long = decode(rng.integers(0, 4, 300).astype(np.uint8))
    pairs = similar_pairs([long, long[100:170]])
    assert pairs.identity.tolist() == [1.0]


def _edit_distance(a: str, b: str) -> int:
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (x != y))
    return row[-1]


def test_identity_is_one_minus_edit_distance_for_sequences_aligned_end_to_end():
    rng = np.random.default_rng(4)
    for _ in range(30):
        parent = rng.integers(0, 4, 80).astype(np.uint8)
        letters = decode(parent)
        # One base lost and one gained keep the length, and both ends are anchored.
        lost, gained = sorted(rng.integers(15, 65, 2))
        other = letters[:lost] + letters[lost + 1 : gained] + "A" + letters[gained:]
        other = other[:10] + ("A" if other[10] != "A" else "C") + other[11:]
        other = (other + "ACGT" * 2)[:80]
        flat = encode_flat([letters, other])
        found = banded_identity(flat, *(np.array([v]) for v in (0, 1, 0)))[0]
        # Free overhangs can only help, by the few bases of an end.
        assert found >= 1 - _edit_distance(letters, other) / 80 - 1e-9
        assert found <= 1 - (_edit_distance(letters, other) - 2) / 80 + 1e-9


def test_substitutions_cost_a_match_each():
    letters = decode(np.random.default_rng(5).integers(0, 4, 100).astype(np.uint8))
    swap = str.maketrans("ACGT", "CATG")
    changed = "".join(c.translate(swap) if i % 10 == 5 else c for i, c in enumerate(letters))
    pairs = similar_pairs([letters, changed])
    assert pairs.identity.tolist() == [pytest.approx(0.9)]


def test_unknown_letters_match_nothing_and_are_no_reason_to_fail():
    assert len(similar_pairs(["N" * 100, "N" * 101, "R" * 100, "ACGT" * 25]).first) == 0
    assert similar_pairs(["N" * 50, "N" * 50]).identity.tolist() == [1.0]
    letters = decode(np.random.default_rng(6).integers(0, 4, 100).astype(np.uint8))
    half = letters[:90] + "N" * 10
    assert similar_pairs([letters, half]).identity.tolist() == [pytest.approx(0.9)]


@pytest.mark.parametrize("sequences", [[], ["ACGT"], ["A", "C"], ["ACGT" * 3, "ACGT" * 3]])
def test_few_or_short_sequences(sequences):
    pairs = similar_pairs(sequences)
    assert len(pairs.first) == len(sequences) - len(set(sequences))


def test_many_copies_cost_a_chain_and_form_one_cluster():
    letters = decode(np.random.default_rng(7).integers(0, 4, 120).astype(np.uint8))
    pairs = similar_pairs([letters] * 500)
    assert len(pairs.first) == 499
    assert cluster_rows(500, pairs).max() == 0


def test_a_shared_repeat_too_short_to_matter_pairs_nothing():
    rng = np.random.default_rng(8)
    sequences = ["A" * 50 + decode(c) for c in _random(1500, 110, rng)]
    assert len(similar_pairs(sequences).first) == 0


def test_a_large_family_is_one_cluster_at_a_bounded_cost():
    rng = np.random.default_rng(10)
    parent = rng.integers(0, 4, 150).astype(np.uint8)
    family = [_mutate(parent, 0.93, 0.1, rng) for _ in range(400)]
    strangers = [decode(c) for c in _random(100, 150, rng)]
    pairs = similar_pairs(family + strangers)
    assert len(pairs.first) <= 400 * 40 * 2
    clusters = cluster_rows(500, pairs)
    assert (clusters[:400] == 0).all()
    assert len(np.unique(clusters)) == 101


def test_clusters_are_connected_components_numbered_by_first_row():
    class Pairs:
        first, second = np.array([0, 4]), np.array([3, 5])

    clusters = cluster_rows(7, Pairs)  # type: ignore[arg-type]
    assert clusters.tolist() == [0, 1, 2, 0, 3, 3, 4]
    groups = np.array([-1, 9, 8, 8, -1, 9, -1])
    assert cluster_rows(7, Pairs, groups=[groups]).tolist() == [0, 1, 0, 0, 1, 1, 2]  # type: ignore[arg-type]
    other = np.array([3, -1, -1, -1, -1, -1, 3])
    assert cluster_rows(7, Pairs, groups=[groups, other]).tolist() == [0, 1, 0, 0, 1, 1, 0]  # type: ignore[arg-type]
    assert cluster_rows(7, None, groups=[other]).tolist() == [0, 1, 2, 3, 4, 5, 0]


def test_the_result_does_not_depend_on_chance_far_above_the_threshold():
    rng = np.random.default_rng(9)
    parents = _random(80, 150, rng)
    sequences = [decode(p) for p in parents] + [_mutate(p, 0.9, 0.1, rng) for p in parents]
    one, other = (similar_pairs(sequences, seed=seed) for seed in (0, 1))
    np.testing.assert_array_equal(one.first, other.first)
    np.testing.assert_allclose(one.identity, other.identity)


def test_an_identity_out_of_range_is_refused():
    with pytest.raises(InputError, match="identity"):
        similar_pairs(["ACGT"], identity=0.5)
