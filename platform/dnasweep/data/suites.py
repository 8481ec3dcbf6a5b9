"""Published suites of tasks: their names, folders, metrics and published scores.

The tables in the folder `suite_tables` hold the facts, each with its source: `suites.tsv` names the
suites and the tables of their tasks, `published_scores.tsv` what was published of models. A score for
which no source is at hand is not there.
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
    """A task of a suite: a data set with a published split, and the metric it is scored by."""

    name: str
    """Name in the suite, such as `prom_core_all`."""
    group: str
    """Tasks of one kind, such as `core promoters`."""
    folders: tuple[str, ...]
    """Where it lies below the folder of the suite, as one of several releases has it."""
    metric: str
    """Bare name of the metric that the suite scores it by."""
    about: str
    """Species, length and what is told apart, in words."""
    classes: str
    """Its classes, in words."""


@dataclass(frozen=True, kw_only=True)
class PublishedScore:
    """What was published of a model on a task, on the test rows of the suite."""

    task: str
    """Name of the task."""
    model: str
    """The model, as its authors call it."""
    score: float
    """In the metric of the task, as a fraction."""
    source: str
    """Where it was published."""


@dataclass(frozen=True, kw_only=True)
class Suite:
    """A published suite."""

    name: str
    """By which it is named on the command line."""
    title: str
    """As its authors call it."""
    split: str
    """How its splits are given, in words."""
    validation: bool | None
    """Whether it has validation rows of its own; None: the rows say so."""
    hub: str
    """Data set of the Hugging Face hub that holds it; empty: none is known."""
    source: str
    """Paper and repository."""
    tasks: tuple[SuiteTask, ...]
    """All of its tasks, in the order of the suite."""
    published: tuple[PublishedScore, ...] = ()
    """Published scores of its tasks."""

    def chosen(self, names: Sequence[str]) -> tuple[SuiteTask, ...]:
        """Return the tasks that are named, by their names or those of their groups; all for no name.

        Raises
        ------
        InputError
            For a name that is of no task and no group.
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
    """Return the names of all suites that are known."""
    return tuple(row["suite"] for row in _rows("suites"))


def find_suite(name: str) -> Suite:
    """Return a suite by its name, in any spelling of case, blanks and hyphens.

    Raises
    ------
    InputError
        For a suite that is not known.
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
    # A suite that contains another one has its scores as well.
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
    """Return a name without what people write differently: case, blanks, hyphens; + is plus."""
    return re.sub(r"[-_ /]+", "_", name.strip().lower().replace("+", "-plus"))
