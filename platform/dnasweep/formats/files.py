"""Bytes from a file, unpacked, and known to be text."""

from __future__ import annotations

import codecs
import gzip
import zlib
from pathlib import Path

from dnasweep.errors import InputError
from dnasweep.formats.paths import check_readable

_GZIP = b"\x1f\x8b"
_OTHERS = {
    b"PK\x03\x04": "a ZIP archive or a spreadsheet",
    b"PAR1": "a Parquet file",
    b"BZh": "bzip2 data",
    b"\xfd7zXZ": "xz data",
    b"\x28\xb5\x2f\xfd": "zstd data",
    b"%PDF": "a PDF",
    b"\x89HDF": "an HDF5 file",
}
ENDINGS: dict[str, tuple[str, ...]] = {
    "delimited": ("csv", "tsv", "tab", "txt"),
    "fasta": ("fa", "fasta", "fna", "fas", "ffn"),
    "places": ("sga", "bed", "fps", "dat"),
}
"""File endings that hold sequences, by family; each may be followed by .gz."""

_KNOWN = frozenset(["gz", "bgz", *(e for endings in ENDINGS.values() for e in endings)])
_CONTROL = bytes(set(range(32)) - set(b"\t\n\r\f\v")) + b"\x7f"


def read_bytes(path: Path, *, holds: str = "sequences") -> bytes:
    """Return the content of a text file, gzip undone whatever the name, as UTF-8 without a mark.

    Parameters
    ----------
    holds
        What is to be in it, for messages.

    Raises
    ------
    InputError
        For a file that is missing, unreadable, empty, a corrupt gzip or not text.
    """
    check_readable(path, holds=holds)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror or error}", file=path, remedy="Check the disk."
        ) from error
    if data.startswith(_GZIP):
        data = _unpack(data, path)
    _refuse_others(data, path)
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            data = data.decode("utf-16").encode()
        except UnicodeDecodeError as error:
            raise InputError("is broken UTF-16 text", file=path) from error
    data = data.removeprefix(codecs.BOM_UTF8)
    if not data.strip():
        raise InputError("the file is empty", file=path, remedy=f"Give a file with {holds}.")
    if not _is_text(data):
        packed = path.suffix.lower() == ".gz"
        raise InputError(
            "is neither gzip data, as its name says, nor text" if packed else "is not text",
            file=path,
            remedy="Give CSV, TSV, FASTA, SGA or BED, plain or gzip.",
        )
    return data


def _unpack(data: bytes, path: Path) -> bytes:
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            "the gzip data is corrupt or cut short",
            file=path,
            remedy="Fetch the file again; gzip -t checks it.",
        ) from error


def _refuse_others(data: bytes, path: Path) -> None:
    for magic, what in _OTHERS.items():
        if data.startswith(magic):
            raise InputError(
                f"is {what}", file=path, remedy="Give CSV, TSV, FASTA, SGA or BED, plain or gzip."
            )


def _is_text(data: bytes) -> bool:
    # A file of another kind shows in its first bytes; one odd byte in a later row is that row's.
    head = data[:65536]
    return b"\0" not in head and len(head) - len(head.translate(None, _CONTROL)) < 0.01 * len(head)


def stem(path: Path) -> str:
    """Return the file's name without its endings: `train` for `a/train.tsv.gz`."""
    name = path.name
    for _ in range(2):
        base, dot, ending = name.rpartition(".")
        if not (dot and base and ending.lower() in _KNOWN):
            break
        name = base
    return name


def ending(path: Path) -> str:
    """Return the lower-case ending that tells the format, `tsv` for `train.TSV.gz`, or ""."""
    parts = path.name.lower().split(".")[1:]
    while parts and parts[-1] in ("gz", "bgz"):
        parts.pop()
    return parts[-1] if parts else ""
