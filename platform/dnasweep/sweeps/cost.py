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
"""Maximum number of earlier training runs of one model and tokenizer to read."""
MOST_SEARCHED = 500
"""Maximum number of earlier training runs among which these are searched."""
SWEEP_SECONDS = 60.0
"""Seconds of a sweep on Ray besides training: starting Ray and its workers, tokenizing, evaluation on test
and the report. On two cores 60 to 62 with some thousand rows and 8 to 17 training runs, and about 115 in a
sweep with many more rows."""
STAGE_SECONDS = 0.5
"""Seconds for starting a training run and storing its model, which are not in its device seconds: the
difference between these sweeps."""
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
    kinds = [_kinds(canonical(spec.model), canonical(spec.tokenizer.config)) for spec in specs]
    known = _earlier(storage, specs[0].kind, kinds)
    measured: dict[str, float | None] = {}
    used, seconds = set[str](), 0.0
    for spec, (exact, model) in zip(specs, kinds, strict=True):
        earlier = known.get(exact) or known.get(model)
        if earlier is not None:
            speed: float | None = earlier.bases / earlier.seconds
            used |= earlier.keys
        elif measure is None:
            return None
        else:
            if exact not in measured:
                measured[exact] = measure(spec)
            speed = measured[exact]
        if speed is None:
            return None
        seconds += spec.training.bases / speed
    return Cost(seconds, len(used))


def _kinds(model: object, tokenizer: object) -> tuple[str, str]:
    """Return two descriptions; runs that share the first are equally fast, the second, similar."""
    return json.dumps([model, tokenizer], sort_keys=True), json.dumps(model, sort_keys=True)


class _Earlier:
    """Earlier training runs of one description, added up."""

    def __init__(self) -> None:
        self.keys: set[str] = set()
        self.bases = self.seconds = 0.0


def _earlier(
    storage: Storage, kind: str, wanted: Sequence[tuple[str, str]]
) -> dict[str, _Earlier]:
    """Return the earlier training runs of a kind, by those descriptions that are wanted."""
    exact, either = {one for one, _ in wanted}, {name for names in wanted for name in names}
    found: dict[str, _Earlier] = defaultdict(_Earlier)
    for key in sorted(storage.published(kind))[:MOST_SEARCHED]:
        if not (manifest := storage.manifest(kind, key)):
            continue
        inputs = manifest["inputs"]
        names = [
            name
            for name in _kinds(inputs["model"], inputs["tokenizer"]["config"])
            if name in either and len(found[name].keys) < MOST_READ
        ]
        if not names or (path := storage.file(kind, key, OUTCOME)) is None:
            continue
        outcome = StageOutcome.read(path)
        if not outcome.history or outcome.device_seconds <= 0:
            continue
        for name in names:
            found[name].keys.add(key)
            found[name].bases += outcome.history[-1]["bases_seen"]
            found[name].seconds += outcome.device_seconds
        if all(len(found[name].keys) == MOST_READ for name in exact):
            break
    return {name: earlier for name, earlier in found.items() if earlier.keys}
