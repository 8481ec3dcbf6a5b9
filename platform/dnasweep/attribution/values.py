"""The value function: what a classifier's logits say for one class, as one number."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedConfig

from dnasweep.attribution.attribution import NOT_FINITE
from dnasweep.attribution.settings import Value
from dnasweep.errors import InputError


class NotFiniteError(InputError):
    """The model's output is not a number.

    Parameters
    ----------
    row
        Of those asked for, from 0: the first of which it is not.
    """

    def __init__(self, row: int) -> None:
        self.position = row
        super().__init__("the model's output is not a finite number", remedy=NOT_FINITE)


def class_names(config: PreTrainedConfig) -> list[str]:
    """Return the names of a model's classes in the order of its logits."""
    names = {int(i): str(name) for i, name in (config.id2label or {}).items()}
    return [names[i] for i in range(len(names))]


def target_index(names: list[str], target: str | None) -> int:
    """Return the logit of the class named `target`; None means the second of two.

    Raises
    ------
    InputError
        When there is no such class, or none is named and there are not two.
    """
    if target is None:
        if len(names) == 2:
            return 1
        raise InputError(
            f"the model has {len(names)} classes and none is named",
            remedy=f"Name one with --target: {', '.join(names)}.",
        )
    if target not in names:
        raise InputError(
            f"the model has no class {target!r}",
            remedy=f"Name one of its own with --target: {', '.join(names)}.",
        )
    return names.index(target)


def class_value(logits: Tensor, target: int, value: Value) -> Tensor:
    """Return the value of a class, (rows,), float64.

    Parameters
    ----------
    logits
        (rows, classes).
    target
        Column of the class.
    value
        `log_odds` (nats) against all other classes together, `logit`, or `probability`.
    """
    exact = logits.double()
    if value == "logit":
        return exact[:, target]
    if value == "probability":
        return exact.softmax(-1)[:, target]
    others = torch.cat([exact[:, :target], exact[:, target + 1 :]], dim=1)
    return exact[:, target] - others.logsumexp(-1)


def probability_of(value: float, kind: Value) -> float:
    """Return the probability behind a value; nan for a logit, which does not say."""
    if kind == "probability":
        return value
    if kind == "log_odds":
        return float(1 / (1 + np.exp(-value)))
    return float("nan")
