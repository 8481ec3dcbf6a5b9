"""The content of a file: bytes that are known to be text, and which format they are in."""

from __future__ import annotations

import codecs
import contextlib
import gzip
import hashlib
import re
import zlib
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Literal, get_args

from dnasweep.errors import InputError
from dnasweep.formats.paths import check_readable

Format = Literal["auto", "csv", "tsv", "fasta", "bed", "sga", "fps", "text"]
FORMATS: tuple[Format, ...] = get_args(Format)

ENDINGS: dict[str, tuple[str, ...]] = {
    "delimited": ("csv", "tsv", "tab", "txt"),
    "fasta": ("fa", "fasta", "fna", "fas", "ffn"),
    "intervals": ("sga", "bed", "fps", "dat"),
}
"""File endings that hold sequences, by family; each may be followed by .gz."""

GZIP = b"\x1f\x8b"
"""First bytes of gzip data, those of bgzip among them."""

_PACKED = ("gz", "bgz")
_KNOWN = frozenset([*_PACKED, *(e for endings in ENDINGS.values() for e in endings)])
_BINARY = {
    b"PK\x03\x04": "a ZIP archive or a spreadsheet",
    b"PAR1": "a Parquet file",
    b"BZh": "bzip2 data",
    b"\xfd7zXZ": "xz data",
    b"\x28\xb5\x2f\xfd": "zstd data",
    b"%PDF": "a PDF",
    b"\x89HDF": "an HDF5 file",
}
_CONTROL = bytes(set(range(32)) - set(b"\t\n\r\f\v")) + b"\x7f"
_WITHOUT_SEQUENCES = {
    b"##fileformat=VCF": "a VCF of variants",
    b"MEME version": "a file of motifs",
    b"LOCUS ": "GenBank",
    b"##gff": "GFF",
    b"@": "FASTQ or SAM",
    b"{": "JSON",
    b"[": "JSON",
}
_READABLE = "Give CSV, TSV, FASTA, SGA or BED, plain or gzip."
_ROW = {
    "sga": re.compile(rb"\S+\t[^\t]+\t\d+\t[+\-0]\t\d+(?:\t|$)"),
    "bed": re.compile(rb"\S+\t\d+\t\d+(?:\t|$)"),
}
_NO_ROW = re.compile(rb"#|track\b|browser\b|\s*$")
_TRACK = re.compile(rb"(?:track|browser)\s")
_DNA = re.compile(rb"[ACGTRYSWKMBDHVNU ]+", re.IGNORECASE)
_ROWS = 1000


def stem(path: Path) -> str:
    """Return the file's name without its endings: `train` for `a/train.tsv.gz`.

    Examples
    --------
    >>> stem(Path("fly/train.tsv.gz"))
    'train'
    """
    name = path.name
    for _ in range(2):
        base, dot, last = name.rpartition(".")
        if not (dot and base and last.lower() in _KNOWN):
            break
        name = base
    return name


def ending(path: Path) -> str:
    """Return the lower-case ending that tells the format, `tsv` for `train.TSV.gz`, or ""."""
    parts = path.name.lower().split(".")[1:]
    while parts and parts[-1] in _PACKED:
        parts.pop()
    return parts[-1] if parts else ""


def file_digest(path: Path, *, holds: str = "sequences") -> str:
    """Return the SHA-256 of a file's bytes; messages say what it `holds`.

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
    """Turn errors of the disk and of gzip into an `InputError` that names the file.

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
            remedy="Fetch the file again; gzip -t checks it.",
        ) from error
    except OSError as error:
        reason = f"cannot be read: {error.strerror or error}"
        raise InputError(reason, file=path, remedy=remedy) from error


def read_bytes(path: Path, *, holds: str = "sequences") -> bytes:
    """Return the content of a text file as UTF-8 without a byte order mark, gzip undone.

    Gzip is recognised by content, not by name.

    Parameters
    ----------
    path
        The file.
    holds
        What it should contain, for messages.

    Raises
    ------
    InputError
        For a file that is missing, unreadable, empty, a corrupt gzip or not text.
    """
    check_readable(path, holds=holds)
    with file_errors(path, remedy="Check the disk."):
        data = path.read_bytes()
        if data.startswith(GZIP):
            data = gzip.decompress(data)
    for magic, what in _BINARY.items():
        if data.startswith(magic):
            raise InputError(f"is {what}", file=path, remedy=_READABLE)
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
            remedy=_READABLE,
        )
    return data


def _is_text(data: bytes) -> bool:
    # A file of another kind shows in its first bytes; one odd byte in a later row is that row's.
    head = data[:65536]
    return b"\0" not in head and len(head) - len(head.translate(None, _CONTROL)) < 0.01 * len(head)


def detect_format(data: bytes, path: Path, *, header_names: Container[str] = ()) -> Format:
    """Return the format of a text, by its name if that says it, else by all of its first rows.

    A name that ends in .bed, .sga or .csv is believed. A row of numbers in any other file is what
    all of the first rows can be, and refused where they can be both BED and SGA.

    Parameters
    ----------
    data
        The content of the file.
    path
        The file.
    header_names
        Names of columns in lower case: such a first line is a header, although its letters could
        be bases (`strand`, `chr`).

    Raises
    ------
    InputError
        For a format that holds no sequences or contradicts the name, and rows that may be either.
    """
    lines = data.lstrip()[: 1 << 20].splitlines()
    first, name = lines[0].rstrip(), ending(path)
    for start, what in _WITHOUT_SEQUENCES.items():
        if first.startswith(start):
            raise InputError(f"is {what}", file=path, remedy=_READABLE)
    if first.startswith(b">"):
        return "fasta"
    if first.startswith((b"ID   ", b"FP   ")):
        return "fps"
    if name in ("sga", "bed", "csv"):
        return name  # type: ignore[return-value]
    if name in ENDINGS["fasta"]:
        raise InputError(
            "is named FASTA but does not begin with >", file=path, row=1, remedy="Check the file."
        )
    rows = [line.rstrip() for line in lines[:_ROWS] if not _NO_ROW.match(line)]
    could = [kind for kind, row in _ROW.items() if rows and all(map(row.match, rows))]
    if len(could) == 2:
        raise InputError(
            "may be BED (chromosome, start, end, strand) or SGA (sequence, feature, position, strand)",
            file=path,
            remedy="Say which with --format bed or --format sga.",
        )
    if could or _TRACK.match(first):
        return "sga" if could == ["sga"] else "bed"
    if _DNA.fullmatch(first) and first.decode().lower() not in header_names:
        return "text"
    return "tsv" if b"\t" in first else "csv"


def name_tells(path: Path, kind: Format) -> bool:
    """Return whether the name of a file says that it is of a format."""
    family = {
        "csv": ("csv", "txt"),
        "tsv": ("tsv", "tab", "csv", "txt"),
        "fasta": ENDINGS["fasta"],
    }
    return ending(path) in family.get(kind, (kind,))
