"""Names of artefacts, which never point outside the storage root, and URIs of storage roots."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from pyarrow import fs

from dnasweep.errors import InputError

SCHEMES = ("s3", "gs", "gcs", "abfs", "abfss", "hdfs", "viewfs")
"""URI schemes of pyarrow with persistent stores."""
GOOGLE = ("gs", "gcs")
GOOGLE_SECONDS, GOOGLE_HASTY_SECONDS = 300, 5
"""Seconds for which pyarrow itself retries requests to Google; no further retries are needed."""

_SECRET = re.compile(r"key|secret|token|password|signature|credential", re.IGNORECASE)
_MAX_CHARS = 200
_INCOMPLETE = re.compile(rf"({'|'.join((*SCHEMES, 'http', 'https'))}):", re.IGNORECASE)
"""The beginning of a URI that may lack slashes; folder names hardly ever begin like this."""
_REMEDY = "Give a folder or a URI such as s3://bucket/folder."


def safe(name: str) -> str:
    """Return a name; refuse one that points outside the storage root."""
    if not name or name in (".", "..") or "/" in name or "\\" in name or "\0" in name:
        raise ValueError(f"{name!r} cannot name an artefact")
    return name


def safe_kind(kind: str) -> str:
    """Return a kind, whose parts are separated by slashes; refuse one that points outside."""
    return "/".join(map(safe, kind.split("/")))


def path_of(kind: str, *names: str) -> str:
    """Return the path of an artefact, or of a file in it, relative to the storage root."""
    return "/".join((safe_kind(kind), *map(safe, names)))


def flat(kind: str) -> str:
    """Return a kind as one name, with dashes in place of slashes."""
    return safe_kind(kind).replace("/", "-")


def inside(root: Path, name: str) -> Path:
    """Return a path below a root; refuse one that leads outside through a link.

    Otherwise, other users of a shared folder could redirect reads and writes.

    Raises
    ------
    InputError
        If any part of the path is a link to a location outside the root.
    """
    path = step = root / name
    while step != root:
        if step.is_symlink() and not step.resolve().is_relative_to(root.resolve()):
            raise InputError(
                "a link points outside the storage",
                file=str(step),
                remedy="Move the folder itself here, or give the storage that contains it.",
            )
        step = step.parent
    return path


def check_uri(uri: str) -> None:
    """Refuse a URI that names no object store, or that contains credentials.

    Raises
    ------
    InputError
        For such a URI.
    """
    try:
        parts = urlsplit(uri)
        has_user = parts.username is not None and parts.scheme == "s3"
        secret = has_user or parts.password is not None
    except ValueError as error:
        raise InputError(f"storage {uri!r} is not a URI: {error}", remedy=_REMEDY) from error
    if secret or any(_SECRET.search(name) for name, _ in parse_qsl(parts.query)):
        raise InputError(
            "the storage URI contains credentials, which others would see in process lists and logs",
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
    """Return the folder at a path or a `file:` URI.

    Raises
    ------
    InputError
        For empty text, an impossible path, or a URI that lacks a slash.
    """
    path = text
    try:
        if text.startswith("file:"):
            path = _path_of_file_uri(text)
        elif (begin := _INCOMPLETE.match(text)) is not None and not Path(begin[0]).exists():
            raise ValueError(
                f"a URI begins with {begin[1]}:// (for a folder of this name: ./{text})"
            )
        if not path or "\0" in path:
            raise ValueError("it names no folder")
        return Path(path).expanduser().resolve()
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).rstrip(".")
        raise InputError(f"storage {text!r} cannot be used: {reason}", remedy=_REMEDY) from error


def _path_of_file_uri(uri: str) -> str:
    path = uri.removeprefix("file:")
    if path.startswith("//"):
        host, _, rest = path[2:].partition("/")
        if host not in ("", "localhost"):
            raise ValueError(f"a path after file:// begins with / ({host!r} is a machine there)")
        path = f"/{rest}" if rest else ""
    return path if Path(path).exists() else unquote(path)


def open_store(uri: str, *, hasty: bool = False) -> tuple[fs.FileSystem, str]:
    """Return the file system of a URI and the path within it.

    Parameters
    ----------
    uri
        A URI that :func:`check_uri` accepts.
    hasty
        Whether to give up soon if the store does not answer.

    Raises
    ------
    InputError
        For a URI that pyarrow cannot open.
    """
    given = uri
    scheme, separator = uri.partition("://")[0], "&" if "?" in uri else "?"
    if scheme == "s3" and "allow_delayed_open" not in uri:
        # With this setting, files of a few megabytes are written by one request instead of three.
        uri = f"{uri}{separator}allow_delayed_open=true"
    if scheme in GOOGLE and "retry_limit_seconds" not in uri:
        seconds = GOOGLE_HASTY_SECONDS if hasty else GOOGLE_SECONDS
        uri = f"{uri}{separator}retry_limit_seconds={seconds}"
    try:
        store, path = fs.FileSystem.from_uri(uri)
    except (OSError, ValueError) as error:
        raise InputError(
            f"storage {given!r} cannot be opened: {shortened(error)}", remedy=_REMEDY
        ) from error
    return store, path


def shortened(error: BaseException) -> str:
    """Return the first line of a library's error message, or the message of the store in it."""
    text = str(error) or type(error).__name__
    if (found := re.search(r"original-message=([^,}]+)", text)) is not None:
        text = found[1]
    return text.splitlines()[0][:_MAX_CHARS]
