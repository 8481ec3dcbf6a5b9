"""Indexes of a genome FASTA, verified against the file itself, since modification dates prove nothing.

A `.fai` that belongs to another genome, or is damaged, silently gives wrong bases. Therefore each of its
records is checked in the file, which costs two or three reads per record.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Mapping
from pathlib import Path

import pyfaidx

from dnasweep.errors import InputError

Read = Callable[[int, int], bytes]
"""Function that returns a number of bytes from an offset of the decompressed file, fewer at its end."""

_PACKED = b"\x1f\x8b\x08\x04"
_WHOLE = 1 << 16
"""Longest record, in bases, of which every line is checked."""
_SAMPLES = 64
"""Number of line ends checked in a longer record."""
_TITLE = 1 << 20
"""Largest number of bytes between two records, including the title."""


def write_blocks(path: Path, target: Path) -> int:
    """Write the `.gzi` of a bgzip file from its block headers; return the decompressed size in bytes.

    This costs two short reads per block of 64 KiB, and avoids having to trust an index beside the
    file.

    Raises
    ------
    InputError
        For a file that is truncated or does not consist of bgzip blocks throughout.
    """
    entries, packed, unpacked, size = [], 0, 0, path.stat().st_size
    last = -1
    with path.open("rb") as stream:
        while packed < size:
            stream.seek(packed)
            head = stream.read(18)
            # The two-byte field "BC" contains the block length: SAM specification, 4.1.
            if len(head) < 18 or head[:4] != _PACKED or head[12:16] != b"BC\x02\x00":
                raise _damaged(path)
            length = struct.unpack("<H", head[16:18])[0] + 1
            stream.seek(packed + length - 4)
            tail = stream.read(4)
            last = struct.unpack("<I", tail)[0] if len(tail) == 4 else -1
            if length < 26 or not 0 <= last <= 1 << 16:
                raise _damaged(path)
            entries.append((packed, unpacked))
            packed, unpacked = packed + length, unpacked + last
    if last != 0:
        raise _damaged(path)
    # The first block and the empty one at the end are left out, as in htslib's bgzf_index_dump_hfile.
    body = [struct.pack("<QQ", *entry) for entry in entries[1:-1]]
    target.write_bytes(struct.pack("<Q", len(body)) + b"".join(body))
    times = path.stat()
    os.utime(target, ns=(times.st_atime_ns, times.st_mtime_ns))
    return unpacked


def _damaged(path: Path) -> InputError:
    return InputError(
        "the bgzip data is corrupt or cut short",
        file=path,
        remedy="Download the file again; bgzip -t checks it.",
    )


def fits(index: Mapping[str, pyfaidx.IndexRecord], read: Read, size: int) -> bool:
    """Return whether an index matches a FASTA file, with all records at their offsets.

    Each record must begin after a title with its name, which follows the previous record; it must end
    where the next title begins or the file ends; and its line ends must be where the index says. All
    line ends are checked in records of up to 64 Kb, otherwise the first, the last and some in between.

    Parameters
    ----------
    index
        Records by name, in the order of the file.
    read
        Function that reads the decompressed file.
    size
        Bytes of the decompressed file.
    """
    at = 0
    for name, record in index.items():
        gap = record.offset - at
        if not 0 < gap <= _TITLE or record.offset > size:
            return False
        title = read(at, gap)
        if record.offset == size and not title.endswith(b"\n"):
            title += b"\n"
        if not _is_title(title, name, first=at == 0):
            return False
        if not _lines_fit(record, read, size):
            return False
        at = min(record.offset + _span(record), size)
    return bool(index) and size - at <= _TITLE and not read(at, size - at).strip()


def _span(record: pyfaidx.IndexRecord) -> int:
    """Return the number of bytes of a record's lines, including all line ends."""
    lines = -(-record.rlen // record.lenc) if record.lenc else 0
    return int(record.rlen + lines * (record.lenb - record.lenc))


def _is_title(text: bytes, name: str, *, first: bool) -> bool:
    *before, title, rest = text.split(b"\n") if text.endswith(b"\n") else [text, b"!"]
    words = title[1:].split()
    blank = all(not one.strip() or (first and one.startswith(b";")) for one in before)
    return title[:1] == b">" and words[:1] == [name.encode()] and blank and not rest


def _lines_fit(record: pyfaidx.IndexRecord, read: Read, size: int) -> bool:
    bases, width, stride = record.rlen, record.lenc, record.lenb
    if bases == 0:
        return True
    if bases < 0 or width <= 0 or not 0 <= stride - width <= 2:
        return False
    end = (b"", b"\n", b"\r\n")[stride - width]
    num, last = -(-bases // width), (bases - 1) % width + 1
    # A record without line ends is the last line of the file.
    if (not end and num > 1) or record.offset + _span(record) - len(end) > size:
        return False
    if bases <= _WHOLE:
        return _is_lines(read(record.offset, _span(record)), bases, width, end)
    for number in sorted({num * i // _SAMPLES for i in range(_SAMPLES)} | {num - 1}):
        length = width if number < num - 1 else last
        text = read(record.offset + number * stride, length + len(end))
        if not _is_lines(text, length, width, end):
            return False
    return True


def _is_lines(text: bytes, bases: int, width: int, end: bytes) -> bool:
    """Return whether a text has `bases` letters in lines of equal width; the last may lack its line end."""
    num, full, stride = -(-bases // width), bases // width, width + len(end)
    if len(text) == bases + (num - 1) * len(end):
        text += end
    return (
        len(text) == bases + num * len(end)
        and text.endswith(end)
        and text.count(b"\n") == num * bool(end)
        and all(text[width + i :: stride][:full] == end[i : i + 1] * full for i in range(len(end)))
        and text[:1] != b">"
        and b"\n>" not in text
    )
