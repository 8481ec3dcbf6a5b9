"""How checkpoints are named in tables and sentences."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath

GENERIC = ("checkpoint", "model", "encoder")
"""Names of folders that say nothing without the folder they are in."""


def short_names(checkpoints: Iterable[str]) -> dict[str, str]:
    """Return the name of each checkpoint as shown: of folders, the end that tells them apart.

    Names of the hub and of MLflow stay whole.

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
