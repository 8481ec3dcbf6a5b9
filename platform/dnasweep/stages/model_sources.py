"""Find a model by directory, MLflow name, folder in a bucket, or hub name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from dnasweep.models.pretrained.hub import fetch_model, is_hub_name
from dnasweep.tracking.lookup import existing_directory, find_model_directory

_REGISTERED = re.compile(r"models:/.+|[^/@]+/\d+")


class FoundModel(NamedTuple):
    """The directory of a model that was requested by name."""

    directory: Path
    """Directory with the files; weights may be pickled."""
    commit: str = ""
    """Hub commit that was downloaded; empty if the model is not from the hub."""


def find_model(source: str, *, uri: str | None, scratch: Path, pickle: bool = True) -> FoundModel:
    """Return the directory of a model.

    A directory of that name takes precedence over all other meanings. `NAME/3` is version 3 of a
    registered model.

    Parameters
    ----------
    source
        A directory, the URI of one in a bucket, an MLflow run id, `models:/NAME@ALIAS`,
        `models:/NAME/VERSION`, or a name of the hub as OWNER/MODEL or OWNER/MODEL@REVISION.
    uri
        MLflow store in which names are looked up; None: the default one.
    scratch
        Folder for what is downloaded from MLflow or a bucket; the hub's files go to its own cache.
    pickle
        Whether pickled weights may be downloaded from the hub if a model has no others.

    Raises
    ------
    InputError
        If the model is missing or damaged.
    """
    elsewhere = "://" in source or _REGISTERED.fullmatch(source) is not None
    if existing_directory(source) is None and not elsewhere and is_hub_name(source):
        return FoundModel(*fetch_model(source, pickle=pickle))
    return FoundModel(find_model_directory(source, uri=uri, destination=scratch))
