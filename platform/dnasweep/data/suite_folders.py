"""Which tasks of a suite a folder holds, as they are published there."""

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
    """A task of a suite, and what there is of it."""

    task: SuiteTask
    """The task."""
    state: State
    """`incomplete`: its folder is there, and rows to train or to test on are not."""
    path: Path | None = None
    """Its folder or file; None where it is missing."""
    reason: str = ""
    """What is wrong with it, in words."""


def suite_folders(suite: Suite, given: Sequence[str], *, download: bool) -> list[Path]:
    """Return the folders to look for the tasks of a suite in; nothing is fetched unless asked for.

    Parameters
    ----------
    suite
        The suite.
    given
        Folders given by the user.
    download
        Whether to fetch the suite from the Hugging Face hub.

    Raises
    ------
    InputError
        For a path that is no folder, for no folder at all, and for a suite that cannot be fetched.
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
                f"no place on the hub is known for {suite.title}",
                remedy=f"Fetch it as its authors say ({suite.source}), and give its folder with "
                "--data.",
            )
        paths.append(local_path(PREFIX + suite.hub))
    if not paths:
        raise InputError(
            f"no folder of {suite.title} is given",
            remedy=f"Give it with --data ({suite.source}); --download fetches suites from the hub.",
        )
    return paths


def find_tasks(
    suite: Suite, folders: Sequence[Path], tasks: Sequence[SuiteTask]
) -> list[FoundTask]:
    """Return every task with its state; folders are looked into, rows are not read.

    Parameters
    ----------
    suite
        The suite.
    folders
        Folders of the suite, or folders that contain one; the first that has a task counts.
    tasks
        Tasks to look for.

    Raises
    ------
    InputError
        Where there is none of them.
    """
    found = [_find(suite, task, folders) for task in tasks]
    if all(one.state == "missing" for one in found):
        looked = ", ".join(dict.fromkeys(t.folders[0] for t in tasks[:3]))
        raise InputError(
            f"none of the {len(tasks)} tasks was found; looked for {looked}"
            + (", ..." if len(tasks) > 3 else ""),
            file=", ".join(map(str, folders)),
            remedy="Give the folder that holds the folders of the tasks with --data, or name the "
            "suite that it holds with --suite.",
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
        reason = f"has validation rows, and {suite.title} has none: it is of another suite"
        return FoundTask(task, "incomplete", path, reason)
    return FoundTask(task, "found", path)


def _below(folder: Path) -> list[Path]:
    """Return the folders of a folder, of which one may be that of the suite."""
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir())
    except OSError:
        return []
