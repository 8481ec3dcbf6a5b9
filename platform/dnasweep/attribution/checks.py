"""Checks of the model, its classes and the sequences before a job, without loading weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dnasweep.attribution.settings import (
    ESTIMATORS_WITHOUT_REFERENCE,
    ExplainConfig,
    Reference,
)
from dnasweep.attribution.targets import Target, against_index, class_names, read_target
from dnasweep.config import AVERAGED
from dnasweep.errors import InputError
from dnasweep.models.encoder.capacity import capacity
from dnasweep.models.pretrained.config_file import read_config
from dnasweep.models.pretrained.heads import CLASSIFIER, kind_of
from dnasweep.models.pretrained.vocabulary_match import check_own_vocabulary
from dnasweep.tasks.registry import check_has_classes, id2label_of, task_of_model
from dnasweep.tasks.task import Task
from dnasweep.tasks.trained_lengths import TrainedLengths, trained_lengths
from dnasweep.tokens.loading import load_tokenizer
from dnasweep.tokens.model_files import reading
from dnasweep.tokens.tokenizers import DnaTokenizer

MASK = "[MASK]"
_ROWS_AT_ONCE = 1 << 14


class ModelFacts(NamedTuple):
    """Facts about an explainable model that are known before its weights are loaded."""

    names: list[str]
    """Names of the classes, in the order of the logits."""
    target: str
    """Class to explain, such as `donor`, or the class of one base, `donor@120`; empty for all outputs."""
    capacity: int
    """Upper limit on the tokens of a sequence, special tokens included."""
    tokenizer: DnaTokenizer
    """Tokenizer of the model."""
    task: Task
    """Task that the model was trained for."""
    place: int | None = None
    """Base or bin that is explained; None for the row as a whole."""
    least_bases: int = 1
    """Minimum length in bases of a sequence that contains the explained output."""
    averaged: bool = False
    """Whether the model averages both strands; the output for the given strand is explained anyway."""
    lengths: TrainedLengths | None = None
    """Lengths of the sequences that the model was trained on, if it contains them."""


class Unfit(NamedTuple):
    """A sequence that cannot be explained."""

    position: int
    """Row of the sequence in the table, from 0."""
    reason: str
    """Why the sequence cannot be explained."""
    remedy: str
    """What the user can do."""


def check_model(
    directory: Path,
    *,
    target: str | None = None,
    against: str | None = None,
    reference: Reference | None = "mask",
    every: bool = False,
) -> ModelFacts:
    """Check a model before it is loaded, and return what a job needs to know about it.

    Parameters
    ----------
    directory
        A classifier with its tokenizer.
    target
        Class to explain; None for the second of two.
    against
        Class to compare the target with; None for all others.
    reference
        Replacement for tokens that are left out; None if no token is.
    every
        Whether all outputs are explained if no target is named and the model does not call classes of
        whole sequences.

    Raises
    ------
    InputError
        If the model has no classification head, or one with a single output; if it has no class with
        this name; if its tokenizer has no mask token although one is needed, or has more tokens than
        the model.
    """
    config = read_config(directory)
    found = kind_of(directory)
    if found.head != "classifier":
        raise InputError(
            f"the directory has {found.architecture}, which has no classification head",
            file=directory,
            remedy=f"Give a fine-tuned ...{CLASSIFIER}, such as a trial of a sweep.",
        )
    with reading(directory / "config.json"):
        task = task_of_model(config)
        names = class_names(id2label_of(config), file=directory, least=task.least_outputs)
    tokenizer = load_tokenizer(directory)
    check_own_vocabulary(directory)
    with reading(directory / "config.json"):
        limit, lengths = capacity(config), trained_lengths(config)
    if reference == "mask" and not tokenizer.has_mask:
        raise InputError(
            f"the tokenizer has no {MASK} token to replace tokens that are left out",
            file=directory,
            remedy="Use --reference deletion or --reference shuffle.",
        )
    check_reference(task, reference)
    of_all = every and target is None and not task.has_calls
    explained = Target(0) if of_all else read_target(names, target, task=task)
    if against is not None:
        against_index(names, explained.output, against)
    return ModelFacts(
        names=names,
        target="" if of_all else explained.name(names),
        place=explained.place,
        least_bases=explained.least_bases(task),
        capacity=limit,
        tokenizer=tokenizer,
        task=task,
        averaged=bool(config.get(AVERAGED, False)),
        lengths=lengths,
    )


def check_reference(task: Task, reference: Reference | None) -> None:
    """Raise `InputError` if removing a token would remove the bases whose output is explained."""
    if task.place and reference == "deletion":
        raise InputError(
            f"the model predicts each {task.place}, and removing tokens entirely would remove their bases "
            "as well",
            remedy="Use --reference mask or shuffle.",
        )


def check_estimator_reads(task: Task, config: ExplainConfig) -> None:
    """Raise `InputError` if the estimator cannot explain the predictions of such a model.

    Parameters
    ----------
    task
        Task of the model.
    config
        Settings that are requested.
    """
    if config.estimator == "anchors":
        check_has_classes(task)
    if config.estimator == "attention" and task.place:
        raise InputError(
            f"the model predicts each {task.place} from the tokens there, and not from the "
            "first token, whose attention this is",
            remedy="Use the estimator adjusted_kernel, or integrated_gradients.",
        )
    if config.estimator not in ESTIMATORS_WITHOUT_REFERENCE:
        check_reference(task, config.reference)


def count_tokens(sequences: Sequence[str], tokenizer: DnaTokenizer) -> NDArray[np.int64]:
    """Return the number of tokens of each sequence, special tokens included."""
    parts = [
        np.diff(tokenizer.encode(sequences[i : i + _ROWS_AT_ONCE]).offsets)
        for i in range(0, len(sequences), _ROWS_AT_ONCE)
    ]
    return np.concatenate([np.empty(0, np.int64), *parts])


def find_unfit(
    table: pd.DataFrame,
    token_counts: NDArray[np.int64],
    capacity: int,
    least_bases: int = 1,
) -> list[Unfit]:
    """Return the sequences that cannot be explained, in order.

    Parameters
    ----------
    table
        Columns `id` and `sequence`.
    token_counts
        Number of tokens of each sequence, special tokens included.
    capacity
        Maximum number of tokens.
    least_bases
        Minimum length in bases of a sequence that contains the explained output.
    """
    sequences = table["sequence"]
    short = (sequences.str.len() < least_bases).to_numpy()
    known = sequences.str.contains("[ACGTU]", case=False).to_numpy(bool)
    wrong = np.flatnonzero(~known | (token_counts > capacity) | (token_counts <= 2) | short)
    found = []
    for position in wrong.tolist():
        name, bases = table["id"].iloc[position], len(sequences.iloc[position])
        if known[position] and short[position] and token_counts[position] <= capacity:
            reason = f"sequence {name!r} has {bases:,} bases, but the explained output needs {least_bases:,}"
            remedy = "Explain another base, or give sequences as long as those in training."
        elif known[position] and token_counts[position] > 2:
            reason = (
                f"sequence {name!r} of {bases:,} bases has {token_counts[position]:,} tokens, but the "
                f"model has {capacity:,} positions"
            )
            remedy = "Cut it to the length the model was trained on, for example with --crop."
        else:
            reason = f"sequence {name!r} has no known base to explain in its {bases:,}"
            remedy = "Leave it out."
        found.append(Unfit(position, reason, remedy))
    return found
