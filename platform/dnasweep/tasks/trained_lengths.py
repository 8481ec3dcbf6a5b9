"""Lengths of the sequences that a classifier was trained on, kept in its configuration.

A model also computes outputs for other lengths, but it has not learned them: positions in its rows were never
trained, and the sequence it sees is not of the kind that it knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from dnasweep.errors import InputError

TRAINED_LENGTHS = "trained_lengths"
"""Setting in the `config.json` of a classifier: the shortest, median and longest training sequence, in bases."""


class TrainedLengths(NamedTuple):
    """Lengths of training sequences in bases."""

    shortest: int
    median: int
    """The median; of two values in the middle, the smaller one, so that some sequence has this length."""
    longest: int

    def __str__(self) -> str:
        return span(self.shortest, self.longest)


def lengths_of(sequences: Iterable[str]) -> TrainedLengths:
    """Return the lengths of one or more training sequences.

    Examples
    --------
    >>> lengths_of(["ACGT", "ACGTAC", "ACGTACGT"])
    TrainedLengths(shortest=4, median=6, longest=8)
    """
    lengths = np.sort([len(sequence) for sequence in sequences])
    return TrainedLengths(int(lengths[0]), int(lengths[(len(lengths) - 1) // 2]), int(lengths[-1]))


def trained_lengths(config: Mapping[str, Any]) -> TrainedLengths | None:
    """Return the lengths in the contents of a `config.json`, or None if it does not contain them.

    Raises
    ------
    InputError
        If they are not three increasing numbers of bases.

    Examples
    --------
    >>> trained_lengths({"trained_lengths": [100, 100, 100]})
    TrainedLengths(shortest=100, median=100, longest=100)
    >>> trained_lengths({})
    """
    found = config.get(TRAINED_LENGTHS)
    if found is None:
        return None
    whole = isinstance(found, list) and [type(one) for one in found] == [int] * 3
    if not whole or not 0 < found[0] <= found[1] <= found[2]:
        raise InputError(
            f"the model's {TRAINED_LENGTHS} are {found!r}",
            remedy="Give the shortest, median and longest training sequence in bases in its config.json, or "
            f"remove {TRAINED_LENGTHS}.",
        )
    return TrainedLengths(*found)


def note_on_lengths(trained: TrainedLengths | None, lengths: Iterable[int]) -> str:
    """Return a sentence on sequences of other lengths than a model was trained on; empty if there are none.

    Parameters
    ----------
    trained
        Lengths of the training sequences, if they are known.
    lengths
        Lengths of the sequences that the model is to read, in bases.

    Examples
    --------
    >>> note_on_lengths(TrainedLengths(100, 100, 100), [100, 20, 60])
    'the model was trained on sequences of 100 bases; 2 of these 3 are shorter or longer (20 to 60 bases), so its outputs for them are less reliable'
    """
    read = np.fromiter(lengths, dtype=np.int64)
    if trained is None or not len(read):
        return ""
    other = read[(read < trained.shortest) | (read > trained.longest)]
    if not len(other):
        return ""
    return (
        f"the model was trained on sequences of {trained} bases; {len(other):,} of these {len(read):,} "
        f"are shorter or longer ({span(int(other.min()), int(other.max()))} bases), so its outputs for "
        "them are less reliable"
    )


def note_on_window(trained: TrainedLengths | None, window: int) -> str:
    """Return a sentence on windows of another length than a model was trained on; empty if they fit.

    Parameters
    ----------
    trained
        Lengths of the training sequences, if they are known.
    window
        Bases per window.
    """
    if trained is None or trained.shortest <= window <= trained.longest:
        return ""
    return (
        f"the model was trained on sequences of {trained} bases, but windows have {window:,}, so its "
        f"outputs are less reliable than with --window {trained.median}"
    )


def span(smallest: int, largest: int) -> str:
    """Return `100`, or `20 to 60`.

    Examples
    --------
    >>> span(100, 100), span(20, 6000)
    ('100', '20 to 6,000')
    """
    return f"{smallest:,}" if smallest == largest else f"{smallest:,} to {largest:,}"
