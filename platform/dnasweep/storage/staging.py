"""Local folders beside the artefacts: for artefacts being built and damaged ones set aside."""

from __future__ import annotations

import contextlib
import logging
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from dnasweep.errors import InputError
from dnasweep.storage.integrity import MANIFEST
from dnasweep.storage.locks import StorageLock
from dnasweep.storage.names import flat, safe

log = logging.getLogger("dnasweep.storage")

MIN_BYTES = 1 << 16
"""Free bytes below which a disk counts as full."""
MAX_DAMAGED, MAX_DAMAGED_BYTES = 20, 1 << 30
"""Maximum number and total bytes of damaged artefacts to keep; the newest is kept at any size."""

_set_aside_here: set[str] = set()
"""Names of artefacts that this process has set aside and reported."""


def try_writing(folder: Path) -> None:
    """Create a folder, and write and remove a file in it, which is not empty to detect full disks.

    Raises
    ------
    OSError
        If that is not possible.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".write-test-") as file:
        file.write(bytes(MIN_BYTES))
        file.flush()


def building_folder(root: Path) -> Path:
    """Return the folder of a local root in which artefacts are built."""
    return root / "work" / "building"


@contextlib.contextmanager
def building(root: Path, kind: str, key: str) -> Iterator[Path]:
    """Yield an empty folder for an artefact, which is removed at the end unless it was renamed.

    Parameters
    ----------
    root
        Root folder of a local storage.
    kind, key
        Kind and key of the artefact.
    """
    # Folders of `tempfile` are accessible only to their owner, but this one becomes the artefact.
    aside = building_folder(root) / f"{flat(kind)}-{safe(key)}-{secrets.token_hex(4)}"
    aside.mkdir(parents=True)
    try:
        yield aside
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def share_by_umask(folder: Path) -> None:
    """Give everything in a new folder the permissions that the umask allows.

    Some libraries write files that only their owner can read, whatever the umask says.
    """
    mode = stat.S_IMODE(folder.stat().st_mode)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(mode if path.is_dir() else mode & 0o666)


def move_into_place(aside: Path, folder: Path) -> bool:
    """Rename a built folder to its final name; return False if the artefact already exists."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        aside.rename(folder)
    except OSError:
        # Another host without a shared lock was first; the same key means the same content.
        if (folder / MANIFEST).is_file():
            return False
        if not folder.is_dir():
            raise
        # A folder without a manifest, such as a partly deleted or copied one, counts as missing.
        remove_at_once(folder, aside)
        aside.rename(folder)
    return True


def remove_at_once(folder: Path, aside: Path) -> None:
    """Remove a folder, after renaming it beside `aside` so that no process sees it incomplete."""
    if folder.is_dir():
        rest = aside.with_name(f"{aside.name}-rest")
        folder.rename(rest)
        shutil.rmtree(rest, ignore_errors=True)


def set_aside(
    root: Path, kind: str, key: str, what: Path, still: Callable[[], str | None], uri: str
) -> bool:
    """Move a damaged artefact out of the way; return False if it is no longer damaged.

    If several processes notice the damage, one of them moves the artefact. An artefact that
    another process has made again in the meantime is kept.

    Parameters
    ----------
    root
        Root folder of a local storage.
    kind, key
        Kind and key of the artefact.
    what
        Folder of the artefact, or one of its files.
    still
        Returns a description of the damage, or None; called when no other process can move it.
    uri
        Location of the file, for the message.

    Raises
    ------
    InputError
        If it cannot be moved.
    """
    target = damaged_folder(root)
    try:
        target.mkdir(parents=True, exist_ok=True)
        with StorageLock(target / ".lock"):
            reason = still()
            if reason is None or not what.exists():
                return False
            moved = target / f"{flat(kind)}-{key}-{time.time_ns()}"
            what.rename(moved)
            _set_aside_here.add(moved.name)
            _remove_oldest(target)
    except OSError as error:
        raise InputError(
            f"this is damaged, and cannot be moved away to be made again "
            f"({error.strerror or error})",
            file=uri,
            remedy="Ask its owner to remove it, or give another --storage.",
        ) from error
    log.warning("%s is damaged: %s. It is set aside in %s and made again", uri, reason, moved)
    return True


def damaged_folder(root: Path) -> Path:
    """Return the folder of a local root in which damaged artefacts are kept for inspection."""
    return root / "work" / "damaged"


@contextlib.contextmanager
def telling_of_damage(root: Path, tell: Callable[[str], None]) -> Iterator[None]:
    """Report, after the block, artefacts that other processes set aside during it.

    Parameters
    ----------
    root
        Root folder of a local storage.
    tell
        Called with one line for each artefact.
    """
    folder = damaged_folder(root)
    before = {path.name for path in _damaged(folder)}
    try:
        yield
    finally:
        now = {path.name for path in _damaged(folder)}
        for name in sorted(now - before - _set_aside_here):
            tell(
                f"a damaged artefact was found and made again; it is set aside in {folder / name}"
            )


def _damaged(folder: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return [path for path in folder.iterdir() if not path.name.startswith(".")]
    return []


def _remove_oldest(folder: Path) -> None:
    newest_first = sorted(
        _damaged(folder), key=lambda path: path.name.rpartition("-")[2], reverse=True
    )
    room = MAX_DAMAGED_BYTES
    for number, path in enumerate(newest_first):
        files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
        room -= sum(file.stat().st_size for file in files)
        if number and (number >= MAX_DAMAGED or room < 0):
            path.unlink() if path.is_file() else shutil.rmtree(path, ignore_errors=True)
