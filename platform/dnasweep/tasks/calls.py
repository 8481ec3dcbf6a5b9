"""Calls of classes: one rule for predictions, scans, variants, tests and explanations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnasweep.errors import InputError

DECISION_THRESHOLD = "decision_threshold"
"""Setting in the `config.json` of a classifier of two classes: the smallest probability at which
the second class is called."""
DECISION_THRESHOLDS = "decision_thresholds"
"""The corresponding setting of a multilabel model: one threshold per label."""
EVEN_THRESHOLD = 0.5
"""The threshold of models without such a setting."""


def decision_threshold(config: Mapping[str, Any]) -> float:
    """Return the smallest probability at which a model calls the second of two classes.

    Parameters
    ----------
    config
        Contents of the model's `config.json`.

    Raises
    ------
    InputError
        If the threshold is not a probability.

    Examples
    --------
    >>> decision_threshold({"decision_threshold": 0.7}), decision_threshold({})
    (0.7, 0.5)
    """
    chosen = config.get(DECISION_THRESHOLD)
    if chosen is None:
        return EVEN_THRESHOLD
    number = isinstance(chosen, int | float) and not isinstance(chosen, bool)
    if not number or not 0 <= chosen <= 1:
        raise InputError(
            f"the model's {DECISION_THRESHOLD} is {chosen!r}, which is not a probability",
            remedy=f"Correct {DECISION_THRESHOLD} in its config.json, or remove it for "
            f"{EVEN_THRESHOLD}.",
        )
    return float(chosen)


def decision_thresholds(config: Mapping[str, Any], num_labels: int) -> tuple[float, ...]:
    """Return the smallest probability at which a model calls each label.

    Parameters
    ----------
    config
        Contents of the model's `config.json`.
    num_labels
        Number of labels; without the setting, each label has the threshold 1/2.

    Raises
    ------
    InputError
        If there is not exactly one probability per label.
    """
    chosen = config.get(DECISION_THRESHOLDS)
    if chosen is None:
        return (EVEN_THRESHOLD,) * num_labels
    if not isinstance(chosen, list) or len(chosen) != num_labels:
        raise InputError(
            f"the model's {DECISION_THRESHOLDS} are {chosen!r}, and it has {num_labels} labels",
            remedy=f"Correct {DECISION_THRESHOLDS} in its config.json, or remove it for "
            f"{EVEN_THRESHOLD}.",
        )
    return tuple(decision_threshold({DECISION_THRESHOLD: one}) for one in chosen)


def call_classes(probabilities: NDArray[np.floating], threshold: float) -> NDArray[np.int64]:
    """Return the called class of each row, (rows,).

    Parameters
    ----------
    probabilities
        (rows, classes).
    threshold
        With two classes, the second is called at or above this probability. With more, the most
        probable class is called and the threshold is not used.

    Examples
    --------
    >>> call_classes(np.array([[0.7, 0.3], [0.5, 0.5]]), threshold=0.4).tolist()
    [0, 1]
    """
    if probabilities.shape[1] == 2:
        return (probabilities[:, 1] >= threshold).astype(np.int64)
    return probabilities.argmax(axis=1).astype(np.int64)


def class_threshold(config: Mapping[str, Any], target: int, num_classes: int) -> float:
    """Return the smallest probability of a class at which a model calls it.

    With three or more classes there is no such threshold, because the most probable class is
    called. The result is then 1/2, at which no other class can be more probable.

    Parameters
    ----------
    config
        Contents of the model's `config.json`.
    target
        Number of the class, from 0.
    num_classes
        Number of classes of the model.
    """
    if num_classes != 2:
        return EVEN_THRESHOLD
    threshold = decision_threshold(config)
    return threshold if target == 1 else 1 - threshold
