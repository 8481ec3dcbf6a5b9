"""Whether a storage can be written to, before anything is computed for it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from dnasweep.errors import InputError
from dnasweep.storage.bucket import Bucket
from dnasweep.storage.uris import shortened

MIN_BYTES = 1 << 16
"""Room without which a storage counts as full."""


def check_writable(local: Path, bucket: Bucket | None, root: str) -> None:
    """Raise `InputError` unless a storage can be written to now.

    Parameters
    ----------
    local
        Its folder on this machine.
    bucket
        Its bucket, if it has one.
    root
        What people call it.
    """
    try:
        local.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=local, prefix=".write-test-") as file:
            # A full disk still takes an empty file.
            file.write(bytes(MIN_BYTES))
            file.flush()
        if bucket is not None:
            bucket.probe()
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        reason = getattr(error, "strerror", None) or shortened(error)
        raise InputError(
            f"storage cannot be written to: {reason}",
            file=root,
            remedy="Give another folder with --storage, or free space there.",
        ) from error
