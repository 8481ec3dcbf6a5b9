"""Storage of training states: in a local directory, or in a bucket for any machine.

In a directory, each state is a directory `step-00000123/` with `tensors.safetensors` and
`state.json`, which contains the checksums of both. It is written under another name and renamed,
so a state is either complete or absent; older ones are then removed. A damaged state is moved
aside, and training resumes from the previous one, or starts again if there is none.

In a bucket, a state is one file, `step-00000123-<checksum>.safetensors`, which is either complete
or absent. It is written while training continues. The two newest are kept, so workers that are
reading a state can finish while another one is written.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, load_file, save, save_file
from torch import Tensor

from dnasweep.errors import InputError
from dnasweep.models.training.distributed import DistributedContext
from dnasweep.models.training.train_state import Progress
from dnasweep.storage import Bucket, digest_of, say_kept, seal, share_by_umask, unseal

log = logging.getLogger("dnasweep.storage")

TENSORS_FILE = "tensors.safetensors"
STATE_FILE = "state.json"
KEPT = 2
"""Number of states kept in a bucket."""
_FOLDER = re.compile(r"step-\d{8}")
_FILE = re.compile(r"step-(\d{8})-([0-9a-f]{12})\.safetensors")
_DAMAGED = "damaged"
_DIGITS = 12
"""Number of digits of a checksum, which must be exact when workers exchange it as a float."""

State = tuple[Progress, dict[str, Tensor]]


class DirectoryStates:
    """States in a directory shared by all workers."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def load(self, fingerprint: str, context: DistributedContext) -> State | None:
        """Return the newest state, the same on every worker, or None; all workers must call this.

        Raises
        ------
        InputError
            If the state belongs to another training run.
        """
        # A file system may show different files to different workers, so one worker chooses for
        # all.
        newest = self.newest() if context.rank == 0 else None
        step = int(context.largest(-1 if newest is None else newest))
        found = None
        if step >= 0:
            folder = self._directory / f"step-{step:08d}"
            manifest = unseal((folder / STATE_FILE).read_bytes())
            progress = Progress.from_json(manifest["progress"], fingerprint, folder)
            found = progress, load_file(folder / TENSORS_FILE)
        # No worker may write before all workers have read.
        context.barrier()
        return found

    def newest(self) -> int | None:
        """Return the step of the newest undamaged state, or None; damaged ones are moved aside."""
        directory = self._directory
        names = [p.name for p in directory.iterdir()] if directory.is_dir() else []
        for name in sorted(filter(_FOLDER.fullmatch, names), reverse=True):
            try:
                manifest = unseal((directory / name / STATE_FILE).read_bytes())
                if manifest[TENSORS_FILE] == digest_of(directory / name / TENSORS_FILE):
                    return int(name.removeprefix("step-"))
                wrong = f"{TENSORS_FILE} has different content from what was written"
            except KeyError:
                wrong = "it was written by another version"
            except (OSError, ValueError) as error:
                wrong = str(error)
            # Only the last damaged state is kept.
            kept = directory / _DAMAGED
            shutil.rmtree(kept, ignore_errors=True)
            (directory / name).rename(kept)
            log.warning(
                "the training state %s is damaged: %s. It is set aside as %s and left out",
                directory / name,
                wrong,
                _DAMAGED,
            )
        return None

    def save(self, progress: Progress, tensors: dict[str, Tensor]) -> None:
        """Write the state of `progress.step` and remove older ones; one worker calls this.

        Raises
        ------
        InputError
            If it cannot be written, for example because the disk is full; the previous state is
            then kept.
        """
        name = f"step-{progress.step:08d}"
        aside = self._directory / f".{name}.{os.getpid()}"
        try:
            shutil.rmtree(aside, ignore_errors=True)
            aside.mkdir(parents=True)
            _write(aside, progress, tensors)
        except (OSError, SafetensorError) as error:
            # An incomplete state would only use scarce space.
            shutil.rmtree(aside, ignore_errors=True)
            raise InputError(
                f"the training state cannot be written ({error})",
                file=self._directory,
                remedy="Free space or give another storage; the same command then resumes from the "
                "previous state.",
            ) from error
        target = self._directory / name
        if target.exists():
            # The step was saved before, and a directory cannot be renamed onto one that is not
            # empty.
            target.rename(self._directory / f".{name}.{os.getpid()}.old")
        aside.rename(target)
        say_kept()
        for other in self._directory.iterdir():
            if other != target and _FOLDER.fullmatch(other.name.lstrip(".")[:13]):
                shutil.rmtree(other, ignore_errors=True)

    def close(self) -> None:
        """Do nothing: every state is already written."""


def _write(folder: Path, progress: Progress, tensors: dict[str, Tensor]) -> None:
    plain = {key: value.detach().contiguous() for key, value in tensors.items()}
    save_file(plain, folder / TENSORS_FILE)
    manifest = {"progress": progress.to_json(), TENSORS_FILE: digest_of(folder / TENSORS_FILE)}
    (folder / STATE_FILE).write_text(seal(manifest), encoding="utf-8")
    share_by_umask(folder)
    for file in folder.iterdir():
        with file.open("rb") as handle:
            os.fsync(handle.fileno())


class BucketStates:
    """States in a bucket."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._writing: Future[None] | None = None

    def load(self, fingerprint: str, context: DistributedContext) -> State | None:
        """Return the newest readable state or None; all workers must call this.

        The result is the same on every worker."""
        step, digest, found = -1, 0, None
        if context.rank == 0:
            for name in reversed(self._names()):
                try:
                    found = self._read(name, fingerprint)
                except InputError:
                    raise
                except (SafetensorError, FileNotFoundError, KeyError, ValueError) as error:
                    log.warning("%s in %s is skipped: %s", name, self._bucket.uri, error)
                    continue
                match = _FILE.fullmatch(name)
                assert match is not None
                step, digest = int(match[1]), int(match[2], 16)
                break
        # Workers of a disconnected earlier attempt may still write, so one worker chooses for all.
        step, digest = int(context.largest(step)), int(context.largest(digest))
        if step >= 0 and context.rank != 0:
            found = self._read(_file_name(step, f"{digest:0{_DIGITS}x}"), fingerprint)
        context.barrier()
        return found

    def save(self, progress: Progress, tensors: dict[str, Tensor]) -> None:
        """Write a state in the background, after the previous one is written.

        Raises
        ------
        InputError
            If the previous state could not be written.
        """
        self._wait()
        plain = {name: value.detach().contiguous() for name, value in tensors.items()}
        data = save(plain, metadata={"state": json.dumps(progress.to_json())})
        self._writing = self._pool.submit(
            self._write, _file_name(progress.step, _digest(data)), data
        )

    def close(self) -> None:
        """Wait until the last state is written.

        Raises
        ------
        InputError
            If it could not be written.
        """
        try:
            self._wait()
        finally:
            self._pool.shutdown(wait=True)

    def _wait(self) -> None:
        if self._writing is not None:
            writing, self._writing = self._writing, None
            writing.result()

    def _write(self, name: str, data: bytes) -> None:
        self._bucket.write(name, data)
        say_kept()
        for old in self._names()[:-KEPT]:
            if old != name:
                self._bucket.delete(old)

    def _read(self, name: str, fingerprint: str) -> State:
        data = self._bucket.read(name)
        if (match := _FILE.fullmatch(name)) is None or match[2] != _digest(data):
            raise ValueError("it has different content from what was written")
        tensors = load(data)
        # A safetensors file starts with the length of its JSON header.
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        fields = json.loads(header["__metadata__"]["state"])
        return Progress.from_json(fields, fingerprint, self._bucket.uri), tensors

    def _names(self) -> list[str]:
        return [name for name in sorted(self._bucket.files()) if _FILE.fullmatch(name)]


def _file_name(step: int, digest: str) -> str:
    return f"step-{step:08d}-{digest}.safetensors"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:_DIGITS]


StateStorage = DirectoryStates | BucketStates
"""Storage for the states of one training run."""


def open_state_storage(where: Path | Bucket) -> StateStorage:
    """Return the storage for states in a directory or in a bucket."""
    return BucketStates(where) if isinstance(where, Bucket) else DirectoryStates(Path(where))
