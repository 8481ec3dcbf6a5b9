"""Check that an artefact is as published: checksums in its manifest are compared on reading.

A manifest contains the size and the SHA-256 of every file, and a checksum of itself. Each process
computes the checksum of a file once; later changes are detected from its inode, size and times.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from dnasweep.errors import InputError

log = logging.getLogger("dnasweep.storage")

MANIFEST = "manifest.json"
SIZES, DIGESTS, CHECKSUM = "files", "sha256", "checksum"
_MAX_KNOWN = 1 << 16

_known: dict[tuple[int, ...], str] = {}
_unsealed = False


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal, computed once per process unless it changes."""
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        identity = (
            status.st_dev,
            status.st_ino,
            status.st_size,
            status.st_mtime_ns,
            status.st_ctime_ns,
        )
        if identity not in _known:
            if len(_known) >= _MAX_KNOWN:
                _known.clear()
            _known[identity] = hashlib.file_digest(file, "sha256").hexdigest()
        return _known[identity]


def forget() -> None:
    """Forget all computed checksums, as in a new process."""
    _known.clear()


def describe(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the sizes and digests of the files below a folder, in the form stored in a
    manifest."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    names = [path.relative_to(folder).as_posix() for path in files]
    return {
        SIZES: {name: path.stat().st_size for name, path in zip(names, files, strict=True)},
        DIGESTS: {name: digest_of(path) for name, path in zip(names, files, strict=True)},
    }


def seal(value: Mapping[str, Any]) -> str:
    """Return JSON text with a checksum, in which :func:`unseal` detects damage."""
    content = {name: one for name, one in value.items() if name != CHECKSUM}
    return json.dumps({**content, CHECKSUM: _checksum(content)}, indent=2) + "\n"


def unseal(text: bytes | str) -> dict[str, Any]:
    """Return the value that :func:`seal` was given.

    Text without a checksum, as written by earlier versions, is accepted.

    Raises
    ------
    ValueError
        If the text is not what was written.
    """
    try:
        value = json.loads(text)
    except ValueError:
        # The parser's message about damaged text would not help users.
        raise ValueError("it is truncated or overwritten") from None
    if not isinstance(value, dict):
        raise ValueError("it is truncated or overwritten")
    checksum = value.pop(CHECKSUM, None)
    if checksum is None and DIGESTS not in value:
        return value
    if checksum != _checksum(value):
        raise ValueError("its content does not match its checksum")
    return value


def _checksum(value: Mapping[str, Any]) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def damage(folder: Path, names: Collection[str] | None = None) -> str | None:
    """Return what is wrong with a published artefact, or None.

    Parameters
    ----------
    folder
        A folder with a manifest.
    names
        Files to check; None: all files in the manifest.
    """
    try:
        manifest = unseal((folder / MANIFEST).read_bytes())
        sizes = dict(manifest[SIZES])
        digests = dict(manifest.get(DIGESTS, {}))
    except FileNotFoundError:
        return f"{MANIFEST} is missing"
    except (ValueError, KeyError, TypeError) as error:
        return f"{MANIFEST}: {error if isinstance(error, ValueError) else 'it is incomplete'}"
    if not digests and sizes:
        _say_unsealed(folder)
    for name in sizes if names is None else names:
        try:
            size = (folder / name).stat().st_size
            if size != sizes.get(name):
                return f"{name} has {size:,} bytes instead of {sizes.get(name, 0):,}"
            if digests and digest_of(folder / name) != digests.get(name):
                return f"{name} has different content from the published file"
        except (FileNotFoundError, NotADirectoryError):
            return f"{name} is missing"
        except PermissionError:
            raise
        except OSError as error:
            return f"{name} cannot be read ({error.strerror or error})"
    return None


def refuse_damaged(folder: Path) -> None:
    """Check a folder that is part of a published artefact; other folders are not checked.

    Files that were added to the artefact since it was published are not checked either.

    Raises
    ------
    InputError
        Naming the file that differs from the published one.
    """
    folder = folder.resolve()
    for artefact in (folder, folder.parent):
        try:
            manifest = unseal((artefact / MANIFEST).read_bytes())
            names = [
                name for name in manifest[DIGESTS] if (artefact / name).is_relative_to(folder)
            ]
        except (OSError, ValueError, KeyError, TypeError):
            # Other programs write files of this name too.
            continue
        if (wrong := damage(artefact, names)) is not None:
            raise InputError(
                f"this is damaged: {wrong}",
                file=artefact,
                remedy="Delete this folder and run the sweep again, which makes it anew. To use the model "
                "as it is, copy its directory to another place.",
            )


def _say_unsealed(folder: Path) -> None:
    global _unsealed
    if not _unsealed:
        _unsealed = True
        log.warning(
            "%s and perhaps others were published by a version without checksums: for these, "
            "only the sizes of the files are compared",
            folder,
        )


@contextlib.contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn a `PermissionError` in the block into an error that names the file.

    Raises
    ------
    InputError
        For a file that this user has no permission to read.
    """
    try:
        yield
    except PermissionError as error:
        raise InputError(
            "there is no permission to read this",
            file=error.filename or path,
            remedy="Ask its owner for permission (chmod -R g+rX on the storage), or give your own storage "
            "with --storage.",
        ) from error
