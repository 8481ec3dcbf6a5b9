"""Models that can score variants: their class, threshold and number of tokens, without weights."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from dnasweep.attribution.targets import class_names, target_index
from dnasweep.errors import InputError
from dnasweep.formats.bases import decode_rows
from dnasweep.models.encoder.capacity import capacity
from dnasweep.models.families.registry import family_of
from dnasweep.models.pretrained.config_file import read_config
from dnasweep.models.pretrained.heads import CAUSAL, CLASSIFIER, MASKED, kind_of
from dnasweep.models.pretrained.vocabulary_match import check_own_vocabulary
from dnasweep.tasks.calls import EVEN_THRESHOLD
from dnasweep.tasks.registry import id2label_of, task_of_model
from dnasweep.tasks.task import Task
from dnasweep.tasks.trained_lengths import TrainedLengths, trained_lengths
from dnasweep.tokens.loading import load_tokenizer
from dnasweep.tokens.tokenizers import DnaTokenizer

MAX_DEFAULT_WINDOW = 1000
"""Maximum default window, in bases, of models that do not say how long their training sequences were."""
_PROBES = 64


class ScoringModel(NamedTuple):
    """A model, without its weights."""

    directory: Path
    is_classifier: bool
    """Whether it is a classifier; otherwise it is a language model, masked or causal."""
    target: str
    """Name of the class that is compared; "" if there is none."""
    threshold: float
    """Minimum probability for calling the class."""
    capacity: int
    """Maximum number of tokens of a sequence, including special tokens."""
    tokenizer: DnaTokenizer
    digest: str = ""
    """Content key of the model."""
    task: Task | None = None
    """Task that a classifier was trained for."""
    outputs: tuple[int, ...] = ()
    """Numbers of the outputs to score, if the model does not call classes of sequences."""
    lengths: TrainedLengths | None = None
    """Lengths of the sequences that a classifier was trained on, if it contains them."""


def open_model(directory: Path, *, target: str | None = None) -> ScoringModel:
    """Read the facts about a model that scoring needs.

    Parameters
    ----------
    directory
        Directory of the model with its tokenizer.
    target
        Name of the class to compare; None for the second of two or, if the model does not call classes of
        sequences, for all outputs.

    Raises
    ------
    InputError
        If the model is neither a classifier nor a language model with its tokenizer, or has no class with
        this name.
    """
    config = read_config(directory)
    found = kind_of(directory)
    if found.head == "none":
        raise InputError(
            f"the directory has {found.architecture}, which neither classifies nor predicts tokens",
            file=directory,
            remedy=f"Give a model ...{CLASSIFIER}, ...{MASKED} or ...{CAUSAL[0]}.",
        )
    family = family_of(config)
    if found.head == "causal" and family is not None and family.reads_ahead(config):
        raise InputError(
            "what it predicts of a base has read that base already, and is no likelihood",
            file=directory,
            remedy="Fine-tune it and score variants with the classifier, or give another model.",
        )
    is_classifier = found.head == "classifier"
    tokenizer = load_tokenizer(directory)
    check_own_vocabulary(directory)
    if found.head == "masked" and not tokenizer.has_mask:
        raise InputError("the tokenizer has no [MASK] token to mask alleles", file=directory)
    name, threshold, task = "", EVEN_THRESHOLD, None
    outputs: tuple[int, ...] = ()
    if is_classifier:
        task = task_of_model(config)
        names = class_names(id2label_of(config), file=directory, least=task.least_outputs)
        if task.has_calls or target is not None:
            number = target_index(names, target, file=directory, task=task)
            name, outputs = names[number], (number,)
        if task.has_calls:
            threshold, outputs = task.call_threshold(config, number), ()
        else:
            outputs = outputs or tuple(task.wanted)
    return ScoringModel(
        directory,
        is_classifier,
        name,
        threshold,
        capacity(config),
        tokenizer,
        task=task,
        outputs=outputs,
        lengths=trained_lengths(config) if is_classifier else None,
    )


def window_of(model: ScoringModel) -> int:
    """Return the default window in bases: the median length of the training sequences, if it is known.

    Otherwise, and if it has more tokens than the model reads, the largest window whose tokens fit the
    model for any sequence.
    """
    longest = MAX_DEFAULT_WINDOW if model.lengths is None else model.lengths.median
    # Not by bisection: if single bases fill the end, 299 bases may have more tokens than 300.
    for window in range(longest, 1, -1):
        fits = _most_tokens(model, window, 1) <= model.capacity
        if fits and _most_tokens(model, window) <= model.capacity:
            return window
    raise InputError("no window of two bases fits the model", file=model.directory)


def check_window(model: ScoringModel, window: int) -> None:
    """Raise :class:`InputError` if a window has more tokens than the model has positions."""
    tokens = _most_tokens(model, window)
    if tokens > model.capacity:
        raise InputError(
            f"a window of {window:,} bases has {tokens:,} tokens, but the model has "
            f"{model.capacity:,} positions",
            file=model.directory,
            remedy=f"Use --window {window_of(model)}, or the window it was trained on.",
        )


def _most_tokens(model: ScoringModel, window: int, probes: int = _PROBES) -> int:
    codes = np.random.default_rng(0).integers(0, 4, (probes, window)).astype(np.uint8)
    return int(np.diff(model.tokenizer.encode(decode_rows(codes)).offsets).max())
