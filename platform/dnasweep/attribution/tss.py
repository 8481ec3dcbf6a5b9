"""Where transcription starts in a window, from its length or as told."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dnasweep.errors import InputError

TSS_INDEX = {70: 33, 300: 249, 401: 200, 600: 300, 601: 300}
"""Bases of a window: index of its base +1, counted from 0.

401 and 601 bases are -200..+200 and -300..+300 of EPDnew, 600 the latter without its last base, 300
bases -249..+50 as DeePromoter and DNABERT cut them. In all of these the A of the initiator, which
stands at +1, has its peak at this index. The 70 bases of the core promoters of GUE are called
-34..+35 but begin 216 bases into its windows of 300: their +1 is at index 33, not 34."""


class TssPlaces(NamedTuple):
    """Where transcription starts in each sequence."""

    at: NDArray[np.int64]
    """(n,) 0-based index of base +1; -1 where it is not known."""
    statement: str
    """What was taken to be known, for readers."""

    @property
    def known(self) -> bool:
        """Whether any sequence has its place."""
        return bool((self.at >= 0).any())


def tss_places(lengths: NDArray[np.int64], tss_index: int | None = None) -> TssPlaces:
    """Return where transcription starts in sequences of these lengths.

    Parameters
    ----------
    lengths
        Bases of each sequence, (n,).
    tss_index
        0-based index of base +1 in all of them. Default: by their length, from `TSS_INDEX`.

    Raises
    ------
    InputError
        When the index lies outside of every sequence.
    """
    lengths = np.asarray(lengths, np.int64)
    if tss_index is not None:
        if not 0 <= tss_index < lengths.max(initial=0):
            raise InputError(
                f"tss_index is {tss_index}, and the longest sequence has "
                f"{lengths.max(initial=0)} bases",
                remedy="Give the index of the first transcribed base, counted from 0.",
            )
        index = np.where(tss_index < lengths, tss_index, -1)
        statement = f"base +1 at index {tss_index} (given)"
    else:
        kinds, which = np.unique(lengths, return_inverse=True)
        known = {n: TSS_INDEX[n] for n in kinds.tolist() if n in TSS_INDEX}
        index = np.array([known.get(n, -1) for n in kinds.tolist()], np.int64)[which]
        statement = "base +1 at index " + ", ".join(f"{i} of {n} bases" for n, i in known.items())
        statement += " (by length of window)"
    if not (index >= 0).any():
        return TssPlaces(
            index, "transcription start not known for windows of this length; see --tss-index"
        )
    if missing := int((index < 0).sum()):
        statement += f"; {missing:,} sequences of other lengths are left out"
    return TssPlaces(index, statement)
