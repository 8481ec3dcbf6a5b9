"""Find the tasks of a suite in its published folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from dnasweep.data.hub import PREFIX, local_path
from dnasweep.data.sources import find_sources
from dnasweep.data.suites import Suite, SuiteTask
from dnasweep.errors import InputError
from dnasweep.formats.paths import check_readable

State = Literal["found", "missing", "incomplete"]


class FoundTask(NamedTuple):
    """A task of a suite, and the state of its files."""

    task: SuiteTask
    """The task."""
    state: State
    """`incomplete` means that its folder exists, but training or test rows are missing."""
    path: Path | None = None
    """Folder or file of the task; None if it is missing."""
    reason: str = ""
    """Reason if the task cannot be used."""


def suite_folders(suite: Suite, given: Sequence[str], *, download: bool) -> list[Path]:
    """Return the folders to search for the tasks of a suite; nothing is downloaded unless requested.

    Parameters
    ----------
    suite
        The suite.
    given
        Folders given by the user.
    download
        Whether to download the suite from the Hugging Face hub.

    Raises
    ------
    InputError
        For a path that is not a folder, if no folder is given, and for a suite that cannot be downloaded.
    """
    paths = []
    for name in given:
        if name.startswith(PREFIX) and not download:
            raise InputError(
                "is on the hub, but nothing is downloaded unless requested",
                file=name,
                remedy="Pass --download, or give a folder with --data.",
            )
        path = local_path(name)
        check_readable(path, folder=True)
        if not path.is_dir():
            raise InputError(
                "is a file, but a suite is a folder with a folder for each task",
                file=path,
                remedy=f"Give the folder of {suite.title} with --data.",
            )
        paths.append(path)
    if not paths and download:
        if not suite.hub:
            raise InputError(
                f"no data set on the hub is known for {suite.title}",
                remedy=f"Download it from its authors ({suite.source}), and give its folder with "
                "--data.",
            )
        paths.append(local_path(PREFIX + suite.hub))
    if not paths:
        raise InputError(
            f"no folder of {suite.title} is given",
            remedy=f"Give it with --data ({suite.source}); --download downloads suites from the hub.",
        )
    return paths


def find_tasks(
    suite: Suite, folders: Sequence[Path], tasks: Sequence[SuiteTask]
) -> list[FoundTask]:
    """Return every task with its state; folders are searched, but rows are not read.

    Parameters
    ----------
    suite
        The suite.
    folders
        Folders of the suite, or folders that contain one; the first one with a task is used.
    tasks
        Tasks to look for.

    Raises
    ------
    InputError
        If none of the tasks is found.
    """
    found = [_find(suite, task, folders) for task in tasks]
    if all(one.state == "missing" for one in found):
        looked = ", ".join(dict.fromkeys(t.folders[0] for t in tasks[:3]))
        raise InputError(
            f"none of the {len(tasks)} tasks was found; looked for {looked}"
            + (", ..." if len(tasks) > 3 else ""),
            file=", ".join(map(str, folders)),
            remedy="Give the folder that contains the folders of the tasks with --data, or name the "
            "suite that it contains with --suite.",
        )
    return found


def _find(suite: Suite, task: SuiteTask, folders: Sequence[Path]) -> FoundTask:
    path = next(
        (
            inside / name
            for folder in folders
            for inside in (folder, *_below(folder))
            for name in task.folders
            if (inside / name).exists()
        ),
        None,
    )
    if path is None:
        return FoundTask(task, "missing", reason="not there")
    try:
        sources = find_sources((path,)).files
    except InputError as error:
        return FoundTask(task, "incomplete", path, str(error))
    splits = {source.split for source in sources}
    lacking = [name for name in ("train", "test") if splits != {""} and name not in splits]
    if lacking:
        return FoundTask(task, "incomplete", path, f"no {' and no '.join(lacking)} rows")
    if suite.validation is False and "validation" in splits:
        reason = f"has validation rows, but {suite.title} has none: it belongs to another suite"
        return FoundTask(task, "incomplete", path, reason)
    return FoundTask(task, "found", path)


def _below(folder: Path) -> list[Path]:
    """Return the subfolders of a folder, one of which may be that of the suite."""
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir())
    except OSError:
        return []
