"""Where everything lives: artefacts under one root, on a file system or in a bucket."""

from dnasweep.errors import full_disk, is_full_disk
from dnasweep.storage.artefacts import Storage
from dnasweep.storage.bucket import Bucket
from dnasweep.storage.building import share_by_umask
from dnasweep.storage.damaged import set_aside, telling_of_damage
from dnasweep.storage.integrity import MANIFEST, digest_of, refuse_damaged, seal, unseal
from dnasweep.storage.remote_prefix import RemotePrefix
from dnasweep.storage.retry import Unavailable
from dnasweep.storage.writable import MIN_BYTES

__all__ = [
    "MANIFEST",
    "MIN_BYTES",
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
    "unseal",
]
