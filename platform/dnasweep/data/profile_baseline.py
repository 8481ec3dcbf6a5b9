"""The baseline for signals along a row: the mean of each bin, and ridge regression on the k-mers around it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dnasweep.data.baseline import choose_baseline, kmer_baseline
from dnasweep.data.learners import Numbers
from dnasweep.formats.signal import bin_edges

FLANK = 1.0
"""Width of the flanks of a bin in which k-mers are counted, in bins."""
FEWEST = 12
"""Minimum width of the flanks, in bases."""


def profile_baseline(
    sequences: Sequence[str],
    signal: NDArray[np.float64],
    others: Sequence[str],
    *,
    chosen_on: tuple[Sequence[str], NDArray[np.float64]] | None = None,
) -> NDArray[np.float64]:
    """Return the predictions of the baseline, (others, bins, tracks), in the units of the tracks.

    Parameters
    ----------
    sequences, signal
        Training rows and their signal, (rows, bins, tracks).
    others
        Sequences to predict.
    chosen_on
        Validation rows for choosing the k-mers; None for the default.
    """
    bins, tracks = signal.shape[1:]
    mean = signal.mean(axis=0)

    def left(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return (values - mean).reshape(-1, tracks)

    around, choice = _around(sequences, bins), None
    if chosen_on is not None and len(chosen_on[0]) > 1:
        held = _around(chosen_on[0], bins)
        choice = choose_baseline(around, left(signal), held, left(chosen_on[1]), kind=Numbers).best
    found = kmer_baseline(around, left(signal), _around(others, bins), choice=choice, kind=Numbers)
    return mean + found.reshape(-1, bins, tracks)


def _around(sequences: Sequence[str], bins: int) -> list[str]:
    """Return the bases in and around each bin of each sequence."""
    found = []
    for sequence in sequences:
        edges = bin_edges(len(sequence), bins)
        flank = max(FEWEST, int(FLANK * len(sequence) / bins))
        found += [
            sequence[max(0, start - flank) : end + flank]
            for start, end in itertools.pairwise(edges)
        ]
    return found
