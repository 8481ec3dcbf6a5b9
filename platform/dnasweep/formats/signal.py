"""Signals along a genome, from bigWig files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnasweep.errors import InputError


class Signal:
    """An open bigWig file.

    Parameters
    ----------
    file
        File object returned by `pyBigWig.open`.
    """

    def __init__(self, file: Any) -> None:
        self._file = file
        self.lengths: dict[str, int] = dict(file.chroms())
        """Length of each chromosome in bases."""

    def values(self, chrom: str, start: int, end: int) -> NDArray[np.float64]:
        """Return the value of each base, (bases,); 0 for bases without a value.

        Parameters
        ----------
        chrom
            Chromosome name as in the file.
        start, end
            First base (0-based) and end (exclusive).
        """
        found = np.asarray(self._file.values(chrom, start, end), dtype=np.float64)
        return np.where(np.isnan(found), 0.0, found)


@contextmanager
def open_signal(path: Path) -> Iterator[Signal]:
    """Open a bigWig file.

    Raises
    ------
    InputError
        If the file does not exist or is not a bigWig.
    """
    # Imported here because most data sets have no tracks.
    import pyBigWig

    if not path.is_file():
        raise InputError("there is no such file", file=path, remedy="Give a bigWig file.")
    try:
        file = pyBigWig.open(str(path))
        known = file is not None and file.isBigWig()
    except (RuntimeError, OSError):
        known = False
    if not known:
        raise InputError(
            "is not a bigWig file",
            file=path,
            remedy="Convert it, for example from bedGraph with UCSC's bedGraphToBigWig.",
        )
    try:
        yield Signal(file)
    finally:
        file.close()


def bin_edges(bases: int, bins: int) -> NDArray[np.int64]:
    """Return the first base of each bin of a row, followed by the number of bases of the row, (bins + 1,).

    Examples
    --------
    >>> bin_edges(10, 4).tolist()
    [0, 2, 5, 7, 10]
    """
    return np.arange(bins + 1) * bases // bins


def bin_means(values: NDArray[np.float64], bins: int) -> NDArray[np.float64]:
    """Return the mean of each bin, (bins,); there must be at least as many values as bins."""
    edges = bin_edges(len(values), bins)
    return np.asarray(np.add.reduceat(values, edges[:-1]) / np.diff(edges))
