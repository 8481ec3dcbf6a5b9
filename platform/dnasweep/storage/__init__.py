"""The storage: artefacts below one root, on a file system or in a bucket."""

from dnasweep.errors import full_disk, is_full_disk
from dnasweep.storage.artefacts import Storage
from dnasweep.storage.bucket import Bucket, RemotePrefix
from dnasweep.storage.integrity import MANIFEST, digest_of, refuse_damaged, seal, unseal
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
    "RemotePrefix",
    "Storage",
    "Unavailable",
    "digest_of",
    "full_disk",
    "is_full_disk",
    "refuse_damaged",
    "seal",
    "set_aside",
    "share_by_umask",
    "telling_of_damage",
    "try_writing",
    "unseal",
]
