"""Greedy longest match in time linear in the bases, for WordPiece vocabularies.

The `tokenizers` model tries every possible end in the rest of the sequence for every token, so its
time grows with the square of the length. Here, the longest token at every position is looked up in
a table indexed by the next few bases; the few positions where longer tokens are possible continue
in a trie, all in parallel. Then each row advances from token to token, in parallel for all rows of
a chunk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from dnasweep.tokens.alphabet import BASES, chunks, digits, lengths_of
from dnasweep.tokens.corpus import Corpus, concatenate, with_special_tokens
from dnasweep.tokens.tokenizer_kinds import UNK_ID

_DEPTH = 7
_CHUNK = 1 << 17
_FEW_ROWS = 16


class LongestMatch:
    """A vocabulary of DNA, ready to tokenize sequences.

    Parameters
    ----------
    vocabulary
        Ids by token; tokens over A, C, G, T. The four single bases must be among them. Any other
        letter is a separate [UNK].
    """

    def __init__(self, vocabulary: Mapping[str, int]) -> None:
        missing = set(BASES) - set(vocabulary)
        if missing:
            raise ValueError(f"the vocabulary lacks the base {sorted(missing)[0]}")
        self._trie, self._node_ids = _trie(vocabulary)
        self._widths, self._ids, self._nodes = self._table()

    def _table(self) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
        """Longest token, its id, and the node reached, by the next `_DEPTH` letters in base 5."""
        codes = np.arange(5**_DEPTH)
        nodes = np.zeros(codes.size, np.int32)
        widths = np.ones(codes.size, np.int32)
        ids = np.full(codes.size, UNK_ID, np.int32)
        for depth in range(_DEPTH):
            nodes = self._trie[nodes, codes // 5 ** (_DEPTH - 1 - depth) % 5]
            found = self._node_ids[nodes] >= 0
            widths[found] = depth + 1
            ids[found] = self._node_ids[nodes[found]]
        leaf = (self._trie[nodes] == 1).all(axis=1)
        nodes[leaf] = 1
        return widths, ids, nodes

    def encode(self, sequences: Sequence[str]) -> Corpus:
        """Tokenize raw DNA, always taking the longest matching token from the left."""
        lengths = lengths_of(sequences)
        return concatenate(
            with_special_tokens(*self._chunk(sequences[first:last], lengths[first:last]))
            for first, last in chunks(lengths, _CHUNK)
        )

    def _chunk(
        self, sequences: Sequence[str], lengths: NDArray[np.int64]
    ) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int32]]:
        """Return token ids, tokens per row and bases per token."""
        # Each row ends with a letter that is not a base, so no token extends into the next row.
        letters = digits("|".join(sequences) + "|" * _DEPTH)
        limits = np.cumsum(lengths + 1) - 1
        starts = limits - lengths
        size = int(limits[-1]) + 1
        codes = _base_five(letters)[:size]
        widths, ids = self._widths[codes], self._ids[codes]
        self._walk_on(letters, codes, widths, ids)
        widths[limits] = 0

        begins = np.zeros(size, bool)
        at = starts[lengths > 0]
        while at.size > _FEW_ROWS:
            begins[at] = True
            at = at + widths[at]
            at = at[widths[at] > 0]
        for start in at.tolist():
            end = int(limits[np.searchsorted(limits, start)])
            steps = widths[start:end].tolist()
            jumps, here = [], 0
            while here < len(steps):
                jumps.append(here)
                here += steps[here]
            begins[start + np.array(jumps)] = True

        tokens = np.flatnonzero(begins)
        bounds = np.searchsorted(tokens, np.append(starts, size))
        return ids[tokens], np.diff(bounds), widths[tokens]

    def _walk_on(
        self,
        letters: NDArray[np.uint8],
        codes: NDArray[np.int32],
        widths: NDArray[np.int32],
        ids: NDArray[np.int32],
    ) -> None:
        """Set, in place, the tokens that are longer than the depth of the table."""
        nodes = self._nodes[codes]
        positions = np.flatnonzero(nodes > 1)
        nodes = nodes[positions]
        depth = _DEPTH
        while positions.size:
            nodes = self._trie[nodes, letters[positions + depth]]
            depth += 1
            alive = nodes > 1
            positions, nodes = positions[alive], nodes[alive]
            found = self._node_ids[nodes]
            whole = found >= 0
            widths[positions[whole]] = depth
            ids[positions[whole]] = found[whole]


def _trie(vocabulary: Mapping[str, int]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return children by node and digit, and ids by node; node 0 is the root and 1 the dead end."""
    children = [[1] * 5, [1] * 5]
    ids = [-1, -1]
    for token, token_id in vocabulary.items():
        node = 0
        for digit in digits(token).tolist():
            if children[node][digit] == 1:
                children[node][digit] = len(children)
                children.append([1] * 5)
                ids.append(-1)
            node = children[node][digit]
        ids[node] = token_id
    return np.array(children, np.int32), np.array(ids, np.int32)


def _base_five(letters: NDArray[np.uint8]) -> NDArray[np.int32]:
    one = letters.astype(np.int32)
    two = one[:-1] * 5 + one[1:]
    three = two[:-1] * 5 + one[2:]
    four = two[:-2] * 25 + two[2:]
    return four[:-3] * 125 + three[4:]
