"""Decompression of gzip, bzip2, xz, zstandard and ZIP, recognised by content."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa

from dnasweep.errors import InputError

GZIP = b"\x1f\x8b"
"""First bytes of gzip data, including bgzip."""
PACKED_ENDINGS = ("gz", "bgz", "bz2", "xz", "zst", "zstd", "zip")
"""Extensions of compressed files; they follow the extension of the format."""


def _zstd(data: bytes) -> bytes:
    with pa.CompressedInputStream(io.BytesIO(data), "zstd") as stream:
        return bytes(stream.read())


_PACKINGS: dict[bytes, tuple[str, Callable[[bytes], bytes]]] = {
    GZIP: ("gzip", gzip.decompress),
    b"BZh": ("bzip2", bz2.decompress),
    b"\xfd7zXZ\x00": ("xz", lzma.decompress),
    b"\x28\xb5\x2f\xfd": ("zstd", _zstd),
}
_CHECKS = {
    "gzip": "gzip -t",
    "bzip2": "bzip2 -t",
    "xz": "xz -t",
    "zstd": "zstd -t",
    "ZIP": "unzip -t",
}


_ZIP = b"PK\x03\x04"
_SHOWN = 3
_TIMES = 2
"""Layers of compression that are removed: servers may compress files that are already compressed."""


def unpack(data: bytes, file: Path) -> bytes:
    """Return decompressed data; data that are not compressed are returned unchanged.

    A ZIP archive is unpacked if it contains exactly one file.

    Parameters
    ----------
    data
        Contents of the file.
    file
        Path of the file, for messages.

    Raises
    ------
    InputError
        For corrupt or truncated data, an archive of several files, and a spreadsheet.
    """
    if data.startswith(_ZIP):
        with packing_errors(file, "ZIP"):
            return _unzip(data, file)
    for _ in range(_TIMES):
        data = _unpack_once(data, file)
    return data


def is_packed(head: bytes) -> bool:
    """Return whether data that begin with `head` are compressed."""
    return head.startswith((_ZIP, *_PACKINGS))


def _unpack_once(data: bytes, file: Path) -> bytes:
    for magic, (name, undo) in _PACKINGS.items():
        if data.startswith(magic):
            with packing_errors(file, name):
                return undo(data)
    return data


def _unzip(data: bytes, file: Path) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        held = [
            one
            for one in archive.infolist()
            if not (one.is_dir() or one.filename.startswith("__MACOSX/"))
        ]
        names = [one.filename for one in held]
        if any(name.startswith("xl/") or name == "content.xml" for name in names):
            raise InputError("is a spreadsheet", file=file, remedy="Save its sheet as CSV.")
        are_arrays = bool(names) and all(name.endswith(".npy") for name in names)
        if are_arrays or any(name.endswith("/data.pkl") for name in names):
            raise InputError(
                "contains arrays of numbers, not text",
                file=file,
                remedy="Write the sequences as text, such as CSV with the columns sequence and label.",
            )
        if len(held) != 1:
            listed = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
            raise InputError(
                f"is a ZIP archive of {len(held)} files ({listed or 'none'})",
                file=file,
                remedy="Unpack it, and give its files or the folder.",
            )
        if held[0].flag_bits & 1:
            raise InputError("is a ZIP archive with a password", file=file, remedy="Unpack it.")
        return archive.read(held[0])


@contextlib.contextmanager
def packing_errors(file: Path, name: str = "gzip") -> Iterator[None]:
    """Turn errors of decompression into an `InputError` that names the file.

    Parameters
    ----------
    file
        The file.
    name
        Name of the compression.
    """
    try:
        yield
    except InputError:
        raise
    except (
        EOFError,
        zipfile.BadZipFile,
        NotImplementedError,
        OSError,
        ValueError,
        lzma.LZMAError,
        zlib.error,
        pa.ArrowException,
    ) as error:
        # Disk errors have an error number; errors of decompression do not.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise InputError(
            f"the {name} data is corrupt or cut short",
            file=file,
            remedy=f"Download the file again; {_CHECKS[name]} checks it.",
        ) from error
