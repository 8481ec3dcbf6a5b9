"""What can be known to be wrong before anything is explained: the model, the class, the sequences."""

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
from dnasweep.tokens.loading import load_tokenizer
from dnasweep.tokens.model_files import reading
from dnasweep.tokens.tokenizers import DnaTokenizer

CLASSIFIER = "ForSequenceClassification"
MASK = "[MASK]"
_ROWS_AT_ONCE = 1 << 14


class Explainable(NamedTuple):
    """A model that can be explained, without its weights."""

    names: list[str]
    """Its classes, in the order of its logits."""
    target: str
    """The class to explain."""
    capacity: int
    """Most tokens of a sequence, special tokens counted."""
    tokenizer: DnaTokenizer
    """Its tokenizer."""
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
    directory: Path, *, target: str | None = None, reference: Reference | None = "mask"
) -> Explainable:
    """Return what is needed to know of a model before it is loaded.

    Parameters
    ----------
    directory
        A classifier with its tokenizer.
    target
        Class to explain; None: the second of two.
    reference
        What stands for a token left out; None where none is.

    Raises
    ------
    InputError
        When the model has no classification head, or one of a single output; when it has no class
        of this name; when its tokenizer has no mask token and one is wanted, or has more tokens
        than the model.
    """
    config = _read_config(directory)
    found = [str(name) for name in config.get("architectures") or ["a model of unknown kind"]]
    if not any(name.endswith(CLASSIFIER) for name in found):
        raise InputError(
            f"the directory holds {found[0]}, which has no classification head",
            file=directory,
            remedy=f"Give a fine-tuned ...{CLASSIFIER}, such as a trial of a sweep.",
        )
    names = _class_names(config, directory)
    tokenizer = load_tokenizer(directory)
    with reading(directory / "config.json"):
        size, held = int(config["vocab_size"]), capacity(config)
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
    return Explainable(
        names,
        _target(names, target),
        held,
        tokenizer,
        bool(config.get(AVERAGED, False)),
    )


def _read_config(directory: Path) -> dict[str, Any]:
    # Whoever asks for a job that is done should not wait for torch: it is imported to say what is
    # wrong, and for the rarer forms of a checkpoint.
    if (directory / "model.safetensors").is_file():
        return read_settings(directory)
    from dnasweep.models.pretrained.checkpoint import read_config

    return read_config(directory)


def _target(names: list[str], target: str | None) -> str:
    if target in names:
        return str(target)
    if target is None and len(names) == 2:
        return names[1]
    from dnasweep.attribution.values import target_index

    return names[target_index(names, target)]


def _class_names(config: Mapping[str, Any], directory: Path) -> list[str]:
    with reading(directory / "config.json"):
        labels = {int(i): str(name) for i, name in (config.get("id2label") or {}).items()}
    if sorted(labels) != list(range(len(labels))) or len(labels) < 2:
        raise InputError(
            f"the model names {len(labels)} class{'es' * (len(labels) != 1)} in id2label",
            file=directory,
            remedy="Give a classifier of two classes or more.",
        )
    return [labels[i] for i in range(len(labels))]


def count_tokens(sequences: Sequence[str], tokenizer: DnaTokenizer) -> NDArray[np.int64]:
    """Return the tokens of each sequence, special tokens counted."""
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
        Tokens of each, special tokens counted.
    capacity
        Most of them.
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
                f"model holds {capacity:,}"
            )
            remedy = "Cut it to the length the model was trained on, for example with --crop."
        else:
            reason = f"sequence {name!r} has no known base to explain in its {bases:,}"
            remedy = "Leave it out."
        found.append(Unfit(position, reason, remedy))
    return found
