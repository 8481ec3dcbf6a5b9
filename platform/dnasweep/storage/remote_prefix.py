"""A few files that lie together in a bucket."""

from __future__ import annotations

from typing import NamedTuple

from dnasweep.storage.bucket import Bucket


class RemotePrefix(NamedTuple):
    """A folder of a bucket that holds a few files."""

    bucket: Bucket
    folder: str

    def names(self) -> list[str]:
        """Return the names of the files, in order."""
        return sorted(self.bucket.files(self.folder))

    def read(self, name: str) -> bytes:
        """Return a file."""
        return self.bucket.read(f"{self.folder}/{name}")

    def write(self, name: str, data: bytes) -> None:
        """Write or replace a file in one step."""
        self.bucket.write(f"{self.folder}/{name}", data)

    def delete(self, name: str) -> None:
        """Remove a file, if it is there."""
        self.bucket.delete(f"{self.folder}/{name}")

    @property
    def uri(self) -> str:
        """Its URI."""
        return self.bucket.uri_of(self.folder)
