"""Sentences of overlapping k-mers, turned back into the sequence they were cut from."""

from __future__ import annotations

import itertools

from dnasweep.errors import InputError


def join_kmers(sentence: str) -> str:
    """Return the sequence whose overlapping k-mers, one base apart, `sentence` lists.

    n words of k letters come from n + k - 1 bases: the first letter of every word but the last,
    then the whole last word (DNABERT's input format). Any run of blanks parts words.

    Raises
    ------
    InputError
        Naming the first word that has another length or does not continue the one before.
    """
    words = sentence.split()
    if not words:
        return ""
    k = len(words[0])
    plain = " ".join(words)
    sequence = plain[:: k + 1][:-1] + words[-1]
    num_words = len(words)
    # Letter j of word i is base i + j: k strided slices compare all words at once.
    if len(plain) == num_words * (k + 1) - 1 and all(
        plain[j :: k + 1] == sequence[j : j + num_words] for j in range(k)
    ):
        return sequence
    for number, (before, word) in enumerate(itertools.pairwise(words), start=2):
        if len(word) != k:
            raise InputError(
                f"word {number} of the k-mer sentence, {word[:20]!r}, has {len(word)} letters "
                f"where the first has {k}"
            )
        if before[1:] != word[:-1]:
            raise InputError(
                f"word {number} of the k-mer sentence, {word[:20]!r}, does not continue "
                f"{before[:20]!r}"
            )
    raise AssertionError(f"consistent k-mers did not join: {sentence[:80]!r}")
