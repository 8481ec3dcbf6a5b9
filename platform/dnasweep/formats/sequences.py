"""Files of sequences: FASTA, read at once or in blocks, plain text, and k-mer sentences."""

from __future__ import annotations

import contextlib
import gzip
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import pandas as pd

from dnasweep.errors import InputError
from dnasweep.formats.content import file_errors
from dnasweep.formats.loci import read_locus
from dnasweep.formats.packing import GZIP
from dnasweep.formats.paths import check_readable

_EPDNEW = re.compile(r"(?:FP\d+\s+)?(\S+)\s*:[+-]?\s?\w\s+\w+:\w+;\s*range\s", re.ASCII)


def read_fasta(data: bytes) -> tuple[pd.DataFrame, bool]:
    """Return the records of a FASTA file, and whether EPDnew wrote it.

    The id is the first word of a title, in EPDnew's titles (`FP003191 FMP25_1 :+U EU:NC; range
    -200 to 200.`) the promoter's name. Coordinates (`chr1:100-700(+)`) are taken from a title
    if they match the length of the sequence, which also tells whether they are 0-based, as in
    bedtools, or 1-based, as in samtools and UCSC.

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


def titles_of(data: bytes) -> list[str]:
    """Return the titles of the records of a FASTA file, without >.

    Parameters
    ----------
    data
        Contents of the file.
    """
    text = "\n" + _unix(data).decode("utf-8", errors="replace").lstrip()
    return [record.partition("\n")[0].strip() for record in text.split("\n>")[1:]]


def read_lines(data: bytes) -> pd.DataFrame:
    """Return plain text with one sequence per line: columns row (1-based line) and sequence.

    Lines that begin with # are left out.
    """
    lines = _unix(data).decode("utf-8", errors="replace").split("\n")
    frame = pd.DataFrame({"row": range(1, len(lines) + 1), "sequence": lines})
    text = frame["sequence"].str.strip()
    return frame[(text != "") & ~text.str.startswith("#")].reset_index(drop=True)


_BLOCK, _LONG_BLOCK = 3, 10
_NEARLY_ALL = 0.9
"""Fraction of rows that must consist of blocks before short words, or two words per row, count as blocks;
likewise of rows whose words must not overlap."""
_FEWEST_PAIRS = 3
"""Minimum number of pairs of consecutive words for recognising k-mers that are more than one base apart, so
that chance is excluded."""


def join_wrapped(sequences: pd.Series) -> tuple[pd.Series, list[str]]:
    """Return sequences with line breaks and spaces between blocks removed, and notes about it.

    A cell of several lines without spaces is one wrapped sequence. Words of at least 3 letters, equally
    long except the last, are blocks of a sequence if nearly all rows consist of them, as k-mers that do not
    overlap are. Three or more words of 10 letters, as printed by GenBank, are blocks even in single rows. A
    single space in a row is not removed, since a base may be missing there. Overlapping k-mers stay
    unchanged.

    Parameters
    ----------
    sequences
        Text, one sequence per row; not changed.
    """
    text = sequences.astype("str").str.strip()
    spaced = text[text.str.contains(r"\s")]
    wrapped = spaced[spaced.str.contains(r"[\r\n]") & ~spaced.str.contains(r"[^\S\r\n]")]
    blocks = spaced[spaced.map(_are_blocks)].drop(wrapped.index, errors="ignore")
    if len(blocks) < _NEARLY_ALL * (text != "").sum():
        blocks = blocks[blocks.map(_are_long)]
    if len(blocks) and blocks.map(_are_apart).mean() < _NEARLY_ALL:
        blocks = blocks[:0]
    joined = pd.concat([wrapped, blocks])
    if joined.empty:
        return sequences, []
    done = [
        what
        for what, rows in (("lines", wrapped), (f"blocks of {_width(blocks)} letters", blocks))
        if len(rows)
    ]
    sequences = sequences.astype("str").copy()
    sequences[joined.index] = joined.str.replace(r"\s+", "", regex=True)
    return sequences, [f"{len(joined):,} sequences are joined from {' and '.join(done)}"]


def _width(blocks: pd.Series) -> int:
    return len(blocks.iloc[0].split()[0]) if len(blocks) else 0


def _are_blocks(text: str) -> bool:
    if len(text.split(maxsplit=1)[0]) < _BLOCK:
        return False
    *words, last = text.split()
    widths = {len(word) for word in words}
    return len(widths) == 1 and len(last) <= min(widths)


def _are_long(text: str) -> bool:
    words = text.split()
    return len(words) > 2 and len(words[0]) >= _LONG_BLOCK


def _are_apart(text: str) -> bool:
    """Return whether most words do not continue the preceding ones as overlapping k-mers would.

    Overlapping k-mers may be one or more bases apart, but all of them overlap by the same number of bases.
    """
    words = text.split()
    width = len(words[0])
    pairs = [pair for pair in itertools.pairwise(words) if len(pair[1]) == width]
    if sum(before[1:] == word[:-1] for before, word in pairs) >= max(len(pairs), 1) / 2:
        return False
    return len(pairs) < _FEWEST_PAIRS or not any(
        all(before[step:] == word[:-step] for before, word in pairs) for step in range(2, width)
    )


def _unix(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def join_kmers(sentence: str) -> str:
    """Return the sequence whose overlapping k-mers, one base apart, `sentence` lists.

    n k-mers come from n + k - 1 bases: the first letter of every k-mer but the last, then the whole
    last k-mer (DNABERT's input format). K-mers are separated by spaces.

    Raises
    ------
    InputError
        For the first k-mer of another length, or that does not continue the preceding one.

    Examples
    --------
    >>> join_kmers("TAT ATA TAA AAA")
    'TATAAA'
    """
    kmers = sentence.split()
    if not kmers:
        return ""
    k = len(kmers[0])
    plain = " ".join(kmers)
    sequence = plain[:: k + 1][:-1] + kmers[-1]
    num_kmers = len(kmers)
    # Letter j of k-mer i is base i + j: k strided slices compare all k-mers at once.
    if len(plain) == num_kmers * (k + 1) - 1 and all(
        plain[j :: k + 1] == sequence[j : j + num_kmers] for j in range(k)
    ):
        return sequence
    for number, (before, kmer) in enumerate(itertools.pairwise(kmers), start=2):
        if len(kmer) != k:
            raise InputError(
                f"k-mer {number} of the sentence, {kmer[:20]!r}, has {len(kmer)} letters "
                f"but the first has {k}"
            )
        if before[1:] != kmer[:-1]:
            raise InputError(
                f"k-mer {number} of the sentence, {kmer[:20]!r}, does not continue {before[:20]!r}"
            )
    raise AssertionError(f"consistent k-mers did not join: {sentence[:80]!r}")


SEPARATOR = b"|"
"""Marks where a record begins; not a letter of a sequence."""
BLOCK = 1 << 23
"""Bytes read at once, after decompression."""


class Letters(NamedTuple):
    """A piece of a FASTA file."""

    text: bytes
    """Letters as in the file, upper and lower case, without titles and line breaks."""
    num_read: int
    """Bytes read from the file for this piece, before decompression."""


def read_letters(path: Path, *, block: int = BLOCK) -> Iterator[Letters]:
    """Read a FASTA file, plain or gzip, in pieces.

    Parameters
    ----------
    path
        The file.
    block
        Bytes of text per piece.

    Yields
    ------
    letters
        Pieces in order. The pieces of one record follow each other directly, and SEPARATOR comes
        before each record.

    Raises
    ------
    InputError
        For a file that is missing, a corrupt gzip or not FASTA.
    """
    check_readable(path, holds="genome")
    remedy = "Check the path; every machine of a cluster must be able to read it."
    with file_errors(path, remedy=remedy), path.open("rb") as raw:
        packed = raw.read(2) == GZIP
        raw.seek(0)
        with gzip.open(raw) if packed else contextlib.nullcontext(raw) as stream:
            yield from _pieces(path, raw, cast(BinaryIO, stream), block)


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
                    remedy="Give a FASTA file, plain or gzipped.",
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
        raise InputError("contains no FASTA record", file=path, remedy="Give another file.")
