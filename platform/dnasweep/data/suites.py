"""Published suites of tasks: their names, folders, metrics and published scores.

The tables in the folder `suite_tables` contain these with their sources: `suites.tsv` lists the suites and
the tables of their tasks, `published_scores.tsv` the published scores of models. Scores without a source are
not included.
"""

from __future__ import annotations

import csv
import functools
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files

from dnasweep.errors import InputError


@dataclass(frozen=True, kw_only=True)
class SuiteTask:
    """A task of a suite: a data set with a published split, and its metric."""

    name: str
    """Name in the suite, such as `prom_core_all`."""
    group: str
    """Group of similar tasks, such as `core promoters`."""
    folders: tuple[str, ...]
    """Possible paths below the folder of the suite, which differ between releases."""
    metric: str
    """Bare name of the metric used by the suite."""
    about: str
    """Species, length and classes, in words."""
    classes: str
    """Classes, in words."""


@dataclass(frozen=True, kw_only=True)
class PublishedScore:
    """The published score of a model on the test rows of a task."""

    task: str
    """Name of the task."""
    model: str
    """Name of the model used by its authors."""
    score: float
    """Score in the metric of the task, as a fraction."""
    source: str
    """Where it was published."""


@dataclass(frozen=True, kw_only=True)
class Suite:
    """A published suite."""

    name: str
    """Name on the command line."""
    title: str
    """Name used by its authors."""
    split: str
    """How its splits are given, in words."""
    validation: bool | None
    """Whether it has validation rows; None if this depends on the files."""
    hub: str
    """Data set on the Hugging Face hub; empty if none is known."""
    source: str
    """Paper and repository."""
    tasks: tuple[SuiteTask, ...]
    """All tasks, in the order of the suite."""
    published: tuple[PublishedScore, ...] = ()
    """Published scores of the tasks."""

    def chosen(self, names: Sequence[str]) -> tuple[SuiteTask, ...]:
        """Return tasks by their names or the names of their groups; all tasks if no name is given.

        Raises
        ------
        InputError
            For a name of neither a task nor a group.
        """
        known = {_plain(one) for task in self.tasks for one in (task.name, task.group)}
        wanted = {_plain(name): name for name in names}
        if unknown := [name for key, name in wanted.items() if key not in known]:
            raise InputError(
                f"{self.title} has no task {unknown[0]!r}",
                remedy="Use --tasks with some of "
                f"{', '.join(dict.fromkeys(task.name for task in self.tasks))}.",
            )
        return tuple(
            task
            for task in self.tasks
            if not wanted or {_plain(task.name), _plain(task.group)} & set(wanted)
        )


def suite_names() -> tuple[str, ...]:
    """Return the names of all known suites."""
    return tuple(row["suite"] for row in _rows("suites"))


def find_suite(name: str) -> Suite:
    """Return a suite by its name, ignoring case, spaces and hyphens.

    Raises
    ------
    InputError
        For an unknown suite.
    """
    suites = {_plain(one): one for one in suite_names()}
    if _plain(name) not in suites:
        raise InputError(
            f"there is no suite {name!r}", remedy=f"Use --suite {' or '.join(suites.values())}."
        )
    return _suite(suites[_plain(name)])


@functools.cache
def _suite(name: str) -> Suite:
    row = next(row for row in _rows("suites") if row["suite"] == name)
    tables = row["tables"].split("|")
    tasks = tuple(
        SuiteTask(
            name=task["task"],
            group=task["group"],
            folders=tuple(task["folders"].split("|")),
            metric=task["metric"],
            about=task["about"],
            classes=task["classes"],
        )
        for table in tables
        for task in _rows(table)
    )
    names = {task.name for task in tasks}
    # A suite that contains another one also has its scores.
    owners = {
        one["suite"] for one in _rows("suites") if set(one["tables"].split("|")) <= set(tables)
    }
    published = tuple(
        PublishedScore(
            task=score["task"],
            model=score["model"],
            score=float(score["score"]),
            source=score["source"],
        )
        for score in _rows("published_scores")
        if score["suite"] in owners and score["task"] in names
    )
    return Suite(
        name=name,
        title=row["title"],
        split=row["split"],
        validation={"yes": True, "no": False}.get(row["validation"]),
        hub=row["hub"],
        source=row["source"],
        tasks=tasks,
        published=published,
    )


def _rows(table: str) -> Iterator[dict[str, str]]:
    path = files("dnasweep.data").joinpath("suite_tables", f"{table}.tsv")
    yield from csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")), delimiter="\t")


def _plain(name: str) -> str:
    """Return a name in lower case without spaces and hyphens, and with plus for +."""
    return re.sub(r"[-_ /]+", "_", name.strip().lower().replace("+", "-plus"))
