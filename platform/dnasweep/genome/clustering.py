"""Which sequences are nearly the same: all similar pairs, and the clusters they form.

Candidates come from :mod:`dnasweep.genome.candidates` and are verified by a banded alignment with
free overhangs.

Identity is that of CD-HIT: identical bases of the alignment, less half a base for each gap base,
over the length of the shorter sequence. For two sequences of n bases that align end to end this is
1 - edit distance / n. Two windows shifted against each other count with what they share.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from dnasweep.errors import InputError
from dnasweep.genome.alignment import banded_identity
from dnasweep.genome.bases import encode_flat, reverse_complement
from dnasweep.genome.candidates import likely_pairs

LOWEST_IDENTITY = 0.7
"""Below this, unrelated promoters begin to look alike and the search would have to be exhaustive."""


class SimilarPairs(NamedTuple):
    """Pairs of rows at or above an identity, each once, `first < second`."""

    first: NDArray[np.int64]
    """(pairs,) row of one member."""
    second: NDArray[np.int64]
    """(pairs,) row of the other member."""
    identity: NDArray[np.float64]
    """(pairs,) identity, 1.0 for equal sequences."""


def similar_pairs(
    sequences: Sequence[str],
    *,
    identity: float = 0.8,
    both_strands: bool = False,
    seed: int = 0,
) -> SimilarPairs:
    """Return pairs of sequences with at least the given identity.

    Equal sequences form a chain (each with the next), not all pairs, so that a thousand copies
    cost a thousand pairs; of the others the first copy stands for all. The search is probabilistic:
    at the threshold itself about 19 of 20 pairs are found, 5 points above it practically all. Of a
    sequence with hundreds of relatives, as repeats have, the nearest few dozen are reported.

    Parameters
    ----------
    sequences
        Upper-case DNA. Windows of 32 bases without other letters than ACGT are what is searched
        by: a sequence that has none is paired with equal ones only.
    identity
        Smallest identity, from 0.7 to 1.
    both_strands
        Whether a sequence is also compared with the reverse complement of the others.
    seed
        Seeds the sampled positions.

    Raises
    ------
    InputError
        If the identity is out of range.
    """
    if not LOWEST_IDENTITY <= identity <= 1:
        raise InputError(
            f"identity is {identity!r}", remedy=f"Use a fraction from {LOWEST_IDENTITY} to 1."
        )
    canonical = [min(s, reverse_complement(s)) if both_strands else s for s in sequences]
    rows_of: dict[str, list[int]] = {}
    for row, sequence in enumerate(canonical):
        rows_of.setdefault(sequence, []).append(row)
    unique = list(rows_of)
    representative = np.array([rows[0] for rows in rows_of.values()], dtype=np.int64)
    chained = [p for rows in rows_of.values() for p in pairwise(rows)]
    same = np.array(chained, dtype=np.int64).reshape(-1, 2)
    first, second = same[:, 0], same[:, 1]
    values = np.ones(len(same))
    if identity < 1 and len(unique) > 1:
        near = _near_pairs(unique, identity, both_strands, seed)
        ends = representative[np.stack([near.first, near.second])]
        first = np.concatenate([first, ends.min(axis=0)])
        second = np.concatenate([second, ends.max(axis=0)])
        values = np.concatenate([values, near.identity])
    order = np.lexsort((second, first))
    return SimilarPairs(first[order], second[order], values[order])


def cluster_rows(
    num_rows: int, pairs: SimilarPairs, *, groups: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """Return the cluster of each row, (num_rows,): connected components, numbered by first row.

    Single linkage is what a split needs: with connected components no similar pair can straddle
    two parts, whereas greedy clusters around representatives leave such pairs.

    Parameters
    ----------
    num_rows
        Rows in all.
    pairs
        Rows to be kept together.
    groups
        (num_rows,) rows of one group are kept together as well; negative: no group.
    """
    first, second = pairs.first, pairs.second
    if groups is not None:
        rows = np.flatnonzero(groups >= 0)
        order = rows[np.argsort(groups[rows], kind="stable")]
        linked = groups[order][1:] == groups[order][:-1]
        first = np.concatenate([first, order[:-1][linked]])
        second = np.concatenate([second, order[1:][linked]])
    graph = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(num_rows, num_rows))
    labels = connected_components(graph, directed=False)[1]
    _, first_row, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first_row)).astype(np.int64)[inverse]


def _near_pairs(
    sequences: Sequence[str], identity: float, both_strands: bool, seed: int
) -> SimilarPairs:
    """Return verified pairs of different sequences, not in any order."""
    num = len(sequences)
    strands = list(sequences)
    if both_strands:
        strands += [reverse_complement(s) for s in sequences]
    flat = encode_flat(strands)
    first, second, shift = likely_pairs(flat, identity, seed)
    if both_strands:
        # A pair is looked at once: the forward strand of one against either strand of the other.
        forward = first < num
        first, second, shift = first[forward], second[forward], shift[forward]
        apart = second % num != first
        first, second, shift = first[apart], second[apart], shift[apart]
    found = banded_identity(flat, first, second, shift)
    kept = found >= identity - 1e-9
    low = np.minimum(first[kept], second[kept] % num)
    high = np.maximum(first[kept], second[kept] % num)
    found = found[kept]
    order = np.lexsort((-found, high, low))
    low, high, found = low[order], high[order], found[order]
    best = np.ones(len(low), dtype=bool)
    best[1:] = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
    return SimilarPairs(low[best], high[best], found[best])
