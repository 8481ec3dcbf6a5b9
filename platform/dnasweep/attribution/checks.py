"""Checks before anything is explained: the model, its classes and the sequences; none loads weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dnasweep.attribution.settings import Reference
from dnasweep.config import AVERAGED
from dnasweep.errors import InputError
from dnasweep.models.encoder.capacity import capacity
from dnasweep.models.pretrained.config_file import read_settings
from dnasweep.models.pretrained.heads import CLASSIFIER, kind_of
from dnasweep.tasks.registry import (
    check_one_number,
    id2label_of,
    task_of_classes,
    task_of_model,
)
from dnasweep.tasks.task import Task
from dnasweep.tokens.loading import load_tokenizer
from dnasweep.tokens.model_files import reading
from dnasweep.tokens.tokenizers import DnaTokenizer

MASK = "[MASK]"
_ROWS_AT_ONCE = 1 << 14


class ModelFacts(NamedTuple):
    """What is known about a model that can be explained before its weights are loaded."""

    names: list[str]
    """Its classes, in the order of its logits."""
    target: str
    """The class to explain."""
    capacity: int
    """Upper limit on the tokens of a sequence, special tokens included."""
    tokenizer: DnaTokenizer
    """Its tokenizer."""
    task: Task
    """What it was trained for."""
    averaged: bool = False
    """Whether it calls by both strands; what is explained is the strand given all the same."""


class Unfit(NamedTuple):
    """A sequence that cannot be explained."""

    position: int
    """Its row in the table, from 0."""
    reason: str
    """What is wrong with it."""
    remedy: str
    """What to do about it."""


def check_model(
    directory: Path,
    *,
    target: str | None = None,
    against: str | None = None,
    reference: Reference | None = "mask",
) -> ModelFacts:
    """Check a model before it is loaded, and return what a job needs to know about it.

    Parameters
    ----------
    directory
        A classifier with its tokenizer.
    target
        Class to explain; None: the second of two.
    against
        Class that it is compared with; None: all others.
    reference
        What replaces a token that is left out; None where none is.

    Raises
    ------
    InputError
        When the model has no classification head, or one with a single output; when it has no class
        of this name; when it says nothing of a sequence as a whole; when its tokenizer has no mask token and one is needed, or has more tokens
        than the model.
    """
    config = _read_config(directory)
    found = kind_of(directory)
    if found.head != "classifier":
        raise InputError(
            f"the directory has {found.architecture}, which has no classification head",
            file=directory,
            remedy=f"Give a fine-tuned ...{CLASSIFIER}, such as a trial of a sweep.",
        )
    with reading(directory / "config.json"):
        task = task_of_model(config)
    check_one_number(task, directory)
    with reading(directory / "config.json"):
        names = class_names(id2label_of(config), file=directory, least=task.least_outputs)
    tokenizer = load_tokenizer(directory)
    with reading(directory / "config.json"):
        size, limit = int(config["vocab_size"]), capacity(config)
    if tokenizer.vocab_size > size:
        raise InputError(
            f"the tokenizer has {tokenizer.vocab_size} tokens and the model {size}",
            file=directory,
            remedy="Give a model with the tokenizer it was trained with.",
        )
    if reference == "mask" and not tokenizer.has_mask:
        raise InputError(
            f"the tokenizer has no {MASK} token to stand for tokens that are left out",
            file=directory,
            remedy="Use --reference deletion or --reference shuffle.",
        )
    number = target_index(names, target, task=task)
    if against is not None:
        against_index(names, number, against)
    return ModelFacts(
        names=names,
        target=names[number],
        capacity=limit,
        tokenizer=tokenizer,
        task=task,
        averaged=bool(config.get(AVERAGED, False)),
    )


def _read_config(directory: Path) -> dict[str, Any]:
    # Whoever asks for a job that is done should not wait for torch: it is imported to say what is
    # wrong, and for the rarer forms of a checkpoint.
    if (directory / "model.safetensors").is_file():
        return read_settings(directory)
    from dnasweep.models.pretrained.checkpoint import read_config

    return read_config(directory)


def class_names(
    id2label: Mapping[Any, Any] | None, *, file: str | Path | None = None, least: int = 2
) -> list[str]:
    """Return the names of a model's classes in the order of its logits.

    Parameters
    ----------
    id2label
        Of the model's configuration: number of the class to its name.
    file
        Where it was read, for the message.
    least
        Fewest names: 2 classes, or 1 output.

    Raises
    ------
    InputError
        When it names fewer, or their numbers do not count from 0.
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
        One of them; None: the second of two, or the only output.
    file
        Where they were read, for the message.
    task
        What the model was trained for. Default: to call one of the classes.

    Raises
    ------
    InputError
        When there is no such class, or none is named and there are not two.
    """
    usual = (task or task_of_classes(names)).usual_target
    if target is None and usual is not None:
        return usual
    if target is None:
        raise InputError(
            f"the model has {len(names)} classes and none is named",
            file=file,
            remedy=f"Name one with --target: {', '.join(names)}.",
        )
    if target not in names:
        raise InputError(
            f"the model has no class {target!r}",
            file=file,
            remedy=f"Name one of its own with --target: {', '.join(names)}.",
        )
    return names.index(target)


def against_index(names: list[str], target: int, against: str) -> int:
    """Return the number of the class that another one is compared with.

    Parameters
    ----------
    names
        Classes of the model.
    target
        Number of the class explained.
    against
        Name of the other one.

    Raises
    ------
    InputError
        When there is no such class, or it is the one explained.
    """
    others = [name for name in names if name != names[target]]
    if against not in others:
        raise InputError(
            f"the model has no class {against!r} to compare {names[target]!r} with",
            remedy=f"Name one with --against: {', '.join(others)}.",
        )
    return names.index(against)


def count_tokens(sequences: Sequence[str], tokenizer: DnaTokenizer) -> NDArray[np.int64]:
    """Return the number of tokens of each sequence, special tokens included."""
    parts = [
        np.diff(tokenizer.encode(sequences[i : i + _ROWS_AT_ONCE]).offsets)
        for i in range(0, len(sequences), _ROWS_AT_ONCE)
    ]
    return np.concatenate([np.empty(0, np.int64), *parts])


def find_unfit(table: pd.DataFrame, token_counts: NDArray[np.int64], capacity: int) -> list[Unfit]:
    """Return the sequences that cannot be explained, in order.

    Parameters
    ----------
    table
        Columns `id` and `sequence`.
    token_counts
        Tokens of each, special tokens included.
    capacity
        Upper limit on them.
    """
    sequences = table["sequence"]
    known = sequences.str.contains("[ACGTU]", case=False).to_numpy(bool)
    wrong = np.flatnonzero(~known | (token_counts > capacity) | (token_counts <= 2))
    found = []
    for position in wrong.tolist():
        name, bases = table["id"].iloc[position], len(sequences.iloc[position])
        if known[position] and token_counts[position] > 2:
            reason = (
                f"sequence {name!r} of {bases:,} bases has {token_counts[position]:,} tokens, the "
                f"model has {capacity:,} positions"
            )
            remedy = "Cut it to the length the model was trained on, for example with --crop."
        else:
            reason = f"sequence {name!r} has no known base to explain in its {bases:,}"
            remedy = "Leave it out."
        found.append(Unfit(position, reason, remedy))
    return found
