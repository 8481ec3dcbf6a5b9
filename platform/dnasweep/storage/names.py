"""Names of artefacts, none of which leads out of the storage root."""

from __future__ import annotations


def safe(name: str) -> str:
    """Refuse names that would leave the storage root."""
    if not name or name in (".", "..") or "/" in name or "\\" in name or "\0" in name:
        raise ValueError(f"{name!r} cannot name an artefact")
    return name


def safe_kind(kind: str) -> str:
    """Refuse kinds that would leave the storage root; parts are told apart by slashes."""
    return "/".join(map(safe, kind.split("/")))


def flat(kind: str) -> str:
    """Return a kind as one name."""
    return safe_kind(kind).replace("/", "-")
