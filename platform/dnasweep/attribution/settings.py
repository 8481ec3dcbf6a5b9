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
"""Estimators of earlier versions, each with one whose values correlate at least as well (Pearson) with
the Shapley values at no more evaluations."""
SAMPLING_ESTIMATORS = ("adjusted_kernel", "permutation")
GRADIENT_ESTIMATORS = ("integrated_gradients",)
ESTIMATORS_WITHOUT_REFERENCE = ("attention", "in_silico_mutagenesis")
"""They leave no token out and have no error estimate."""
ESTIMATORS_WITHOUT_SUM = (*ESTIMATORS_WITHOUT_REFERENCE, "lime", "anchors")
"""Their values need not add up to anything."""
_OF_SOME = {
    "attention_layers": ("attention",),
    "kernel_width": ("lime",),
    "anchor_threshold": ("anchors",),
    "anchor_tokens": ("anchors",),
}
"""Fields that single estimators read: no other accepts them or has them among its settings."""
_OF_A_REFERENCE = (
    *("reference", "max_evals", "standard_error"),
    *("num_shuffles", "shap_batch_size", "seed"),
)


FIRST_LOOK = 128
"""Draws before the first look at a candidate for an anchor."""


@dataclass(frozen=True, kw_only=True)
class AnchorConfig(Checked):
    """What an anchor has to fulfil, and how it is searched for."""

    threshold: Between = 0.95
    """Lower limit on the precision of an anchor."""
    delta: Between = 0.05
    """Probability with which an anchor that is declared found may fall short of it."""
    tolerance: Between = 0.15
    """How much worse the precision of a set that is extended may be than that of one that is not."""
    beam: Count = 4
    """Sets of one size that are extended."""
    max_tokens: Count = 8
    """Upper limit on the tokens of an anchor."""
    keep: Between = 0.5
    """Probability with which a token outside the anchor is kept."""
    draws: Count = 256
    """Draws for each set that is extended."""
    rounds: Count = 12
    """Rounds of KL-LUCB per size, each of twice `batch` draws; fewer where the tolerance is met."""
    batch: Count = 32
    """Draws for a set in a round."""
    max_draws: Count = 10_000
    """Upper limit on all draws. Some of the last are reserved for measuring the best set found."""

    @property
    def max_search_draws(self) -> int:
        """Draws after which no other size is tried."""
        return self.max_draws - min(FIRST_LOOK, self.max_draws // 2)


@dataclass(frozen=True, kw_only=True)
class ExplainConfig(Config):
    """Attribution of a classifier's output to the tokens of a sequence."""

    target: str | None = None
    """Class explained, by its name in the model; of a model of bases or bins also that of one of them,
    from 0: `donor@120`. Default: the second of two, the positive one."""
    against: str | None = None
    """Class that it is compared with, such as acceptor with donor. Default: all others together."""
    value: Value = "log_odds"
    """Output explained: log odds of the class against all others (nats), its logit, or its
    probability. Probabilities near 0 or 1 hide what the model saw; log odds do not."""
    reference: Reference = "mask"
    """What replaces a token that is left out: the mask token, nothing (the rest moves together), or
    tokens of the sequence shuffled with its dinucleotides kept."""
    estimator: Estimator = "adjusted_kernel"
    """Estimator of the Shapley (or, for partition, Owen) values; or of something else: the attention of
    the first token, the mean loss of the output where a base is mutated, coefficients of a local
    linear model (lime), or what a token adds to the precision of an anchor."""
    attention_layers: AttentionLayers = "last"
    """For attention: that of the last layer, the mean over layers, or followed through all of them."""
    kernel_width: Positive = 25.0
    """For lime: how fast weights fall with the cosine distance, in hundredths, from the sequence."""
    anchor_threshold: Between = 0.95
    """For anchors: precision that an anchor must have, with 95 % confidence."""
    anchor_tokens: Count = 8
    """For anchors: upper limit on the tokens of one."""
    max_evals: Annotated[int, Range(4, MANY)] | None = None
    """Model evaluations per sequence. Default: the estimator's own; for partition all there are."""
    standard_error: Positive | None = None
    """Go on sampling until the mean standard error of the tokens is this small, in units of the
    output explained; for estimators that sample. `max_evals` is then an upper limit. Few tokens have
    few coalitions: where all are evaluated, values are exact and the standard error is 0."""
    interactions: Whole = 0
    """Pairs of tokens of a sequence whose interaction is kept, the strongest; 0 estimates none. They take
    evaluations of their own: `max_evals`, or 500 or 10 per token; all coalitions of up to 12 tokens."""
    num_shuffles: Count = 4
    """Shuffled copies per sequence, for the reference `shuffle`."""
    shap_batch_size: Count = 5
    """For partition with `max_evals`: evaluations between two choices of what to split next. The
    values depend on it; 5 is what the shap library does with text."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """`auto` is bf16 on GPUs that have it, if it keeps the values within `precision_bound`."""
    precision_bound: Positive = 0.02
    """Largest error of bf16, as a share of the span of outputs over coalitions."""
    seed: Seed = 0
    """Seed of sampled masks and shuffled copies; the draws belong to the sequence, not to its batch."""

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
        """Return what an anchor has to fulfil, and how it is searched for."""
        usual = AnchorConfig.max_draws
        return AnchorConfig(
            threshold=self.anchor_threshold,
            max_tokens=self.anchor_tokens,
            # The output for the whole sequence is an evaluation too.
            max_draws=usual if self.max_evals is None else self.max_evals - 1,
        )

    @property
    def sums(self) -> bool:
        """Whether values add up to prediction - base value, so that a completeness error exists."""
        return sums(self.estimator)

    def to_settings(self) -> dict[str, Any]:
        """Return what determines the values, JSON-able: the fields that this estimator reads."""
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
    """Raise `InputError` unless there is an estimator of this name; name the successor of an old one."""
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
    """Return whether an estimator's values add up to prediction - base value."""
    return estimator not in ESTIMATORS_WITHOUT_SUM


def probability_of(value: float, kind: Value) -> float:
    """Return the probability that an output stands for; nan for a logit, which does not say."""
    if kind == "probability":
        return value
    if kind == "log_odds":
        return float(1 / (1 + np.exp(-value)))
    return float("nan")


_USUAL = {name: getattr(ExplainConfig, name) for name in _OF_SOME}
