"""Data sets of the Hugging Face hub, fetched once into its cache."""

from __future__ import annotations

import os
import re
from pathlib import Path

from dnasweep.errors import InputError
from dnasweep.formats.detection import ENDINGS
from dnasweep.formats.packing import PACKED_ENDINGS
from dnasweep.formats.paths import user_path

PREFIX = "hf://datasets/"
"""Prefix of paths of data sets on the hub, such as `hf://datasets/OWNER/NAME/FOLDER`."""

_NAME = re.compile(
    r"(?P<repo>[\w-][\w.-]*/[\w.-]+?)(?:@(?P<revision>[\w.-]+))?(?:/(?P<folder>.+))?"
)


def local_path(given: str | os.PathLike[str]) -> Path:
    """Return the given path, or the folder into which a data set of the hub was downloaded.

    Only data files are downloaded, unchanged; no code of the repository is run.

    Parameters
    ----------
    given
        A path, or `hf://datasets/OWNER/NAME`, optionally followed by `@REVISION` and `/FOLDER`.

    Raises
    ------
    InputError
        For a name that the hub does not provide, and a path that :func:`user_path` refuses.
    """
    text = os.fspath(given)
    if not text.startswith(PREFIX):
        return user_path(given)
    match = _NAME.fullmatch(text.removeprefix(PREFIX).rstrip("/"))
    if match is None or ".." in (match["folder"] or "").split("/"):
        raise InputError(
            "is not the name of a data set on the hub",
            file=text,
            remedy=f"Write {PREFIX}OWNER/NAME.",
        )
    folder = match["folder"] or ""
    return _fetch(text, match["repo"], match["revision"], folder) / folder


def _fetch(name: str, repo: str, revision: str | None, folder: str) -> Path:
    # Imported here because only data from the hub needs it.
    from huggingface_hub import snapshot_download

    known = [ending for endings in ENDINGS.values() for ending in endings]
    wanted = [f"*.{e}{p}" for e in known for p in ("", *(f".{one}" for one in PACKED_ENDINGS))]
    inside = [f"{folder}/{pattern}" for pattern in wanted] + [folder] if folder else wanted
    try:
        return Path(
            snapshot_download(repo, repo_type="dataset", revision=revision, allow_patterns=inside)
        )
    except Exception as error:  # various kinds, from the network, the hub and its cache
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(
            f"the hub does not provide this data set ({reason})",
            file=name,
            remedy="Check the name, or clone the data set and give its folder; a machine without "
            "network takes what is in the hub's cache.",
        ) from error
