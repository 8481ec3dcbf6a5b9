"""Where everything lives: artefacts under one root, on a file system or in a bucket."""

from dnasweep.errors import full_disk, is_full_disk
from dnasweep.storage.artefacts import LEAST_BYTES, Storage
from dnasweep.storage.bucket import Bucket
from dnasweep.storage.building import MANIFEST
from dnasweep.storage.patience import Unavailable
from dnasweep.storage.shelf import Shelf

__all__ = [
    "LEAST_BYTES",
    "MANIFEST",
    "Bucket",
    "Shelf",
    "Storage",
    "Unavailable",
    "full_disk",
    "is_full_disk",
]
