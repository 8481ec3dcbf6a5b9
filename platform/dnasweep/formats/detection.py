"""The format of a file, detected from its name and first rows."""

from __future__ import annotations

import re
from collections.abc import Container
from pathlib import Path
from typing import Literal, get_args

from dnasweep.errors import InputError
from dnasweep.formats.content import READABLE, columnar_kind
from dnasweep.formats.packing import PACKED_ENDINGS

# fmt: off
Format = Literal["auto", "csv", "tsv", "json", "parquet", "arrow", "fasta", "genbank", "bed", "sga", "fps", "gff", "text"]
# fmt: on
FORMATS: tuple[Format, ...] = get_args(Format)

BED_ENDINGS = ("narrowpeak", "broadpeak", "gappedpeak", "bedgraph", "bdg")
"""File extensions of formats related to BED."""
ENDINGS: dict[str, tuple[str, ...]] = {
    "delimited": ("csv", "tsv", "tab", "txt"),
    "fasta": ("fa", "fasta", "fna", "fas", "ffn"),
    "intervals": ("sga", "bed", "fps", "dat", *BED_ENDINGS),
    "json": ("json", "jsonl", "ndjson"),
    "columnar": ("parquet", "pq", "arrow", "feather"),
    "annotation": ("gtf", "gff", "gff3"),
    "genbank": ("gb", "gbk", "gbff", "genbank"),
}
"""Extensions of files with sequences, by format; each may be followed by one of `PACKED_ENDINGS`."""

_KNOWN = frozenset([*PACKED_ENDINGS, *(e for endings in ENDINGS.values() for e in endings)])
_WITHOUT_SEQUENCES = {
    b"##fileformat=VCF": "a VCF of variants",
    b"MEME version": "a file of motifs",
    b"CLUSTAL": "an alignment",
    b"# STOCKHOLM": "an alignment",
    b"#NEXUS": "an alignment",
    b"<": "a web page or XML",
    b"@RELATION": "ARFF",
    b"@": "FASTQ or SAM",
}
_READS = "Convert it to FASTA, for example with seqkit fq2fa or samtools fasta."
_ROW = {
    "sga": re.compile(rb"\S+\t[^\t]+\t\d+\t[+\-0]\t\d+(?:\t|$)"),
    "bed": re.compile(rb"\S+\t\d+\t\d+(?:\t|$)"),
}
_GFF_ROW = re.compile(rb"[^\t]+\t[^\t]*\t[^\t]+\t\d+\t\d+\t[^\t]+\t[+\-.?]\t[012.]\t")
_NO_ROW = re.compile(rb"#|track\b|browser\b|\s*$")
_ABOVE = re.compile(rb"""#|"?sep=.{1,2}"?$|$""", re.IGNORECASE)
_TRACK = re.compile(rb"(?:track|browser)\s")
_DNA = re.compile(rb"[ACGTRYSWKMBDHVNU ]+", re.IGNORECASE)
_ROWS = 1000


def stem(path: Path) -> str:
    """Return the file's name without its extensions: `train` for `a/train.tsv.gz`.

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
    """Return the lower-case extension that names the format, `tsv` for `train.TSV.gz`, or ""."""
    parts = path.name.lower().split(".")[1:]
    while parts and parts[-1] in PACKED_ENDINGS:
        parts.pop()
    return parts[-1] if parts else ""


def detect_format(data: bytes, path: Path, *, header_names: Container[str] = ()) -> Format:
    """Return the format of a file, from its name if possible, otherwise from its first rows.

    The extensions .bed, .sga and .csv are trusted. Otherwise, rows of numbers have the format that fits
    all of the first rows, and are refused if they could be both BED and SGA.

    Parameters
    ----------
    data
        The content of the file.
    path
        The file.
    header_names
        Known column names in lower case. A first line with these is a header, even if its letters could
        be bases (`strand`, `chr`).

    Raises
    ------
    InputError
        For a format without sequences or in conflict with the file name, and for ambiguous rows.
    """
    if kind := columnar_kind(data):
        return kind
    lines = data.lstrip()[: 1 << 20].splitlines()
    first, name = lines[0].rstrip(), ending(path)
    if first.startswith((b"#", b";")):
        # Old FASTA files begin with comments.
        title = next(
            (one for one in lines if one.strip() and not one.startswith((b"#", b";"))), b""
        )
        first = title.rstrip() if title.startswith(b">") else first
    for start, what in _WITHOUT_SEQUENCES.items():
        if first.upper().startswith(start.upper()):
            remedy = _READS if start == b"@" else READABLE
            raise InputError(f"is {what}", file=path, remedy=remedy)
    if first.startswith(b">"):
        return "fasta"
    if first.startswith((b"{", b"[")) and name not in ("csv", "tsv"):
        return "json"
    if first.startswith(b"LOCUS "):
        return "genbank"
    if first.startswith(b"##gff") or name in ENDINGS["annotation"]:
        return "gff"
    if first.startswith(b"ID   ") and b"\nSQ   " in data:
        raise InputError("is EMBL", file=path, remedy="Convert it to GenBank or FASTA.")
    if first.startswith((b"ID   ", b"FP   ")):
        return "fps"
    name = "bed" if name in BED_ENDINGS else name
    if name == "bed" and first[:1] != b"#" and _names_columns(first, header_names):
        return "tsv"
    if name in ("sga", "bed", "csv"):
        return name  # type: ignore[return-value]
    if name in ENDINGS["fasta"]:
        raise InputError(
            "has the extension of FASTA but does not begin with >",
            file=path,
            row=1,
            remedy="Check the file.",
        )
    rows = [line.rstrip() for line in lines[:_ROWS] if not _NO_ROW.match(line)]
    if rows and all(map(_GFF_ROW.match, rows)):
        return "gff"
    could = [kind for kind, row in _ROW.items() if rows and all(map(row.match, rows))]
    if len(could) == 2:
        raise InputError(
            "could be BED (chromosome, start, end, strand) or SGA (sequence, feature, position, strand)",
            file=path,
            remedy="Choose with --format bed or --format sga.",
        )
    if could or _TRACK.match(first):
        return "sga" if could == ["sga"] else "bed"
    # Any format may begin with comments.
    first = next((one for one in map(bytes.strip, lines) if not _ABOVE.match(one)), first)
    if _DNA.fullmatch(first) and first.decode().lower() not in header_names:
        return "text"
    return "tsv" if b"\t" in first else "csv"


def _names_columns(line: bytes, header_names: Container[str]) -> bool:
    """Return whether a line of a BED file is a header rather than an interval."""
    cells = line.decode(errors="replace").lower().split()
    return len(cells) >= 3 and all(cell.strip("\"'") in header_names for cell in cells[:3])


def name_tells(path: Path, kind: Format) -> bool:
    """Return whether the name of a file indicates the format `kind`."""
    family = {
        "csv": ("csv", "txt"),
        "tsv": ("tsv", "tab", "csv", "txt"),
        "fasta": ENDINGS["fasta"],
        "bed": ("bed", *BED_ENDINGS),
        "json": ENDINGS["json"],
        "parquet": ENDINGS["columnar"],
        "arrow": ENDINGS["columnar"],
        "gff": ENDINGS["annotation"],
        "genbank": ENDINGS["genbank"],
    }
    return ending(path) in family.get(kind, (kind,))
