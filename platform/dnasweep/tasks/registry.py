"""All tasks by name, and the task of a data set or a trained model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dnasweep.data.labels import ZERO_AND_ONE, Labels, TaskName
from dnasweep.errors import InputError
from dnasweep.tasks.binary import Binary
from dnasweep.tasks.multiclass import Multiclass
from dnasweep.tasks.multilabel import Multilabel
from dnasweep.tasks.profile import Profile
from dnasweep.tasks.regression import Regression
from dnasweep.tasks.task import Task
from dnasweep.tasks.token import Token

TASKS: dict[TaskName, type[Task]] = {
    one.name: one for one in (Binary, Multiclass, Regression, Multilabel, Token, Profile)
}

BASES_PER_TOKEN = "bases_per_token"
"""Setting in the `config.json` of a model of bases or bins: number of positions per token in the
head."""
BINS_PER_ROW = "bins_per_row"
"""Setting in the `config.json` of a model of bins: number of bins per row."""
NAME_OUTPUTS = (
    'Write the class of each output there, such as "id2label": {"0": "other", "1": "promoter"}, and '
    "leave out label2id and num_labels."
)
"""Remedy for names of outputs that cannot be read."""
_PROBLEMS: dict[Any, type[Task] | None] = {
    "single_label_classification": None,
    "multi_label_classification": Multilabel,
    "regression": Regression,
}
"""Tasks by the values of `problem_type`; None: by the number of classes."""
BINARY = Binary(ZERO_AND_ONE.names)
"""The task of the labels 0 and 1."""


def task_of(labels: Labels) -> Task:
    """Return the task of a data set with these labels."""
    return TASKS[labels.task](labels.names, labels.places)


def task_of_classes(names: Sequence[str]) -> Task:
    """Return the task of classifying into these classes."""
    return (Binary if len(names) == 2 else Multiclass)(names)


def id2label_of(config: Mapping[str, Any]) -> dict[int, str]:
    """Return the name of each class or output of a classifier from its `config.json`.

    transformers omits the names of two classes if they are its defaults, `LABEL_0` and `LABEL_1`. If only
    `label2id` is there, it names the classes.

    Raises
    ------
    InputError
        If the settings do not name each output once, or contradict each other.
    """
    named, number = config.get("id2label"), config.get("num_labels")
    source = "id2label" if named or not config.get("label2id") else "label2id"
    named = config.get(source) or {}
    try:
        pairs = [pair if source == "id2label" else pair[::-1] for pair in named.items()]
        found = {int(i): str(name) for i, name in pairs}
        once = sorted(found) == list(range(len(named)))
    except (AttributeError, TypeError, ValueError):
        once = False
    if not once:
        raise InputError(
            f"{source} is {named!r}, which does not name each output once, counting from 0",
            remedy=NAME_OUTPUTS,
        )
    if found and number is not None and number != len(found):
        raise InputError(
            f"{source} names {len(found)} outputs, and num_labels is {number!r}",
            remedy=NAME_OUTPUTS,
        )
    return found or {i: f"LABEL_{i}" for i in range(int(number or 2))}


def task_of_model(config: Mapping[str, Any]) -> Task:
    """Return the task that a model was trained for, from its `config.json`.

    Raises
    ------
    InputError
        As :func:`id2label_of`, and for a kind of task that is not known.
    """
    found = id2label_of(config)
    names = [found[i] for i in sorted(found)]
    if bins := config.get(BINS_PER_ROW):
        if not isinstance(bins, int) or bins < 2:
            raise InputError(
                f"the model's {BINS_PER_ROW} is {bins!r}",
                remedy="Write the number of bins that it was trained on into its config.json.",
            )
        return Profile(names, bins)
    if config.get(BASES_PER_TOKEN):
        return Token(names)
    # transformers uses this term.
    said = config.get("problem_type")
    if said not in (None, *_PROBLEMS):
        raise InputError(
            f"problem_type is {said!r}, which is no kind of task of transformers",
            remedy=f"Write one of {', '.join(_PROBLEMS)} there.",
        )
    kind = _PROBLEMS.get(said)
    return task_of_classes(names) if kind is None else kind(names)


def check_has_classes(task: Task) -> None:
    """Raise `InputError` unless a model calls sequence classes with comparable probabilities."""
    if not task.has_calls:
        raise InputError(
            f"the model {task.predicts} {', '.join(task.names)} and no class of a sequence, of which "
            "probabilities are compared here",
            remedy="Predict sequences or both alleles with `dnasweep predict`.",
        )
