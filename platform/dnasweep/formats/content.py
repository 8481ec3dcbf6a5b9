"""The content of a file: decompressed, and identified as text, Parquet or Arrow."""

from __future__ import annotations

import codecs
import contextlib
import gzip
import hashlib
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from dnasweep.errors import InputError
from dnasweep.formats.packing import unpack
from dnasweep.formats.paths import check_readable

READABLE = "Give CSV, TSV, JSON, Parquet, FASTA, GenBank, SGA, BED or GTF, plain or compressed."
"""Remedy for files of another kind."""
_COLUMNAR: dict[bytes, Literal["parquet", "arrow"]] = {
    b"PAR1": "parquet",
    b"ARROW1": "arrow",
    b"FEA1": "arrow",
    b"\xff\xff\xff\xff": "arrow",
}
TWO_BIT = (b"\x43\x27\x41\x1a", b"\x1a\x41\x27\x43")
"""Beginning of a 2bit file, for either order of bytes."""
_BINARY = {
    b"%PDF": "a PDF",
    b"{\\rtf": "a document (RTF)",
    b"\x93NUMPY": "a NumPy array",
    b"RDX": "an R workspace",
    b"\x89HDF": "an HDF5 file",
    b"\xd0\xcf\x11\xe0": "a spreadsheet",
    **dict.fromkeys(TWO_BIT, "a 2bit file"),
    b"BAM\1": "a BAM file",
    b"CRAM": "a CRAM file",
    b"SQLite format 3": "a database (SQLite)",
    b"7z\xbc\xaf": "an archive (7z)",
    b"Rar!": "an archive (RAR)",
}
_TAR = (slice(257, 262), b"ustar")
_LFS = b"version https://git-lfs"
_CONTROL = bytes(set(range(32)) - set(b"\t\n\r\f\v")) + b"\x7f"


def file_digest(path: Path, *, holds: str = "sequences") -> str:
    """Return the SHA-256 of a file's bytes; `holds` describes its contents in messages.

    Raises
    ------
    InputError
        For a path that is not a file, or cannot be read.
    """
    check_readable(path, holds=holds)
    with file_errors(path, remedy="Check the path."), path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextlib.contextmanager
def file_errors(path: Path, *, remedy: str) -> Iterator[None]:
    """Turn disk and gzip errors into an `InputError` that names the file.

    Parameters
    ----------
    path
        The file.
    remedy
        What to do if the disk cannot be read.
    """
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(
            "the gzip data is corrupt or cut short",
            file=path,
            remedy="Download the file again; gzip -t checks it.",
        ) from error
    except OSError as error:
        reason = f"cannot be read: {error.strerror or error}"
        raise InputError(reason, file=path, remedy=remedy) from error


def read_bytes(path: Path, *, holds: str = "sequences") -> bytes:
    """Return the content of a text file as UTF-8 decompressed and without a byte order mark.

    Gzip, bzip2, xz and zstd are recognised by content, not by name.

    Parameters
    ----------
    path
        The file.
    holds
        Description of what it should contain, for messages.

    Raises
    ------
    InputError
        For a file that is missing, unreadable, empty, corrupt, or not text.
    """
    data = read_content(path, holds=holds)
    if kind := columnar_kind(data):
        what = "a Parquet file" if kind == "parquet" else "an Arrow file"
        raise InputError(f"is {what}", file=path, remedy="Give text, plain or compressed.")
    return data


def read_content(path: Path, *, holds: str = "sequences") -> bytes:
    """Return the content of a file: text as from :func:`read_bytes`, Parquet and Arrow as raw bytes.

    Parameters
    ----------
    path
        The file.
    holds
        Description of what it should contain, for messages.

    Raises
    ------
    InputError
        As :func:`read_bytes`, except that Parquet and Arrow are accepted.
    """
    check_readable(path, holds=holds)
    with file_errors(path, remedy="Check the disk."):
        data = unpack(path.read_bytes(), path)
    if columnar_kind(data):
        return data
    for magic, what in _BINARY.items():
        if data.startswith(magic):
            raise InputError(f"is {what}", file=path, remedy=READABLE)
    if data[_TAR[0]].startswith(_TAR[1]):
        raise InputError(
            "is a tar archive",
            file=path,
            remedy="Unpack it with tar -xf, and give the files or the folder.",
        )
    if coding := _wide_coding(data):
        try:
            data = data.decode(coding).encode()
        except UnicodeDecodeError as error:
            raise InputError("is broken UTF-16 text", file=path) from error
    data = data.removeprefix(codecs.BOM_UTF8)
    if not data.strip():
        raise InputError("the file is empty", file=path, remedy=f"Give a file with {holds}.")
    if data.startswith(_LFS):
        raise InputError(
            "is only a Git LFS pointer to the data",
            file=path,
            remedy="Download the data: git lfs pull.",
        )
    if not _is_text(data):
        packed = path.suffix.lower() == ".gz"
        raise InputError(
            "is neither gzip data, as its name says, nor text" if packed else "is not text",
            file=path,
            remedy=READABLE,
        )
    return _as_utf8(data)


def columnar_kind(data: bytes) -> Literal["parquet", "arrow"] | None:
    """Return whether data are Parquet or Arrow; None if they are neither."""
    return next((kind for magic, kind in _COLUMNAR.items() if data.startswith(magic)), None)


def _wide_coding(data: bytes) -> str:
    """Return the encoding of UTF-16 text, with or without a byte order mark; "" for any other data."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    head = data[:65536]
    if len(data) % 2 or b"\0" not in head or not head.replace(b"\0", b"").isascii():
        return ""
    low, high = head[::2].count(0), head[1::2].count(0)
    if high == len(head) // 2 and not low:
        return "utf-16-le"
    return "utf-16-be" if low == len(head) // 2 and not high else ""


def _as_utf8(data: bytes) -> bytes:
    """Return text as UTF-8, with bytes that are not UTF-8 read as Windows-1252, so that words stay different."""
    try:
        data.decode()
    except UnicodeDecodeError:
        text = data.decode(errors="surrogateescape")
        return re.sub("[\udc80-\udcff]", _of_windows, text).encode()
    return data


def _of_windows(match: re.Match[str]) -> str:
    byte = match[0].encode(errors="surrogateescape")
    return byte.decode("cp1252", errors="replace")


def _is_text(data: bytes) -> bool:
    # Binary files are recognised by their first bytes; an odd byte in a later row is an error of that row.
    head = data[:65536]
    return b"\0" not in head and len(head) - len(head.translate(None, _CONTROL)) < 0.01 * len(head)
