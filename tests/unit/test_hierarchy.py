"""The hierarchy of tokens: that of the shap library, with and without special tokens."""

from __future__ import annotations

import numpy as np
import pytest
from dnasweep.attribution.partition import Hierarchy, hierarchy


def _groups(tree: Hierarchy) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(mask)) for mask in tree.masks()} - {frozenset()}


@pytest.mark.parametrize("num_tokens", [1, 2, 3, 7, 21, 50, 75, 131])
def test_is_the_tree_that_shap_builds_for_one_long_word(num_tokens: int) -> None:
    text = pytest.importorskip("shap.maskers._text")
    words = ["", "A", *["##A"] * (num_tokens - 1), ""]
    expected = text.partition_tree(words, ["[SEP]"])
    tree = hierarchy(num_tokens, special=True)
    np.testing.assert_array_equal(tree.children, expected[:, :2])
    np.testing.assert_array_equal(tree.sizes[tree.num_leaves :], expected[:, 3])


@pytest.mark.parametrize("num_tokens", [1, 2, 5, 50, 83])
def test_groups_are_the_same_without_special_tokens(num_tokens: int) -> None:
    bare = hierarchy(num_tokens)
    assert _groups(bare) == _groups(hierarchy(num_tokens, special=True))
    assert bare.num_leaves == num_tokens
    assert len(bare.children) == num_tokens - 1


def test_groups_are_stretches_of_neighbours() -> None:
    for mask in hierarchy(50).masks():
        assert np.ptp(np.flatnonzero(mask)) == mask.sum() - 1


def test_refuses_a_sequence_without_tokens() -> None:
    with pytest.raises(ValueError, match="num_tokens is 0"):
        hierarchy(0)
