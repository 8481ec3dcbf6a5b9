"""Names of artefacts, none of which leads out of the storage root."""

from __future__ import annotations

from pathlib import Path

from dnasweep.errors import InputError


def safe(name: str) -> str:
    """Refuse names that would leave the storage root."""
    if not name or name in (".", "..") or "/" in name or "\\" in name or "\0" in name:
        raise ValueError(f"{name!r} cannot name an artefact")
    return name


def safe_kind(kind: str) -> str:
    """Refuse kinds that would leave the storage root; parts are told apart by slashes."""
    return "/".join(map(safe, kind.split("/")))


def inside(root: Path, name: str) -> Path:
    """Return a path below a root that has no links itself; refuse one that a link leads out of it.

    Whoever else may write to a shared folder could have what we read, or write, lie elsewhere.

    Raises
    ------
    InputError
        For a link out of the root, at any place of the path.
    """
    path = step = root / name
    while step != root:
        if step.is_symlink() and not step.resolve().is_relative_to(root.resolve()):
            raise InputError(
                "a link leads out of the storage",
                file=str(step),
                remedy="Move the folder itself here, or give the storage that it lies in.",
            )
        step = step.parent
    return path


def flat(kind: str) -> str:
    """Return a kind as one name."""
    return safe_kind(kind).replace("/", "-")
