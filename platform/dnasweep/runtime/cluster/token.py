"""Ray's token, which allows anyone to run code as its owner: creation and protection.

Ray itself would make it readable for all users of the machine.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from dnasweep.errors import InputError

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_TOKEN_BYTES = 32


def token_file() -> Path:
    """Return the file Ray reads the token from: RAY_AUTH_TOKEN_PATH, else ~/.ray/auth_token."""
    named = os.environ.get("RAY_AUTH_TOKEN_PATH")
    return Path(named) if named else Path.home() / ".ray" / "auth_token"


def secure_token(*, make: bool) -> None:
    """Refuse a token that other users of the machine can read or replace.

    Nothing is done if Ray needs no token (RAY_AUTH_MODE=disabled) or reads it from the environment
    (RAY_AUTH_TOKEN), which other users cannot read.

    Parameters
    ----------
    make
        Whether to create a token if there is none: for a session on this machine alone.

    Raises
    ------
    InputError
        If the token is not private; the error includes the command that repairs it.
    """
    mode = os.environ.get("RAY_AUTH_MODE")
    if mode is not None and mode.lower() != "token":
        return
    if os.environ.get("RAY_AUTH_TOKEN"):
        return
    file = token_file()
    if make and not os.environ.get("RAY_AUTH_TOKEN_PATH") and not file.exists():
        _make(file)
    try:
        about, folder = file.stat(), file.parent.stat()
    except OSError:
        # Ray's own message says what it needs.
        return
    if about.st_uid != os.getuid():
        raise InputError(
            "Ray's token belongs to another user, who could run code as you",
            file=file,
            remedy="Name a file of your own in RAY_AUTH_TOKEN_PATH.",
        )
    if about.st_mode & _OTHERS:
        raise InputError(
            f"Ray's token has mode {stat.S_IMODE(about.st_mode):o}: other users of the machine can "
            "read it and run code as you",
            file=file,
            remedy=f"chmod 600 {file}; or delete it, if somebody may have read it, and a new one is "
            "made.",
        )
    if folder.st_mode & _OTHERS_WRITE and not folder.st_mode & stat.S_ISVTX:
        raise InputError(
            f"its folder has mode {stat.S_IMODE(folder.st_mode):o}: other users of the machine can "
            "replace Ray's token by one they know",
            file=file,
            remedy=f"chmod 700 {file.parent}",
        )


def _make(file: Path) -> None:
    """Create a token atomically; keep one that another process has created in the meantime."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if file.parent.stat().st_uid == os.getuid():
            file.parent.chmod(0o700)
        aside = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "w") as text:
                text.write(secrets.token_hex(_TOKEN_BYTES))
                text.flush()
                os.fsync(text.fileno())
            os.link(aside, file)
        except FileExistsError:
            pass
        finally:
            aside.unlink()
    except OSError as error:
        raise InputError(
            f"Ray's token cannot be kept here: {error.strerror}",
            file=file,
            remedy="Make the folder writable for you, or name a file of your own in "
            "RAY_AUTH_TOKEN_PATH.",
        ) from error
