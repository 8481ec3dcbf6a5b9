"""Similarity search: all similar pairs of sequences, and the clusters that they form.

Candidates come from :mod:`dnasweep.data.candidates` and are verified by a banded alignment with
free overhangs.

Every sequence is compared with the other sequences and with their reverse complements, since files may
contain either strand.

Identity is defined as in CD-HIT: identical bases of the alignment, less half a base for each gap base,
over the length of the shorter sequence. For two sequences of n bases that align end to end this is
1 - edit distance / n. For two windows that are shifted against each other, only the shared part counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from dnasweep.data.alignment import banded_identity
from dnasweep.data.candidates import likely_pairs
from dnasweep.data.same_dna import canonical, pair_strands
from dnasweep.errors import InputError
from dnasweep.formats.bases import encode_flat, reverse_complement

LOWEST_IDENTITY = 0.7
"""Below this, unrelated promoters begin to look similar, and the search would have to be exhaustive."""


class SimilarPairs(NamedTuple):
    """Pairs of rows at or above an identity, each once, `first < second`."""

    first: NDArray[np.int64]
    """(pairs,) row of one member."""
    second: NDArray[np.int64]
    """(pairs,) row of the other member."""
    identity: NDArray[np.float64]
    """(pairs,) identity, 1.0 for equal sequences."""
    reverse: NDArray[np.bool_]
    """(pairs,) whether the identity is between one row and the reverse complement of the other."""


def similar_pairs(
    sequences: Sequence[str], *, identity: float = 0.8, seed: int = 0
) -> SimilarPairs:
    """Return pairs of sequences with at least the given identity, on either strand.

    Equal sequences and reverse complements form a chain (each paired with the next), not all pairs, so a
    thousand copies give only a thousand pairs; in all other pairs the first copy represents them. The search
    is probabilistic: about 19 of 20 pairs at the threshold are found, and practically all pairs 5 percentage
    points above it. For a sequence with hundreds of relatives, such as a repeat, the nearest few dozen are
    reported.

    Parameters
    ----------
    sequences
        Upper-case DNA. The search uses windows of 32 bases that contain only ACGT; a sequence without such
        a window is paired only with equal ones.
    identity
        Smallest identity, from 0.7 to 1.
    seed
        Seed of the sampled positions.

    Raises
    ------
    InputError
        If the identity is out of range.
    """
    if not LOWEST_IDENTITY <= identity <= 1:
        raise InputError(
            f"identity is {identity!r}", remedy=f"Use a fraction from {LOWEST_IDENTITY} to 1."
        )
    strands = pair_strands(sequences)
    order = np.argsort(strands.molecule, kind="stable")
    same = strands.molecule[order][1:] == strands.molecule[order][:-1]
    first, second = order[:-1][same], order[1:][same]
    reverse = strands.reverse[first] != strands.reverse[second]
    values = np.ones(len(first))
    representative = (
        order[np.flatnonzero(np.concatenate([[True], ~same]))] if len(order) else order
    )
    if identity < 1 and len(representative) > 1:
        near = _near_pairs([canonical(sequences[row]) for row in representative], identity, seed)
        ends = representative[near.first], representative[near.second]
        reversed_ = near.reverse ^ strands.reverse[ends[0]] ^ strands.reverse[ends[1]]
        first, second = np.concatenate([first, ends[0]]), np.concatenate([second, ends[1]])
        reverse = np.concatenate([reverse, reversed_])
        values = np.concatenate([values, near.identity])
    order = np.lexsort((second, first))
    return SimilarPairs(first[order], second[order], values[order], reverse[order])


class Pairs(Protocol):
    """Pairs of rows, of any kind."""

    @property
    def first(self) -> NDArray[np.int64]:
        """(pairs,) row of one member."""
        ...

    @property
    def second(self) -> NDArray[np.int64]:
        """(pairs,) row of the other member."""
        ...


def cluster_rows(
    num_rows: int, pairs: Pairs | None, *, groups: Iterable[NDArray[np.int64]] = ()
) -> NDArray[np.int64]:
    """Return the cluster of each row, (num_rows,): connected components, numbered by first row.

    A split requires single linkage: with connected components, both members of a similar pair are always in
    the same cluster, which greedy clustering around representatives does not guarantee.

    Parameters
    ----------
    num_rows
        Total number of rows.
    pairs
        Rows to be kept together; None if only the groups are kept together.
    groups
        Groupings, each (num_rows,): rows of the same group are also kept together; negative values mean
        no group.
    """
    none = np.zeros(0, dtype=np.int64)
    first, second = (none, none) if pairs is None else (pairs.first, pairs.second)
    for group in groups:
        rows = np.flatnonzero(group >= 0)
        order = rows[np.argsort(group[rows], kind="stable")]
        linked = group[order][1:] == group[order][:-1]
        first = np.concatenate([first, order[:-1][linked]])
        second = np.concatenate([second, order[1:][linked]])
    # Imported here because it is slow and the options of commands import this file.
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(num_rows, num_rows))
    labels = connected_components(graph, directed=False)[1]
    _, first_row, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first_row)).astype(np.int64)[inverse]


def _near_pairs(sequences: Sequence[str], identity: float, seed: int) -> SimilarPairs:
    """Return verified pairs of different sequences, in no particular order."""
    num = len(sequences)
    likely = likely_pairs(encode_flat(sequences), identity, seed)
    flat = encode_flat([*sequences, *map(reverse_complement, sequences)])
    found = banded_identity(flat, likely.first, likely.second + num * likely.reverse, likely.shift)
    kept = found >= identity - 1e-9
    first, second, found = likely.first[kept], likely.second[kept], found[kept]
    reverse = likely.reverse[kept]
    # The more similar of both strands.
    order = np.lexsort((reverse, -found, second, first))
    first, second, found, reverse = first[order], second[order], found[order], reverse[order]
    best = np.ones(len(first), dtype=bool)
    best[1:] = (first[1:] != first[:-1]) | (second[1:] != second[:-1])
    return SimilarPairs(first[best], second[best], found[best], reverse[best])
