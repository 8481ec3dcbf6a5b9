"""URIs of object stores: which are refused, and how one is opened."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from pyarrow import fs

from dnasweep.errors import InputError

SCHEMES = ("s3", "gs", "gcs", "abfs", "abfss", "hdfs", "viewfs")
"""Those of pyarrow that keep what is written to them."""
GOOGLE = ("gs", "gcs")
GOOGLE_SECONDS, GOOGLE_HASTY_SECONDS = 300, 5
"""How long pyarrow itself asks Google again; it leaves nothing to ask for anybody else."""

_SECRET = re.compile(r"key|secret|token|password|signature|credential", re.IGNORECASE)
_LONGEST = 200
_HALF = re.compile(rf"({'|'.join((*SCHEMES, 'http', 'https'))}):", re.IGNORECASE)
"""How a URI begins that lacks a slash or two, and hardly ever a folder."""
_REMEDY = "Give a folder or a URI such as s3://bucket/folder."


def check_uri(uri: str) -> None:
    """Refuse a URI that names no object store, or holds credentials.

    Raises
    ------
    InputError
        For such a URI.
    """
    try:
        parts = urlsplit(uri)
        named = parts.username is not None and parts.scheme == "s3"
        secret = named or parts.password is not None
    except ValueError as error:
        raise InputError(f"storage {uri!r} is no URI: {error}", remedy=_REMEDY) from error
    if secret or any(_SECRET.search(name) for name, _ in parse_qsl(parts.query)):
        raise InputError(
            "the storage URI holds credentials, which others would see in process lists and logs",
            file=f"{parts.scheme}://***@{parts.netloc.rpartition('@')[2]}{parts.path}",
            remedy="Leave them out: they are read from AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, from ~/.aws/credentials, or from the machine's role.",
        )
    if parts.scheme not in SCHEMES:
        raise InputError(
            f"storage {uri!r} cannot be opened: {parts.scheme or 'nothing'}:// is not among "
            f"{', '.join(SCHEMES)}",
            remedy=_REMEDY,
        )
    if parts.scheme not in ("hdfs", "viewfs") and not parts.netloc.rpartition("@")[2]:
        raise InputError(f"storage {uri!r} names no bucket", remedy=_REMEDY)


def local_root(text: str) -> Path:
    """Return the folder that a path, or a URI of the scheme `file`, names.

    Raises
    ------
    InputError
        For none, for a path that no file system has, and for a URI that lacks a slash.
    """
    path = text
    try:
        if text.startswith("file:"):
            path = _path_of(text)
        elif (half := _HALF.match(text)) is not None and not Path(half[0]).exists():
            raise ValueError(
                f"a URI begins with {half[1]}:// (for a folder of this name: ./{text})"
            )
        if not path or "\0" in path:
            raise ValueError("it names no folder")
        return Path(path).expanduser().resolve()
    except (OSError, ValueError, RuntimeError) as error:
        said = str(error).rstrip(".")
        raise InputError(f"storage {text!r} cannot be used: {said}", remedy=_REMEDY) from error


def _path_of(uri: str) -> str:
    """Return the path that a URI of the scheme `file` names."""
    path = uri.removeprefix("file:")
    if path.startswith("//"):
        host, _, rest = path[2:].partition("/")
        if host not in ("", "localhost"):
            raise ValueError(f"a path behind file:// begins with / ({host!r} is a machine there)")
        path = f"/{rest}" if rest else ""
    return path if Path(path).exists() else unquote(path)


def open_store(uri: str, *, hasty: bool = False) -> tuple[fs.FileSystem, str]:
    """Return the file system of a URI and the path within it.

    Parameters
    ----------
    hasty
        Whether to give up soon where it does not answer.

    Raises
    ------
    InputError
        For a URI that pyarrow cannot open.
    """
    given = uri
    scheme, mark = uri.partition("://")[0], "&" if "?" in uri else "?"
    if scheme == "s3" and "allow_delayed_open" not in uri:
        # Files of a few megabytes are written by one request, not by three.
        uri = f"{uri}{mark}allow_delayed_open=true"
    if scheme in GOOGLE and "retry_limit_seconds" not in uri:
        seconds = GOOGLE_HASTY_SECONDS if hasty else GOOGLE_SECONDS
        uri = f"{uri}{mark}retry_limit_seconds={seconds}"
    try:
        store, path = fs.FileSystem.from_uri(uri)
    except (OSError, ValueError) as error:
        raise InputError(
            f"storage {given!r} cannot be opened: {shortened(error)}", remedy=_REMEDY
        ) from error
    return store, path


def shortened(error: BaseException) -> str:
    """Return the first line of what a library says, where that is long without its account of it."""
    text = str(error) or type(error).__name__
    if (found := re.search(r"original-message=([^,}]+)", text)) is not None:
        text = found[1]
    return text.splitlines()[0][:_LONGEST]
