"""What to explain and how: the checked, JSON-able settings of an attribution job."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal, get_args

import numpy as np

from dnasweep.config.ranges import (
    MANY,
    Between,
    Checked,
    Config,
    Count,
    Positive,
    Range,
    Seed,
    Whole,
)
from dnasweep.errors import InputError
from dnasweep.tasks.objective import Value

Reference = Literal["mask", "deletion", "shuffle"]
Estimator = Literal[
    "adjusted_kernel",
    "permutation",
    "partition",
    "integrated_gradients",
    "attention",
    "in_silico_mutagenesis",
    "lime",
    "anchors",
]
AttentionLayers = Literal["last", "all", "rollout"]
ESTIMATOR_NAMES: tuple[str, ...] = get_args(Estimator)
REMOVED_ESTIMATORS = {
    "kernel": "adjusted_kernel",
    "tree_permutation": "partition",
    "gradient_shap": "integrated_gradients",
}
"""Estimators of earlier versions and their replacements, whose values correlate at least as well (Pearson)
with the Shapley values at no more evaluations."""
SAMPLING_ESTIMATORS = ("adjusted_kernel", "permutation")
GRADIENT_ESTIMATORS = ("integrated_gradients",)
ESTIMATORS_WITHOUT_REFERENCE = ("attention", "in_silico_mutagenesis")
"""Estimators that leave no token out and have no error estimate."""
ESTIMATORS_WITHOUT_SUM = (*ESTIMATORS_WITHOUT_REFERENCE, "lime", "anchors")
"""Estimators whose values need not sum to prediction - base value."""
_OF_SOME = {
    "attention_layers": ("attention",),
    "kernel_width": ("lime",),
    "anchor_threshold": ("anchors",),
    "anchor_tokens": ("anchors",),
}
"""Fields that only certain estimators read: others refuse them and do not store them in their settings."""
_OF_A_REFERENCE = (
    *("reference", "max_evals", "standard_error"),
    *("num_shuffles", "shap_batch_size", "seed"),
)


FIRST_LOOK = 128
"""Number of draws before the first look at an anchor candidate."""


@dataclass(frozen=True, kw_only=True)
class AnchorConfig(Checked):
    """Requirements on an anchor, and settings of the search."""

    threshold: Between = 0.95
    """Lower limit on the precision of an anchor."""
    delta: Between = 0.05
    """Maximum probability that the precision of an accepted anchor is below the threshold."""
    tolerance: Between = 0.15
    """Maximum deficit in precision of an extended set compared with a set that is not extended."""
    beam: Count = 4
    """Number of sets of each size that are extended."""
    max_tokens: Count = 8
    """Maximum number of tokens in an anchor."""
    keep: Between = 0.5
    """Probability of keeping a token outside the anchor."""
    draws: Count = 256
    """Number of draws for each extended set."""
    rounds: Count = 12
    """Maximum rounds of KL-LUCB per size, each with twice `batch` draws; they end at the tolerance."""
    batch: Count = 32
    """Number of draws for a set in a round."""
    max_draws: Count = 10_000
    """Maximum number of draws. Some of the last are reserved for measuring the best set found."""

    @property
    def max_search_draws(self) -> int:
        """Number of draws after which no further size is tried."""
        return self.max_draws - min(FIRST_LOOK, self.max_draws // 2)


@dataclass(frozen=True, kw_only=True)
class ExplainConfig(Config):
    """Attribution of a classifier's output to the tokens of a sequence."""

    target: str | None = None
    """Explained class, by its name in the model; if the model predicts bases or bins, optionally followed
    by the number of one of them, from 0: `donor@120`. Default: the second of two, the positive one."""
    against: str | None = None
    """Class to compare the target with, such as acceptor with donor. Default: all others together."""
    value: Value = "log_odds"
    """Output explained: log odds of the class against all others (nats), its logit, or its
    probability. Probabilities near 0 or 1 saturate and hide effects; log odds do not."""
    reference: Reference = "mask"
    """Replacement for a token that is left out: the mask token, nothing (the remaining tokens move
    together), or tokens of a shuffle of the sequence that preserves dinucleotide counts."""
    estimator: Estimator = "adjusted_kernel"
    """Estimator of Shapley values (partition: Owen values), or of other attributions: the attention of the
    first token, the mean loss of output when a base is mutated, coefficients of a local linear model
    (lime), or the gain in precision of an anchor."""
    attention_layers: AttentionLayers = "last"
    """For attention: the last layer, the mean over layers, or the rollout through all layers."""
    kernel_width: Positive = 25.0
    """For lime: kernel width, in hundredths of the cosine distance from the sequence."""
    anchor_threshold: Between = 0.95
    """For anchors: precision that an anchor must have, with 95 % confidence."""
    anchor_tokens: Count = 8
    """For anchors: maximum number of tokens in an anchor."""
    max_evals: Annotated[int, Range(4, MANY)] | None = None
    """Model evaluations per sequence. Default: depends on the estimator; for partition, no limit."""
    standard_error: Positive | None = None
    """Sample until the mean standard error of the tokens is this small, in units of the output explained;
    for estimators that sample. `max_evals` is then an upper limit. Few tokens have few coalitions: if all
    are evaluated, values are exact and the standard error is 0."""
    interactions: Whole = 0
    """Number of strongest token pairs per sequence whose interaction is stored; 0 estimates none. They need
    additional evaluations: `max_evals`, or 500 or 10 per token; all coalitions of up to 12 tokens."""
    num_shuffles: Count = 4
    """Shuffled copies per sequence, for the reference `shuffle`."""
    shap_batch_size: Count = 5
    """For partition with `max_evals`: evaluations between two choices of the next node to split. The
    values depend on it; the shap library uses 5 for text."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """`auto` is bf16 on GPUs that support it, if the values stay within `precision_bound`."""
    precision_bound: Positive = 0.02
    """Largest accepted error of bf16, as a fraction of the span of outputs over coalitions."""
    seed: Seed = 0
    """Seed of sampled masks and shuffled copies; the draws depend on the sequence, not on its batch."""

    def __post_init__(self) -> None:
        check_estimator(self.estimator)
        super().__post_init__()
        if self.standard_error is not None and self.estimator not in SAMPLING_ESTIMATORS:
            raise ValueError(
                f"standard_error needs an estimator that samples on and on, {self.estimator} "
                f"does not: use {' or '.join(SAMPLING_ESTIMATORS)}"
            )
        if self.interactions and self.estimator not in SAMPLING_ESTIMATORS:
            raise ValueError(
                f"interactions is {self.interactions} and the estimator {self.estimator}: interactions are "
                f"beside Shapley values, use {' or '.join(SAMPLING_ESTIMATORS)}"
            )
        if self.estimator in GRADIENT_ESTIMATORS and self.reference == "deletion":
            raise ValueError(
                f"{self.estimator} moves along embeddings and cannot leave tokens out: use the "
                "reference mask or shuffle"
            )
        for name, readers in _OF_SOME.items():
            if getattr(self, name) != _USUAL[name] and self.estimator not in readers:
                raise ValueError(
                    f"{name} is {getattr(self, name)} and the estimator {self.estimator}: it is for "
                    f"the estimator {readers[0]}"
                )
        if self.estimator == "anchors":
            self._check_anchors()
        if self.estimator in ESTIMATORS_WITHOUT_REFERENCE:
            self._refuse_what_is_not_read()

    def _refuse_what_is_not_read(self) -> None:
        usual = {"reference": "mask", "max_evals": None, "standard_error": None}
        for name, value in usual.items():
            if getattr(self, name) != value:
                raise ValueError(
                    f"{name} is {getattr(self, name)}, and the estimator {self.estimator} has no "
                    "use for it: it leaves no token out and does not sample. Leave it out"
                )

    def _check_anchors(self) -> None:
        if self.value == "logit":
            raise ValueError(
                "anchors are of a call, and a logit does not say which: use the value log_odds or "
                "probability"
            )
        self.anchor_config()

    def anchor_config(self) -> AnchorConfig:
        """Return the requirements on an anchor and the settings of the search."""
        usual = AnchorConfig.max_draws
        return AnchorConfig(
            threshold=self.anchor_threshold,
            max_tokens=self.anchor_tokens,
            # The output for the whole sequence is an evaluation too.
            max_draws=usual if self.max_evals is None else self.max_evals - 1,
        )

    @property
    def sums(self) -> bool:
        """Whether values sum to prediction - base value, which defines a completeness error."""
        return sums(self.estimator)

    def to_settings(self) -> dict[str, Any]:
        """Return the settings that determine the values, JSON-able: the fields that this estimator reads."""
        unread = {name for name, readers in _OF_SOME.items() if self.estimator not in readers}
        if self.against is None:
            # Keys from before there was a choice stay as they are.
            unread.add("against")
        if not self.interactions:
            unread.add("interactions")
        if self.estimator in ESTIMATORS_WITHOUT_REFERENCE:
            unread.update(_OF_A_REFERENCE)
        elif not self.sums:
            unread.update(("standard_error", "shap_batch_size"))
        return {name: value for name, value in asdict(self).items() if name not in unread}


def check_estimator(name: str) -> None:
    """Raise `InputError` unless an estimator has this name; for an old name, suggest its replacement."""
    if name in REMOVED_ESTIMATORS:
        raise InputError(
            f"there is no estimator {name} any more",
            remedy=f"Use {REMOVED_ESTIMATORS[name]}, whose values correlate at least as well with the "
            "Shapley values at no more evaluations.",
        )
    if name not in ESTIMATOR_NAMES:
        raise InputError(
            f"there is no estimator {name!r}", remedy=f"Use one of {', '.join(ESTIMATOR_NAMES)}."
        )


def sums(estimator: str) -> bool:
    """Return whether the values of an estimator sum to prediction - base value."""
    return estimator not in ESTIMATORS_WITHOUT_SUM


def probability_of(value: float, kind: Value) -> float:
    """Return the probability that corresponds to an output; nan for a logit, which does not determine it."""
    if kind == "probability":
        return value
    if kind == "log_odds":
        return float(1 / (1 + np.exp(-value)))
    return float("nan")


_USUAL = {name: getattr(ExplainConfig, name) for name in _OF_SOME}
