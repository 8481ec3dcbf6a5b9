"""Manifests of shards and of whole jobs, which other programs may have damaged."""

from __future__ import annotations

from typing import Any

from dnasweep.errors import InputError
from dnasweep.storage import MANIFEST, Storage, unseal


def read_manifest(storage: Storage, kind: str, key: str, *, remedy: str) -> dict[str, Any]:
    """Return the manifest of an artefact.

    Parameters
    ----------
    remedy
        What to do about a damaged one.

    Raises
    ------
    FileNotFoundError
        Where there is none.
    InputError
        For one that is damaged.
    """

    def read() -> bytes:
        with storage.open(kind, key, MANIFEST) as stream:
            return bytes(stream.read())

    text = storage.with_retries(read)
    try:
        return unseal(text)
    except ValueError as error:
        raise InputError(
            f"the manifest is damaged: {error}",
            file=storage.uri_of(kind, key, MANIFEST),
            remedy=remedy,
        ) from error
