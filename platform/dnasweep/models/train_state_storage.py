"""Where the state of a training is kept: in a local directory, or in a bucket for any machine.

In a bucket a state is one file, `step-00000123-<checksum>.safetensors`, which is there whole or not
at all. It is written while the training goes on. The two newest stay, so that workers that begin to
read a state can finish, whatever is written meanwhile. Nothing in a state depends on the number of
workers.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from dnasweep.errors import InputError
from dnasweep.models.distributed import DistributedContext
from dnasweep.models.train_state import Progress, load_state, newest_state, save_state
from dnasweep.storage import RemotePrefix

log = logging.getLogger("dnasweep.storage")

KEPT = 2
_NAME = re.compile(r"step-(\d{8})-([0-9a-f]{12})\.safetensors")
_DIGITS = 12
"""Of a checksum: a number that floating-point reductions between workers keep exact."""

State = tuple[Progress, dict[str, Tensor]]


class StatePlace(Protocol):
    """Keeps the states of one training."""

    def load(self, fingerprint: str, context: DistributedContext) -> State | None:
        """Return the newest state, the same on every worker, or None; all workers call this."""

    def save(self, progress: Progress, tensors: dict[str, Tensor]) -> None:
        """Keep a state; one worker calls this."""

    def close(self) -> None:
        """Return when the last state is kept."""


class OnDisk:
    """States in a directory that every worker sees."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def load(self, fingerprint: str, context: DistributedContext) -> State | None:
        """Return the newest state."""
        # Workers may be told different things by a file system: one chooses for all.
        newest = newest_state(self._directory) if context.rank == 0 else None
        step = int(context.largest(-1 if newest is None else newest))
        found = load_state(self._directory, fingerprint, step) if step >= 0 else None
        # Nobody writes before everybody has read.
        context.barrier()
        return found

    def save(self, progress: Progress, tensors: dict[str, Tensor]) -> None:
        """Write a state and remove older ones."""
        save_state(self._directory, progress, tensors)

    def close(self) -> None:
        """Do nothing: it is written."""


class InBucket:
    """States in a bucket."""

    def __init__(self, shelf: RemotePrefix) -> None:
        self._shelf = shelf
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._writing: Future[None] | None = None

    def load(self, fingerprint: str, context: DistributedContext) -> State | None:
        """Return the newest state that can be read, on every worker that which the first found."""
        step, digest, found = -1, 0, None
        if context.rank == 0:
            for name in reversed(self._names()):
                try:
                    found = self._read(name, fingerprint)
                except InputError:
                    raise
                except (SafetensorError, FileNotFoundError, KeyError, ValueError) as error:
                    log.warning("%s in %s is passed over: %s", name, self._shelf.uri, error)
                    continue
                match = _NAME.fullmatch(name)
                assert match is not None
                step, digest = int(match[1]), int(match[2], 16)
                break
        # Another group that is cut off may still write: one worker chooses for all.
        step, digest = int(context.largest(step)), int(context.largest(digest))
        if step >= 0 and context.rank != 0:
            found = self._read(_name(step, f"{digest:0{_DIGITS}x}"), fingerprint)
        context.barrier()
        return found

    def save(self, progress: Progress, tensors: dict[str, Tensor]) -> None:
        """Take in a state and write it meanwhile, after the one before is written.

        Raises
        ------
        InputError
            When the state before could not be written.
        """
        self._settle()
        data = _encode(progress, tensors)
        name = _name(progress.step, _digest(data))
        self._writing = self._pool.submit(self._write, name, data)

    def close(self) -> None:
        """Wait until the last state is written.

        Raises
        ------
        InputError
            When it could not be.
        """
        try:
            self._settle()
        finally:
            self._pool.shutdown(wait=True)

    def _settle(self) -> None:
        if self._writing is not None:
            writing, self._writing = self._writing, None
            writing.result()

    def _write(self, name: str, data: bytes) -> None:
        self._shelf.write(name, data)
        for old in self._names()[:-KEPT]:
            if old != name:
                self._shelf.delete(old)

    def _read(self, name: str, fingerprint: str) -> State:
        data = self._shelf.read(name)
        if (match := _NAME.fullmatch(name)) is None or match[2] != _digest(data):
            raise ValueError("it has another content than was written")
        return _decode(data, fingerprint, self._shelf.uri)

    def _names(self) -> list[str]:
        return [name for name in self._shelf.names() if _NAME.fullmatch(name)]


def open_place(where: Path | RemotePrefix) -> StatePlace:
    """Return the place for states at a directory or in a bucket."""
    return InBucket(where) if isinstance(where, RemotePrefix) else OnDisk(Path(where))


def _name(step: int, digest: str) -> str:
    return f"step-{step:08d}-{digest}.safetensors"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:_DIGITS]


def _encode(progress: Progress, tensors: dict[str, Tensor]) -> bytes:
    plain = {name: value.detach().contiguous() for name, value in tensors.items()}
    return save(plain, metadata={"state": json.dumps(progress.plain())})


def _decode(data: bytes, fingerprint: str, place: str) -> State:
    tensors = load(data)
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return Progress.of(json.loads(header["__metadata__"]["state"]), fingerprint, place), tensors
