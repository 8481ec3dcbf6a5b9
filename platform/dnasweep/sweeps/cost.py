"""Estimate how long training runs take, from earlier runs or the speed of this machine."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

from dnasweep.config import canonical
from dnasweep.stages.outcome import OUTCOME, StageOutcome
from dnasweep.stages.specs import ClassifierSpec, EncoderSpec
from dnasweep.storage import Storage

MOST_READ = 20
"""Maximum number of earlier training runs of one kind to read."""
Spec = EncoderSpec | ClassifierSpec
Measure = Callable[[Spec], float | None]
"""Returns the bases per second of one device for a training run; None if it cannot be measured."""


class Cost(NamedTuple):
    """Expected cost of training runs."""

    seconds: float
    """Total seconds of one device."""
    earlier: int
    """Number of training runs in the storage on which the estimate is based; 0 if the speed was
    measured."""


def estimate(
    storage: Storage, specs: Sequence[Spec], measure: Measure | None = None
) -> Cost | None:
    """Estimate the seconds that training runs take on one device.

    The estimate is based on earlier runs of the same model and tokenizer in the storage, otherwise
    on those of the same model, otherwise on a measurement.

    Parameters
    ----------
    storage
        Storage of earlier training runs.
    specs
        Specifications of the training runs, either all encoders or all classifiers.
    measure
        Measures the speed of models without earlier training runs; None: no measurement.

    Returns
    -------
    cost
        None if there is nothing to estimate from.
    """
    if not specs:
        return Cost(0.0, 0)
    speeds, earlier = _earlier(storage, specs[0].kind)
    measured: dict[str, float | None] = {}
    used, seconds = 0, 0.0
    for spec in specs:
        exact, model = _kinds(canonical(spec.model), canonical(spec.tokenizer.config))
        speed = speeds.get(exact) or speeds.get(model)
        if speed is not None:
            used = earlier
        elif measure is not None:
            if exact not in measured:
                measured[exact] = measure(spec)
            speed = measured[exact]
        if speed is None:
            return None
        seconds += spec.training.bases / speed
    return Cost(seconds, used)


def _kinds(model: object, tokenizer: object) -> tuple[str, str]:
    """Return two descriptions; runs that share the first are equally fast, the second, similar."""
    return json.dumps([model, tokenizer], sort_keys=True), json.dumps(model, sort_keys=True)


def _earlier(storage: Storage, kind: str) -> tuple[dict[str, float], int]:
    """Return the bases per second of earlier runs by shared description, and their number."""
    sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    read = 0
    for key in sorted(storage.published(kind))[:MOST_READ]:
        manifest, path = storage.manifest(kind, key), storage.file(kind, key, OUTCOME)
        if not manifest or path is None:
            continue
        outcome, inputs = StageOutcome.read(path), manifest["inputs"]
        if not outcome.history or outcome.device_seconds <= 0:
            continue
        read += 1
        for name in _kinds(inputs["model"], inputs["tokenizer"]["config"]):
            sums[name][0] += outcome.history[-1]["bases_seen"]
            sums[name][1] += outcome.device_seconds
    return {name: bases / seconds for name, (bases, seconds) in sums.items()}, read
