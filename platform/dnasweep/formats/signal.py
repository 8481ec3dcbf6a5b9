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
        """Bases of each chromosome."""

    def values(self, chrom: str, start: int, end: int) -> NDArray[np.float64]:
        """Return the value of each base, (bases,); 0 where the file has none.

        Parameters
        ----------
        chrom
            Name, as the file has it.
        start, end
            First base, from 0, and one past the last.
        """
        found = np.asarray(self._file.values(chrom, start, end), dtype=np.float64)
        return np.nan_to_num(found, nan=0.0)


@contextmanager
def open_signal(path: Path) -> Iterator[Signal]:
    """Open a bigWig file.

    Raises
    ------
    InputError
        When there is no such file, or it is no bigWig.
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
    """Return the first base of each bin of a row, and its number of bases, (bins + 1,).

    Examples
    --------
    >>> bin_edges(10, 4).tolist()
    [0, 2, 5, 7, 10]
    """
    return np.arange(bins + 1) * bases // bins


def bin_means(values: NDArray[np.float64], bins: int) -> NDArray[np.float64]:
    """Return the mean of the values of each bin, (bins,), of at least as many values."""
    edges = bin_edges(len(values), bins)
    return np.asarray(np.add.reduceat(values, edges[:-1]) / np.diff(edges))
