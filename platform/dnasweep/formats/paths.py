"""Paths given by users, checked to be regular files or folders before they are read."""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path

from dnasweep.errors import InputError

_TOLD = {
    errno.ENOENT: "there is no such file",
    errno.ENOTDIR: "there is no such file",
    errno.ELOOP: "is a symbolic link that points to itself",
    errno.ENAMETOOLONG: "the name is too long for the file system",
}
_ODD = {
    stat.S_IFIFO: "is a pipe",
    stat.S_IFSOCK: "is a socket",
    stat.S_IFCHR: "is a device",
    stat.S_IFBLK: "is a device",
}

_ADDRESS = re.compile(r"(?:https?|ftp|s3|gs|gcs|az|hdfs|file):/", re.IGNORECASE)
"""Beginning of an address; a path has one slash in place of two."""


def user_path(given: str | os.PathLike[str]) -> Path:
    """Return the path that was given, with `~` as the home folder.

    Raises
    ------
    InputError
        For a home folder of an unknown user, and a name that is not UTF-8 text, which tables, reports
        and the terminal cannot show.
    """
    text = os.fspath(given)
    try:
        text.encode()
    except UnicodeEncodeError:
        shown = text.encode(errors="surrogateescape").decode(errors="backslashreplace")
        raise InputError(
            "the name is not UTF-8 text", file=shown, remedy="Rename the file or folder."
        ) from None
    if "\0" in text:
        raise InputError("the name contains a NUL character", file=text.replace("\0", "\\0"))
    full = os.path.expanduser(text)
    if text.startswith("~") and full == text:
        raise InputError(
            f"{text.split('/')[0]} is not the home folder of any user",
            file=text,
            remedy="Write the full path; put ./ before a name that begins with ~.",
        )
    path = Path(full)
    # Path removes the ./ that marks a name beginning with ~.
    return path.absolute() if str(path).startswith("~") else path


def check_readable(path: Path, *, holds: str = "sequences", folder: bool = False) -> None:
    """Check that a path is a regular file, which has an end and can be read more than once.

    Parameters
    ----------
    path
        The path.
    holds
        Description of what it should contain, for messages.
    folder
        Whether a folder is accepted as well.

    Raises
    ------
    InputError
        For a path that does not exist, a folder, and a pipe, socket or device: these may never end,
        and can be read only once.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        if _ADDRESS.match(str(path)):
            raise InputError(
                "is an address, and only files are read",
                file=str(path).replace(":/", "://", 1),
                remedy=f"Download the {holds}, and give the path of the file.",
            ) from error
        reason = _TOLD.get(error.errno or 0, f"cannot be read: {error.strerror or error}")
        raise InputError(reason, file=path, remedy=f"Check the path of the {holds}.") from error
    if stat.S_ISDIR(mode):
        if folder:
            return
        raise InputError(
            "is a folder, not a file", file=path, remedy=f"Give one file with the {holds}."
        )
    if (kind := stat.S_IFMT(mode)) != stat.S_IFREG:
        raise InputError(
            f"{_ODD.get(kind, 'is not a regular file')}, but {holds} can only be read from files",
            file=path,
            remedy="Write its content to a file, and give that.",
        )
    if not os.access(path, os.R_OK):
        raise InputError(
            "cannot be read: permission denied", file=path, remedy="Ask its owner for permission."
        )


def entries_of(folder: Path) -> list[Path]:
    """Return the paths in a folder, sorted, without hidden names.

    Raises
    ------
    InputError
        For a folder that cannot be read, and a name that is not UTF-8 text.
    """
    try:
        return sorted(user_path(f"{p}") for p in folder.iterdir() if not p.name.startswith("."))
    except OSError as error:
        raise InputError(
            f"the folder cannot be read: {error.strerror or error}",
            file=folder,
            remedy="Ask its owner for permission.",
        ) from error
