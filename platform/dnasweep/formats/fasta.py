"""FASTA, EPDnew's among it, and plain text with one sequence a line."""

from __future__ import annotations

import re

import pandas as pd

_EPDNEW = re.compile(r"(?:FP\d+\s+)?(\S+)\s*:[+-]?\s?\w\s+\w+:\w+;\s*range\s", re.ASCII)
_LOCUS = re.compile(r"(?:^|[\s:=])([\w.|\-]+):(\d+)-(\d+)(?:\(([+-])\))?(?=\s|$)", re.ASCII)


def read_fasta(data: bytes) -> tuple[pd.DataFrame, bool]:
    """Return the records of a FASTA file, and whether EPDnew wrote it.

    The id is the first word of a title, in EPDnew's titles (`FP003191 FMP25_1 :+U EU:NC; range
    -200 to 200.`) the promoter's name. Coordinates (`chr1:100-700(+)`) are taken from a title
    where their length is that of the sequence, 0-based as bedtools or 1-based as samtools and UCSC
    write them; a length tells which.

    Returns
    -------
    frame
        Text columns row (1-based record), sequence, id, chrom, start, end, strand.
    epdnew
        Whether all titles are EPDnew's, so that every sequence is a promoter.
    """
    text = _unix(data).decode("utf-8", errors="replace").lstrip()
    rows, epdnew = [], True
    for number, record in enumerate(("\n" + text).split("\n>")[1:], start=1):
        title, _, body = record.partition("\n")
        title = title.strip()
        sequence = "".join(body.split())
        match = _EPDNEW.match(title)
        epdnew = epdnew and match is not None
        words = title.split(maxsplit=1)
        name = match[1] if match else (words[0] if words else "")
        rows.append((number, sequence, name, *read_locus(title, len(sequence))))
    columns = ["row", "sequence", "id", "chrom", "start", "end", "strand"]
    return pd.DataFrame(rows, columns=columns), epdnew


def read_locus(title: str, length: int) -> tuple[str, str, str, str]:
    """Return chrom, start, end and strand that a title gives a sequence of so many bases, or nothing."""
    match = _LOCUS.search(title)
    if match:
        start, end = int(match[2]), int(match[3])
        if end - start + 1 == length:
            start -= 1
        if end - start == length and start >= 0:
            return match[1], str(start), str(end), match[4] or ""
    return "", "", "", ""


def read_lines(data: bytes) -> pd.DataFrame:
    """Return plain text with one sequence a line: columns row (1-based line) and sequence."""
    lines = _unix(data).decode("utf-8", errors="replace").split("\n")
    frame = pd.DataFrame({"row": range(1, len(lines) + 1), "sequence": lines})
    return frame[frame["sequence"].str.strip() != ""].reset_index(drop=True)


def _unix(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
