"""A test of a model and its explainer before a job: class, sign and completeness."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import torch

from dnasweep.attribution.attribution import Attribution
from dnasweep.attribution.engine import Explainer
from dnasweep.attribution.settings import GRADIENT_ESTIMATORS
from dnasweep.errors import InputError
from dnasweep.models.encoder.bases import places_of, spans_of
from dnasweep.models.encoder.forward import class_logits, pool_of
from dnasweep.tasks.calls import DECISION_THRESHOLD, DECISION_THRESHOLDS
from dnasweep.tasks.last_layer import last_layer
from dnasweep.tasks.objective import Output
from dnasweep.tasks.registry import BASES_PER_TOKEN

TOLERANCE = 1e-3
"""Largest accepted deviation in fp32, as a fraction of the span of outputs."""
ROUNDING = 16 * float(np.finfo(np.float32).eps)
"""Largest accepted deviation by rounding, as a fraction of the output."""
GRADIENT_GAP = 0.2
"""Largest accepted completeness error of integrated gradients, as a fraction of the span of outputs."""


def self_test(explainer: Explainer, sequence: str) -> None:
    """Check class, sign and completeness on one sequence.

    The prediction must equal the output of the model's own forward pass for the named class; if the
    classes are exchanged in the model's last layer, every attribution must become that of the other
    class; and the attributions must sum to prediction - base value.

    Raises
    ------
    InputError
        If one of these checks fails, because the attributions could then not be trusted.
    """
    found = explainer.explain([sequence])[0]
    sums = explainer.config.sums
    span = abs(found.prediction - found.base_value) if sums else 0.0
    scale = max(span, float(np.abs(found.phi).sum()), 1e-6)
    loose = (
        TOLERANCE if explainer.model.precision == "fp32" else 10 * explainer.config.precision_bound
    )
    plain = _plain_value(explainer, sequence)
    # Outputs far from 0 have an absolute rounding error, however little the tokens change them.
    rounding = ROUNDING * abs(plain)
    if abs(plain - found.prediction) > loose * max(scale, abs(plain)):
        raise _failed(
            f"the value of class {explainer.target!r} is {plain:.6g} by the model's own forward "
            f"pass and {found.prediction:.6g} by this one",
            "Where id2label and label2id in the model's config.json do not name the same classes, "
            "correct them; otherwise use another model.",
        )
    allowed = GRADIENT_GAP if explainer.config.estimator in GRADIENT_ESTIMATORS else loose
    if sums and not found.completeness_error <= allowed * scale + rounding:
        raise _failed(
            f"the attributions sum to {found.phi.sum():.6g}, "
            f"what the tokens change is {found.prediction - found.base_value:.6g}",
            _remedy_of_sums(explainer, found),
        )
    sign, flipped = _explain_flipped(explainer, sequence)
    if explainer.config.estimator == "attention":
        # Attention does not depend on the class, and the first token's attention adds up to 1.
        sign = 1
        if found.phi.min() < 0 or found.phi.sum() > 1 + loose:
            raise _failed(
                f"the attention of the first token is {found.phi.sum():.6g}, not part of 1",
                "Use another estimator than attention.",
            )
    if np.abs(sign * flipped.phi - found.phi).max() > loose * scale + rounding:
        raise _failed(
            "exchanging the classes in the model's last layer does not flip the values",
            "The model's last layer is not what tells its classes: use another model.",
        )


def _remedy_of_sums(explainer: Explainer, found: Attribution) -> str:
    config = explainer.config
    if config.estimator in GRADIENT_ESTIMATORS:
        return (
            f"Give more evaluations than --max-evals {found.num_evals}, or use the estimator "
            "permutation."
        )
    if config.estimator == "partition" and config.max_evals is not None:
        # As in the shap library, [CLS] and [SEP] get a share of the credit not split down to tokens.
        return f"Give more evaluations than --max-evals {config.max_evals}, or none for all there are."
    return "The model does not give the same output twice: use another one."


def _plain_value(explainer: Explainer, sequence: str) -> float:
    encoded = explainer.tokenizer.encode([sequence])
    model, of = explainer.model.classifier, explainer.model
    index = {name: int(i) for name, i in (model.config.label2id or {}).items()}
    against = explainer.config.against
    with torch.inference_mode():
        there = torch.from_numpy(encoded.ids[None].astype(np.int64)).to(model.device)
        # A model that reads windows has no single forward pass for a sequence this long.
        windowed = pool_of(model) is not None
        logits = class_logits(model, there, None) if windowed else model(there).logits
        if of.of_places:
            spans = spans_of(encoded, np.arange(len(encoded.ids))[None], model.device)
            logits = places_of(model, logits, spans).logits
        target = index[explainer.names[of.target]]
        other = None if against is None else index[against]
        return float(of.task.explained(logits, Output(target, of.value, other, of.place)))


def _explain_flipped(explainer: Explainer, sequence: str) -> tuple[int, Attribution]:
    """Return the attribution by a model whose classes are in reverse order, and the sign to expect.

    With two classes, the attributions of log odds and probability of the same class change their sign;
    otherwise the class that takes the target's place has the target's attribution.
    """
    model = copy.deepcopy(explainer.model.classifier)
    num = len(explainer.names)
    # A model that predicts bases has logits for each position in a token.
    last = last_layer(model, num * (getattr(model.config, BASES_PER_TOKEN, None) or 1))
    with torch.no_grad():
        last.weight.copy_(last.weight.unflatten(0, (-1, num)).flip(1).flatten(0, 1))
        if last.bias is not None:
            last.bias.copy_(last.bias.unflatten(0, (-1, num)).flip(1).flatten())
    if len(explainer.names) == 2:
        # Rows called the second class are called the first class by the flipped model.
        setattr(model.config, DECISION_THRESHOLD, 1 - explainer.model.threshold)
    if thresholds := getattr(model.config, DECISION_THRESHOLDS, None):
        setattr(model.config, DECISION_THRESHOLDS, thresholds[::-1])
    # Several labels of one row do not exclude each other.
    two = len(explainer.names) == 2 and explainer.model.task.has_classes
    mirrors = two and explainer.model.value != "logit"
    names = explainer.names if mirrors else explainer.names[::-1]
    there = dict(zip(explainer.names, names, strict=True))
    against = explainer.config.against
    config = replace(
        explainer.config,
        target=there[explainer.names[explainer.model.target]] + explainer.of_place,
        against=None if against is None else there[against],
        precision=explainer.model.precision,
    )
    other = Explainer(model, config, tokenizer=explainer.tokenizer, device=explainer.model.device)
    return -1 if mirrors else 1, other.explain([sequence])[0]


def _failed(reason: str, remedy: str) -> InputError:
    return InputError(f"the self-test of the model failed: {reason}", remedy=remedy)
