"""Indexes of a genome FASTA, compared with the file itself, since dates say nothing about bases.

A `.fai` that belongs to another genome, or is damaged, silently gives wrong bases. Each of its
records is looked up in the file, at the cost of two or three reads per record.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Mapping
from pathlib import Path

import pyfaidx

from dnasweep.errors import InputError

Read = Callable[[int, int], bytes]
"""Returns a number of bytes from an offset of the unpacked file, fewer at its end."""

_PACKED = b"\x1f\x8b\x08\x04"
_WHOLE = 1 << 16
"""Bases up to which every line of a record is checked."""
_SAMPLES = 64
"""Line ends of a longer record that are checked."""
_TITLE = 1 << 20
"""Bytes that may be between two records, the title included."""


def write_blocks(path: Path, target: Path) -> int:
    """Write the `.gzi` of a bgzip file from the heads of its blocks; return the unpacked bytes.

    It costs two short reads per block of 64 KiB, so that no index beside the file has to be
    trusted.

    Raises
    ------
    InputError
        For a file that is cut short or is not made of such blocks to its end.
    """
    entries, packed, unpacked, size = [], 0, 0, path.stat().st_size
    last = -1
    with path.open("rb") as stream:
        while packed < size:
            stream.seek(packed)
            head = stream.read(18)
            # One field "BC" of two bytes holds the length: the SAM specification, 4.1.
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
    # The first block is left out, and so is the empty one at the end: htslib's bgzf_index_dump_hfile.
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
    """Return whether an index describes a FASTA file: all of its records, at their offsets.

    Each record has to begin after a title with its name, which follows the record before it, to end
    where the next title begins or the file ends, and to have its line ends where the index says:
    all of them in records of up to 64 Kb, otherwise the first, the last and some in between.

    Parameters
    ----------
    index
        Records by name, in the order of the file.
    read
        Function that reads the decompressed file.
    size
        Bytes of the unpacked file.
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
    """Return the bytes of a record's lines, with all of their ends."""
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
    # Without line ends there is one line, which the file ends with.
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
    """Return whether a text has this many letters in lines of one width; the last may lack its end."""
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
