"""The output files of a job in a folder that the user named, all from the same run.

Files are written to a temporary folder and moved into place. Files of an earlier run of the same
job that this run does not make are removed. A record beside them lists these files; the user's own
files are never changed.
"""

from __future__ import annotations

import contextlib
import fnmatch
import json
import logging
import secrets
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from dnasweep.errors import InputError
from dnasweep.storage import digest_of, seal, try_writing, unseal

log = logging.getLogger("dnasweep.storage")

RECORD = ".dnasweep.json"
"""Name of the record: names and SHA-256 of the files of each job that writes to the folder."""
EARLIER = "earlier"
"""Folder for files of earlier runs that are not in the record, or that were changed since."""
_REMEDY = "Give another location with --out, or free space there; computed results are kept."


def check_folder(folder: Path) -> None:
    """Make a folder, and check that files can be written there.

    Raises
    ------
    InputError
        If files cannot be written there.
    """
    try:
        try_writing(folder)
    except OSError as error:
        raise _unwritable(error, folder) from error


def publish_files(
    files: Sequence[Path] | Mapping[str, Path],
    folder: Path,
    *,
    job: str,
    sometimes: Sequence[str] = (),
) -> list[Path]:
    """Copy the files of a run into a folder, remove those of earlier runs, and return the copies.

    Parameters
    ----------
    files
        The files of the run; a mapping from new names to files if they are to be renamed.
    folder
        The folder that the user named.
    job
        Kind of job; several kinds may write to the same folder.
    sometimes
        Name patterns of files that the job makes for some requests and not for others. A file with
        such a name that is not in the record is moved into `EARLIER`.

    Raises
    ------
    InputError
        If the folder cannot be written to.
    """
    named = dict(files) if isinstance(files, Mapping) else {path.name: path for path in files}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        aside = folder / f".dnasweep-{secrets.token_hex(4)}"
        aside.mkdir()
        try:
            for name, path in named.items():
                (aside / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, aside / name)
            _move(aside, named, folder, job, sometimes)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        raise _unwritable(error, folder) from error
    return [folder / name for name in named]


def _move(
    aside: Path, named: Mapping[str, Path], folder: Path, job: str, sometimes: Sequence[str]
) -> None:
    record = _read(folder)
    made = {name: digest_of(aside / name) for name in named}
    before = record.get(job, {})
    # If this process is killed now, the next run still knows its files.
    _write(folder, {**record, job: {**before, **made}})
    for name in named:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (aside / name).replace(folder / name)
    others = {name for other, files in record.items() if other != job for name in files}
    for name, digest in before.items():
        if name not in made and name not in others and (folder / name).is_file():
            if digest_of(folder / name) == digest:
                (folder / name).unlink()
            else:
                _move_to_earlier(folder, name)
    for path in sorted(folder.iterdir()):
        known = path.name in made or path.name in others
        if not known and path.is_file() and any(fnmatch.fnmatch(path.name, p) for p in sometimes):
            _move_to_earlier(folder, path.name)
    _write(folder, {**record, job: made})


def _move_to_earlier(folder: Path, name: str) -> None:
    target = folder / EARLIER / name
    target.parent.mkdir(parents=True, exist_ok=True)
    (folder / name).replace(target)
    log.warning("%s is not from this run: it is moved to %s", folder / name, target)


def _read(folder: Path) -> dict[str, dict[str, str]]:
    """Return the name and digest of each file in the record, by job."""
    with contextlib.suppress(OSError, ValueError, AttributeError, TypeError):
        found = unseal((folder / RECORD).read_bytes())["jobs"]
        return {
            str(job): {str(name): str(digest) for name, digest in files.items() if _inside(name)}
            for job, files in found.items()
        }
    return {}


def _inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts


def _write(folder: Path, record: Mapping[str, Mapping[str, str]]) -> None:
    aside = folder / f"{RECORD}.{secrets.token_hex(4)}"
    aside.write_text(seal({"jobs": json.loads(json.dumps(record))}))
    aside.replace(folder / RECORD)


def _unwritable(error: OSError, folder: Path) -> InputError:
    reason = f"the files cannot be written: {error.strerror or error}"
    return InputError(reason, file=folder, remedy=_REMEDY)
