"""A model by any of its names: a directory, a name in MLflow, a folder of a bucket, or a name of the hub."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from dnasweep.models.pretrained.hub import fetch_model, is_hub_name
from dnasweep.tracking.lookup import existing_directory, find_model_directory

_REGISTERED = re.compile(r"models:/.+|[^/@]+/\d+")


class FoundModel(NamedTuple):
    """The directory of a model that was asked for by name."""

    directory: Path
    """Its files; weights may be pickled."""
    commit: str = ""
    """The commit of the hub that it was fetched at; empty: it is not of the hub."""


def find_model(source: str, *, uri: str | None, scratch: Path, pickle: bool = True) -> FoundModel:
    """Return the directory of a model.

    A directory of that name goes before everything else. `NAME/3` is version 3 of a registered model.

    Parameters
    ----------
    source
        A directory, the URI of one in a bucket, an MLflow run id, `models:/NAME@ALIAS`,
        `models:/NAME/VERSION`, or a name of the hub as OWNER/MODEL or OWNER/MODEL@REVISION.
    uri
        MLflow store in which names are looked up; None: the usual one.
    scratch
        Folder for what is downloaded from MLflow or a bucket; the hub's files go to its own cache.
    pickle
        Whether pickled weights are fetched from the hub, of a model that has no others.

    Raises
    ------
    InputError
        If there is no such model, or it is damaged.
    """
    elsewhere = "://" in source or _REGISTERED.fullmatch(source) is not None
    if existing_directory(source) is None and not elsewhere and is_hub_name(source):
        return FoundModel(*fetch_model(source, pickle=pickle))
    return FoundModel(find_model_directory(source, uri=uri, destination=scratch))
