"""The letters of a FASTA file, read once from its start and in bounded memory."""

from __future__ import annotations

import contextlib
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from dnasweep.errors import InputError
from dnasweep.formats.paths import check_readable

SEPARATOR = b"|"
"""Stands where a record begins; no letter of a sequence."""
BLOCK = 1 << 23
"""Bytes read at once, after unpacking."""
_GZIP = b"\x1f\x8b"


class Letters(NamedTuple):
    """A piece of a FASTA file."""

    text: bytes
    """Letters as they stand in the file, upper and lower case; titles and line ends left out."""
    num_read: int
    """Bytes of the file, packed where it is, that were read for it."""


def read_letters(path: Path, *, block: int = BLOCK) -> Iterator[Letters]:
    """Read a FASTA file, plain or gzip, piece by piece.

    Parameters
    ----------
    path
        The file.
    block
        Bytes of text a piece comes from.

    Yields
    ------
    letters
        Pieces in order. The pieces of one record follow each other without anything between, and
        SEPARATOR stands before each record.

    Raises
    ------
    InputError
        For a file that is missing, a corrupt gzip or not FASTA.
    """
    check_readable(path, holds="genome")
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == _GZIP
            raw.seek(0)
            with contextlib.ExitStack() as stack:
                stream = stack.enter_context(gzip.open(raw)) if packed else raw
                yield from _pieces(path, raw, cast(BinaryIO, stream), block)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(
            "the gzip data is corrupt or cut short",
            file=path,
            remedy="Fetch the file again; gzip -t checks it.",
        ) from error
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror or error}",
            file=path,
            remedy="Check the path; every machine of a cluster has to see it.",
        ) from error


def _pieces(path: Path, raw: BinaryIO, stream: BinaryIO, block: int) -> Iterator[Letters]:
    seen, in_title, begun = 0, False, False
    while data := stream.read(block):
        data = data.replace(b"\r", b"\n")
        if not begun and data.strip():
            begun = True
            if not data.lstrip().startswith(b">"):
                raise InputError(
                    "does not begin with the title of a record",
                    file=path,
                    remedy="Give a FASTA file, plain or gzip.",
                )
        parts, at = [], 0
        while at < len(data):
            if in_title:
                end = data.find(b"\n", at)
                in_title, at = end < 0, len(data) if end < 0 else end
                continue
            title = data.find(b">", at)
            parts.append(data[at : len(data) if title < 0 else title])
            if title < 0:
                break
            parts.append(SEPARATOR)
            in_title, at = True, title
        now = raw.tell()
        yield Letters(b"".join(parts).translate(None, b"\n \t"), now - seen)
        seen = now
    if not begun:
        raise InputError("holds no FASTA record", file=path, remedy="Give another file.")
