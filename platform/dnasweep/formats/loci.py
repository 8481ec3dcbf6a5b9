"""Genomic coordinates in titles of sequences, as written by bedtools, samtools, UCSC and NCBI."""

from __future__ import annotations

import re

_LOCUS = re.compile(
    r"(?:^|[\s:=])(?P<chrom>[\w.|\-]+):(?P<complement>c?)(?P<start>\d+)-(?P<end>\d+)"
    r"(?P<strand>\([+.-]\)|:[+-]|/rc)?(?=\s|$)",
    re.ASCII,
)
_STRAND = re.compile(r"\bstrand\s*[=:]\s*\"?([+-]?1|[+-])(?=\"?(?:[\s;,\]]|$))", re.IGNORECASE)


def read_locus(title: str, length: int) -> tuple[str, str, str, str]:
    """Return chrom, start, end and strand from a title, or empty strings unless they fit `length` bases.

    Examples
    --------
    >>> read_locus("chr2R:100-110(+)", 10)
    ('chr2R', '100', '110', '+')
    """
    match = _LOCUS.search(title)
    if match:
        start, end = int(match["start"]), int(match["end"])
        if match["complement"]:
            # NCBI writes intervals on the reverse strand from the larger position to the smaller.
            start, end = end, start
        if end - start + 1 == length:
            start -= 1
        if end - start == length and start >= 0:
            # NCBI writes accessions behind other names, VISTA the chromosome behind the species.
            chrom = match["chrom"].rstrip("|").rpartition("|")[2]
            return chrom, str(start), str(end), _strand_of(title, match)
    return "", "", "", ""


def _strand_of(title: str, locus: re.Match[str]) -> str:
    """Return the strand of a locus: bedtools writes (-), or (.) for none, samtools /rc, NCBI c and UCSC strand=-."""
    if locus["complement"]:
        return "-"
    if (mark := locus["strand"]) == "(.)":
        return ""
    if mark:
        return "-" if "-" in mark or mark == "/rc" else "+"
    told = _STRAND.search(title)
    return ("-" if "-" in told[1] else "+") if told else ""
