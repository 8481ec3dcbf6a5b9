"""Signals along a genome, from bigWig files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnasweep.errors import InputError
from dnasweep.formats.content import file_errors
from dnasweep.formats.paths import check_readable

_BIGWIG = (b"\x26\xfc\x8f\x88", b"\x88\x8f\xfc\x26")
"""Beginning of a file, for either order of bytes."""
_CONVERT = "Convert it, for example from bedGraph with UCSC's bedGraphToBigWig."
_OTHERS = {
    b"\xeb\xf2\x89\x87": (
        "is a bigBed file, which contains intervals and no signal",
        "Give the bigWig file of the same experiment.",
    ),
    b"\x1f\x8b": (
        "is compressed or BAM, not a bigWig file",
        "Decompress it with gunzip; from BAM, deepTools' bamCoverage makes a bigWig.",
    ),
    b"version https://git-lfs": (
        "is only a Git LFS pointer to the data",
        "Download the data: git lfs pull.",
    ),
    b"<": ("is a web page or XML, not a bigWig file", "Download the file itself."),
}
_HEAD = 32


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
        """Return the value of each base, (bases,); NaN for bases without a value.

        Parameters
        ----------
        chrom
            Chromosome name as in the file.
        start, end
            First base (0-based) and end (exclusive).
        """
        return np.asarray(self._file.values(chrom, start, end), dtype=np.float64)


@contextmanager
def open_signal(path: Path) -> Iterator[Signal]:
    """Open a bigWig file.

    Raises
    ------
    InputError
        If the file does not exist, is not a bigWig or is damaged.
    """
    # Imported here because most data sets have no tracks.
    import pyBigWig

    check_readable(path, holds="track")
    with file_errors(path, remedy="Check the disk."), path.open("rb") as stream:
        head = stream.read(_HEAD)
    # pyBigWig writes to standard error about any other file.
    if not head.startswith(_BIGWIG):
        reason, remedy = next(
            (said for magic, said in _OTHERS.items() if head.startswith(magic)),
            ("is not a bigWig file", _CONVERT),
        )
        raise InputError(reason, file=path, remedy=remedy)
    try:
        file = pyBigWig.open(str(path))
        known = file is not None and file.isBigWig()
    except (RuntimeError, OSError):
        known = False
    if not known:
        raise InputError(
            "is a bigWig that is damaged or cut short",
            file=path,
            remedy="Download the file again.",
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
