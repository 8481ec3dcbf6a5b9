"""Short names of checkpoints for tables and sentences."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath

GENERIC = ("checkpoint", "model", "encoder")
"""Folder names that are meaningless without the name of the parent folder."""


def short_names(checkpoints: Iterable[str]) -> dict[str, str]:
    """Return a short name for each checkpoint; of folders, the distinguishing end.

    Hub and MLflow names are not shortened.

    Parameters
    ----------
    checkpoints
        Folders and names, as given.
    """
    given = list(dict.fromkeys(checkpoints))
    folders = {name: PurePath(name).parts for name in given if _is_folder(name)}
    return {name: _end(name, folders) if name in folders else name for name in given}


def _is_folder(name: str) -> bool:
    return (
        PurePath(name).is_absolute()
        or name.startswith(".")
        or (name.count("/") > 1 and not {":", "@"} & set(name))
    )


def _end(name: str, folders: dict[str, tuple[str, ...]]) -> str:
    own = folders[name]
    others = [parts for other, parts in folders.items() if other != name]
    for num in range(2 if own[-1] in GENERIC else 1, len(own) + 1):
        if all(parts[-num:] != own[-num:] for parts in others):
            return str(PurePath(*own[-num:]))
    return name
