"""Names of explained outputs: a class or output of a model, for the whole row or one base or bin of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dnasweep.errors import InputError
from dnasweep.tasks.registry import task_of_classes
from dnasweep.tasks.task import Task

AT = "@"
"""Separator between a class or track and the base or bin whose output is explained."""


class Target(NamedTuple):
    """Explained output of a row."""

    output: int
    """Number of the class or output."""
    place: int | None = None
    """Base or bin whose output is explained, from 0; None for the row as a whole."""

    def name(self, names: Sequence[str]) -> str:
        """Return the name of the target, given the names of the outputs."""
        return names[self.output] + self.suffix

    @property
    def suffix(self) -> str:
        """Part of the name that follows the name of the output."""
        return "" if self.place is None else f"{AT}{self.place}"

    def least_bases(self, task: Task) -> int:
        """Return the minimum length in bases of a sequence that contains the target."""
        return task.places if task.places > 1 else 1 + (self.place or 0)


def output_of(target: str, names: Sequence[str]) -> int:
    """Return the number of the output in the name of a target, as written by :meth:`Target.name`.

    Examples
    --------
    >>> output_of("donor@120", ["none", "donor"])
    1
    """
    return list(names).index(target if target in names else target.rpartition(AT)[0])


def class_names(
    id2label: Mapping[Any, Any] | None, *, file: str | Path | None = None, least: int = 2
) -> list[str]:
    """Return the names of a model's classes in the order of its logits.

    Parameters
    ----------
    id2label
        Class names by number, from the model's configuration.
    file
        File of the configuration, for the message.
    least
        Minimum number of names: 2 classes, or 1 output.

    Raises
    ------
    InputError
        If there are fewer names, or their numbers do not count from 0.
    """
    labels = {int(i): str(name) for i, name in (id2label or {}).items()}
    if sorted(labels) != list(range(len(labels))) or len(labels) < least:
        raise InputError(
            f"the model names {len(labels)} class{'es' * (len(labels) != 1)} in id2label",
            file=file,
            remedy="Give a classifier of two classes or more.",
        )
    return [labels[i] for i in range(len(labels))]


def target_index(
    names: list[str],
    target: str | None,
    *,
    file: str | Path | None = None,
    task: Task | None = None,
) -> int:
    """Return the number of the class named `target`.

    Parameters
    ----------
    names
        Classes of the model.
    target
        Name of a class; None for the second of two, or the only output.
    file
        File that the names were read from, for the message.
    task
        Task that the model was trained for. Default: classification.

    Raises
    ------
    InputError
        If there is no such class, or none is named and there are not exactly two.
    """
    usual = (task or task_of_classes(names)).usual_target
    if target is None and usual is not None:
        return usual
    if target is None:
        raise InputError(
            f"the model has {len(names)} classes, so one must be named",
            file=file,
            remedy=f"Name one with --target: {', '.join(names)}.",
        )
    if target not in names:
        raise InputError(
            f"the model has no class {target!r}",
            file=file,
            remedy=f"Name one of its classes with --target: {', '.join(names)}.",
        )
    return names.index(target)


def read_target(names: list[str], text: str | None, *, task: Task) -> Target:
    """Return the target: a class or output, or that of one base or bin if the model predicts these.

    Parameters
    ----------
    names, task
        As in :func:`target_index`.
    text
        Name of the class; for a single base or bin, followed by its number from 0: `donor@120`.

    Raises
    ------
    InputError
        As in :func:`target_index`, and for a number that does not refer to a base or bin.
    """
    if text is None or text in names or AT not in text or not task.place:
        return Target(target_index(names, text, task=task))
    name, _, number = text.rpartition(AT)
    output = target_index(names, name, task=task)
    if not number.isdecimal() or len(number) > 12:
        raise InputError(
            f"the {task.place} in {text!r} is not a number",
            remedy=f"Name the {task.place} by its number, from 0: {names[output]}{AT}120.",
        )
    place = int(number)
    if task.places > 1 and place >= task.places:
        raise InputError(
            f"the model has {task.places} bins per row, but {text!r} is not one of them",
            remedy=f"Name one from {names[output]}{AT}0 to {names[output]}{AT}{task.places - 1}.",
        )
    return Target(output, place)


def against_index(names: list[str], target: int, against: str) -> int:
    """Return the number of the class that the target is compared with.

    Parameters
    ----------
    names
        Classes of the model.
    target
        Number of the class explained.
    against
        Name of the class to compare with.

    Raises
    ------
    InputError
        If there is no such class, or it is the explained class.
    """
    others = [name for name in names if name != names[target]]
    if against not in others:
        raise InputError(
            f"the model has no class {against!r} to compare {names[target]!r} with",
            remedy=f"Name one with --against: {', '.join(others)}.",
        )
    return names.index(against)
