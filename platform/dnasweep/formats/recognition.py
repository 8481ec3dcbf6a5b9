"""Which format a file is of: by its name where that tells, else by all of its first rows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, get_args

from dnasweep.errors import InputError
from dnasweep.formats.delimited import ACCEPTED
from dnasweep.formats.files import ENDINGS, ending

Format = Literal["auto", "csv", "tsv", "fasta", "bed", "sga", "fps", "text"]
FORMATS: tuple[Format, ...] = get_args(Format)

READ_AS = "read-as"
"""Code of the findings of a data set that say how its files were understood."""

_ROW = {
    "sga": re.compile(rb"\S+\t[^\t]+\t\d+\t[+\-0]\t\d+(?:\t|$)"),
    "bed": re.compile(rb"\S+\t\d+\t\d+(?:\t|$)"),
}
_ASIDE = re.compile(rb"#|track\b|browser\b|\s*$")
_TRACK = re.compile(rb"(?:track|browser)\s")
_DNA = re.compile(rb"[ACGTRYSWKMBDHVNU ]+", re.IGNORECASE)
_OTHERS = {
    b"##fileformat=VCF": "a VCF of variants",
    b"MEME version": "a file of motifs",
    b"LOCUS ": "GenBank",
    b"##gff": "GFF",
    b"@": "FASTQ or SAM",
    b"{": "JSON",
    b"[": "JSON",
}
_ROWS = 1000
_READABLE = "Give CSV, TSV, FASTA, SGA or BED, plain or gzip."


def detect(data: bytes, path: Path) -> Format:
    """Return the format of a text.

    A name that ends in .bed, .sga or .csv is believed; a row of numbers in any other file is what
    all of the first rows can be, and refused where they can be both BED and SGA.

    Raises
    ------
    InputError
        For a format that holds no sequences, one that the name denies, and rows that may be either.
    """
    lines = data.lstrip()[: 1 << 20].splitlines()
    first, name = lines[0].rstrip(), ending(path)
    for start, what in _OTHERS.items():
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
    rows = [line.rstrip() for line in lines[:_ROWS] if not _ASIDE.match(line)]
    could = [kind for kind, row in _ROW.items() if rows and all(map(row.match, rows))]
    if len(could) == 2:
        raise InputError(
            "may be BED (chromosome, start, end, strand) or SGA (sequence, feature, position, strand)",
            file=path,
            remedy="Say which with --format bed or --format sga.",
        )
    if could or _TRACK.match(first):
        return "sga" if could == ["sga"] else "bed"
    known = {name for names in ACCEPTED.values() for name in names}
    if _DNA.fullmatch(first) and first.decode().lower() not in known:
        return "text"
    return "tsv" if b"\t" in first else "csv"


def taken_for(kind: Format, path: Path) -> bool:
    """Return whether it is worth saying what a file was taken for: its name does not say it."""
    family = {
        "csv": ("csv", "txt"),
        "tsv": ("tsv", "tab", "csv", "txt"),
        "fasta": ENDINGS["fasta"],
    }
    return ending(path) not in family.get(kind, (kind,))
