"""Class names in the configuration of a classifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dnasweep.errors import InputError
from dnasweep.models.pretrained.config_file import CONFIG_FILE
from dnasweep.tasks.registry import BASES_PER_TOKEN, BINS_PER_ROW, NAME_OUTPUTS, task_of_model


def check_classes(settings: Any, directory: Path) -> None:
    """Refuse class names unless they are unique and numbered from 0.

    Parameters
    ----------
    settings
        Configuration of a classifier. Numbers that some trainers write into `label2id` as text are
        converted to numbers.
    directory
        Directory of the model, for error messages.

    Raises
    ------
    InputError
        For invalid names, which the message contains.
    """
    names, back = settings.id2label, settings.label2id
    texts = all(isinstance(name, str) for name in names.values())
    inverse = {name: i for i, name in names.items()} if texts else {}
    reason = None
    if sorted(names) != list(range(len(names))) or len(inverse) < len(names):
        reason = f"id2label is {names!r}, which does not name each output once, counting from 0"
    elif back not in (None, inverse, {name: str(i) for name, i in inverse.items()}):
        reason = f"label2id is {back!r}, which is not the inverse of id2label"
    if reason is not None:
        raise InputError(
            reason,
            file=directory / CONFIG_FILE,
            remedy=NAME_OUTPUTS,
        )
    if back is not None:
        settings.label2id = inverse


def check_outputs(config: Mapping[str, Any], directory: Path) -> None:
    """Refuse the `config.json` of a classifier that does not say what its outputs are.

    transformers drops names whose number differs from `num_labels`, so a model of three classes could seem to be
    one of two.

    Parameters
    ----------
    config
        Contents of `config.json`.
    directory
        Directory of the model, for error messages.

    Raises
    ------
    InputError
        As :func:`~dnasweep.tasks.registry.task_of_model`.
    """
    try:
        task_of_model(config)
    except InputError as error:
        raise InputError(
            error.reason, file=directory / CONFIG_FILE, remedy=error.remedy
        ) from error


def check_single_output(settings: Any, directory: Path) -> None:
    """Refuse a classifier with one output unless it is declared as a number or a label, or is of bases or bins.

    If the output were the only class, its probability would be 1 for every row.
    """
    single = settings.problem_type in (None, "single_label_classification")
    places = any(getattr(settings, name, None) for name in (BASES_PER_TOKEN, BINS_PER_ROW))
    if len(settings.id2label) == 1 and single and not places:
        raise InputError(
            f"the model has one output, and {CONFIG_FILE} does not say what it is",
            file=directory,
            remedy='If it predicts a number, write "problem_type": "regression" there; if it is the '
            'log odds of a class, "multi_label_classification".',
        )


def name_classes(settings: Any, num_labels: int, label_names: Sequence[str] | None) -> None:
    """Write the names of the classes into a configuration.

    Parameters
    ----------
    settings
        Configuration of a classifier of transformers, changed in place.
    num_labels
        Number of classes.
    label_names
        Class names in order; None for `LABEL_0`, `LABEL_1`...
    """
    names = [f"LABEL_{i}" for i in range(num_labels)] if label_names is None else label_names
    if len(names) != num_labels:
        raise ValueError(f"{len(names)} label names for {num_labels} labels")
    settings.id2label = dict(enumerate(names))
    settings.label2id = {name: i for i, name in enumerate(names)}
