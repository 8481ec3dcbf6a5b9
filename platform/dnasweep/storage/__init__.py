"""The storage: artefacts below one root, on a file system or in a bucket."""

from dnasweep.storage.artefacts import Storage
from dnasweep.storage.bucket import Bucket
from dnasweep.storage.dry_run import usable_storage
from dnasweep.storage.integrity import MANIFEST, digest_of, refuse_damaged, seal, unseal
from dnasweep.storage.kept import say_kept
from dnasweep.storage.lease import LockLost
from dnasweep.storage.locks import StorageLock, takes_locks
from dnasweep.storage.retry import Unavailable
from dnasweep.storage.staging import (
    set_aside,
    share_by_umask,
    telling_of_damage,
    try_writing,
)

__all__ = [
    "MANIFEST",
    "Bucket",
    "LockLost",
    "Storage",
    "StorageLock",
    "Unavailable",
    "digest_of",
    "refuse_damaged",
    "say_kept",
    "seal",
    "set_aside",
    "share_by_umask",
    "takes_locks",
    "telling_of_damage",
    "try_writing",
    "unseal",
    "usable_storage",
]
