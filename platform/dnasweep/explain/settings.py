"""What to explain and how: the settings of an attribution job, as JSON-able as they are checked."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Value = Literal["log_odds", "logit", "probability"]
Reference = Literal["mask", "deletion", "shuffle"]
Estimator = Literal[
    "adjusted_kernel",
    "permutation",
    "tree_permutation",
    "partition",
    "kernel",
    "integrated_gradients",
    "gradient_shap",
    "attention",
    "in_silico_mutagenesis",
]
AttentionLayers = Literal["last", "all", "rollout"]
SAMPLING_ESTIMATORS = ("adjusted_kernel", "permutation", "tree_permutation")
GRADIENT_ESTIMATORS = ("integrated_gradients", "gradient_shap")
ESTIMATORS_WITHOUT_REFERENCE = ("attention", "in_silico_mutagenesis")
"""They leave no token out. Their values need not add up to anything, and have no error estimate."""
_OF_A_REFERENCE = (
    *("reference", "max_evals", "standard_error"),
    *("num_shuffles", "shap_batch_size", "seed"),
)


@dataclass(frozen=True, kw_only=True)
class ExplainConfig:
    """Attribution of a classifier's output to the tokens of a sequence."""

    target: str | None = None
    """Class explained, by its name in the model. Default: the second of two, the positive one."""
    value: Value = "log_odds"
    """Output explained: log odds of the class against all others (nats), its logit, or its
    probability. Probabilities near 0 or 1 hide what the model saw; log odds do not."""
    reference: Reference = "mask"
    """What stands for a token left out: the mask token, nothing (the rest moves together), or
    tokens of the sequence shuffled with its dinucleotides kept."""
    estimator: Estimator = "adjusted_kernel"
    """Estimator of the Shapley (or, for partition, Owen) values; or what is no Shapley value: the
    attention of the first token, or the mean loss of the value where a base is mutated."""
    attention_layers: AttentionLayers = "last"
    """For attention: the last layer's, the mean over layers, or followed through all of them."""
    max_evals: int | None = None
    """Model evaluations a sequence. Default: the estimator's own; for partition all there are."""
    standard_error: float | None = None
    """Go on sampling until the mean standard error of the tokens is this small, in units of the
    value; for estimators that sample. `max_evals` then is the most to spend."""
    num_shuffles: int = 4
    """Shuffled copies a sequence, for the reference `shuffle`."""
    shap_batch_size: int = 5
    """For partition with `max_evals`: evaluations between two choices of what to split next. The
    values depend on it; 5 is what the shap library does with text."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """`auto` is bf16 on GPUs that have it, if it keeps the values within `precision_bound`."""
    precision_bound: float = 0.02
    """Largest error of bf16, as a share of the span between full and empty sequence."""
    seed: int = 0
    """Of sampled masks and shuffled copies; the draws belong to the sequence, not to its batch."""

    def __post_init__(self) -> None:
        if self.max_evals is not None and self.max_evals < 4:
            raise ValueError(f"max_evals is {self.max_evals}, use at least 4")
        if self.standard_error is not None:
            if self.standard_error <= 0:
                raise ValueError(f"standard_error is {self.standard_error}, use more than 0")
            if self.estimator not in SAMPLING_ESTIMATORS:
                raise ValueError(
                    f"standard_error needs an estimator that samples on and on, {self.estimator} "
                    f"does not: use {' or '.join(SAMPLING_ESTIMATORS)}"
                )
        for name in ("num_shuffles", "shap_batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, use at least 1")
        if self.precision_bound <= 0:
            raise ValueError(f"precision_bound is {self.precision_bound}, use more than 0")
        if self.estimator in GRADIENT_ESTIMATORS and self.reference == "deletion":
            raise ValueError(
                f"{self.estimator} moves along embeddings and cannot leave tokens out: use the "
                "reference mask or shuffle"
            )
        if self.attention_layers != "last" and self.estimator != "attention":
            raise ValueError(
                f"attention_layers is {self.attention_layers} and the estimator {self.estimator}: "
                "it is for the estimator attention"
            )
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

    @property
    def sums(self) -> bool:
        """Whether values add up to what the tokens change, so that a gap can be measured."""
        return sums(self.estimator)

    def to_settings(self) -> dict[str, Any]:
        """Return what makes the values, JSON-able: the fields that this estimator reads."""
        unread = _OF_A_REFERENCE if self.estimator in ESTIMATORS_WITHOUT_REFERENCE else ()
        if self.estimator != "attention":
            unread = (*unread, "attention_layers")
        return {name: value for name, value in asdict(self).items() if name not in unread}


def sums(estimator: str) -> bool:
    """Return whether an estimator's values add up to what the tokens change."""
    return estimator not in ESTIMATORS_WITHOUT_REFERENCE
