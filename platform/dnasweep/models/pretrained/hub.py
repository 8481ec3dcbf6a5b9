"""Models of the Hugging Face hub, downloaded once into its cache.

`HF_ENDPOINT`, `HF_HOME`, `HF_HUB_OFFLINE` and `HF_TOKEN` have the same meaning as for `huggingface_hub`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from dnasweep.errors import InputError
from dnasweep.models.pretrained.pickled_checkpoints import PICKLED_PATTERNS
from dnasweep.tokens.model_files import INDEX_FILE, TEXT_FILES, first_line, weight_files

_NAME = re.compile(r"(?P<repository>[\w-][\w.-]*/[\w.-]+?)(?:@(?P<revision>[\w./-]+))?")
_FILES = ("*.safetensors", INDEX_FILE, *TEXT_FILES)
_COMMIT = re.compile(r"[0-9a-f]{40}")


class HubModel(NamedTuple):
    """A model of the hub at one commit."""

    directory: Path
    """Directory of the files, in the cache of the hub."""
    commit: str
    """The commit, 40 hexadecimal digits; empty if the cache does not record it."""


def is_hub_name(text: str) -> bool:
    """Return whether a text may name a model of the hub: OWNER/MODEL, or OWNER/MODEL@REVISION."""
    return _NAME.fullmatch(text) is not None


def fetch_model(name: str, *, pickle: bool = True) -> HubModel:
    """Return a model of the hub, after downloading its files if they are not in the cache.

    Only configuration, vocabulary and weights are downloaded, never code.

    Parameters
    ----------
    name
        OWNER/MODEL, optionally followed by @ and a branch, tag or commit other than the main branch.
    pickle
        Whether to download pickled weights if a model has no others.

    Raises
    ------
    InputError
        If the hub does not provide the model.
    """
    directory = _download(name, _FILES)
    if pickle and not weight_files(directory):
        directory = _download(name, (*_FILES, *PICKLED_PATTERNS))
    commit = directory.name if _COMMIT.fullmatch(directory.name) else ""
    return HubModel(directory, commit)


def _download(name: str, patterns: Sequence[str]) -> Path:
    # Imported here because only models of the hub need it.
    from huggingface_hub import snapshot_download

    match = _NAME.fullmatch(name)
    assert match is not None
    try:
        return Path(
            snapshot_download(
                match["repository"],
                revision=match["revision"],
                allow_patterns=list(patterns),
                ignore_patterns=["*/*"],
            )
        )
    except Exception as error:  # various kinds, from the network, the hub and its cache
        raise InputError(
            f"there is no such directory, and the hub does not provide it ({first_line(error)})",
            file=name,
            remedy="Check the name, or give a directory; a machine without network takes what is "
            "in the hub's cache.",
        ) from error
