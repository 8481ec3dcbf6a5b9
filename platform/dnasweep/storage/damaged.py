"""Where damaged artefacts go, so that they can be looked at while they are made again."""

from __future__ import annotations

import contextlib
import logging
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock

from dnasweep.errors import InputError
from dnasweep.storage.names import flat

log = logging.getLogger("dnasweep.storage")

MAX_KEPT, MAX_BYTES = 20, 1 << 30
"""Of these the oldest go first; the newest one stays, however large."""


_named: set[str] = set()
"""What this process has set aside, and said so."""


def damaged_folder(root: Path) -> Path:
    """Return the folder of a local root that damaged artefacts lie in."""
    return root / "work" / "damaged"


def set_aside(
    root: Path, kind: str, key: str, what: Path, still: Callable[[], str | None], place: str
) -> bool:
    """Move a damaged artefact out of the way; return False where it is none any more.

    Of several processes that notice the same, one moves it; what another one has made anew stays.

    Parameters
    ----------
    what
        Its folder, or one file of it.
    still
        Returns what is wrong with it, or None; asked once nobody else can move it.
    place
        Where it is, for the message.

    Raises
    ------
    InputError
        Where it cannot be moved.
    """
    target = damaged_folder(root)
    try:
        target.mkdir(parents=True, exist_ok=True)
        with FileLock(target / ".lock"):
            reason = still()
            if reason is None or not what.exists():
                return False
            kept = target / f"{flat(kind)}-{key}-{time.time_ns()}"
            what.rename(kept)
            _named.add(kept.name)
            _bound(target)
    except OSError as error:
        raise InputError(
            f"this is damaged, and cannot be moved away to be made again "
            f"({error.strerror or error})",
            file=place,
            remedy="Ask its owner to remove it, or give another --storage.",
        ) from error
    log.warning("%s is damaged: %s. It is set aside in %s and made again", place, reason, kept)
    return True


@contextlib.contextmanager
def telling_of_damage(root: Path, tell: Callable[[str], None]) -> Iterator[None]:
    """Tell after the block what other processes have set aside meanwhile; nobody sees their logs.

    Parameters
    ----------
    root
        A local root.
    tell
        Called with a line for each.
    """
    folder = damaged_folder(root)
    before = _names(folder)
    try:
        yield
    finally:
        for name in sorted(_names(folder) - before - _named):
            tell(
                f"a damaged artefact was found and made again; it is set aside in {folder / name}"
            )


def _names(folder: Path) -> set[str]:
    with contextlib.suppress(OSError):
        return {path.name for path in folder.iterdir() if path.name != ".lock"}
    return set()


def _bound(folder: Path) -> None:
    """Remove the oldest of what is kept."""
    kept = [path for path in folder.iterdir() if path.name != ".lock"]
    kept.sort(key=lambda path: path.name.rpartition("-")[2], reverse=True)
    room = MAX_BYTES
    for number, path in enumerate(kept):
        files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
        room -= sum(file.stat().st_size for file in files)
        if number and (number >= MAX_KEPT or room < 0):
            path.unlink() if path.is_file() else shutil.rmtree(path, ignore_errors=True)
