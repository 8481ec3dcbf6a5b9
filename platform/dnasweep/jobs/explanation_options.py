"""Options of a comparison of explanations, and the available methods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from dnasweep.attribution.settings import Reference
from dnasweep.config.ranges import Batch, Count, Range, Seed, Whole
from dnasweep.errors import InputError
from dnasweep.jobs.options import SequenceOptions
from dnasweep.tasks.task import Task

Method = Literal[
    "shap",
    "lime",
    "anchors",
    "integrated_gradients",
    "in_silico_mutagenesis",
    "attention_last",
    "attention_rollout",
]
SETTINGS: dict[Method, dict[str, Any]] = {
    "shap": {"estimator": "adjusted_kernel"},
    "lime": {"estimator": "lime"},
    "anchors": {"estimator": "anchors"},
    "integrated_gradients": {"estimator": "integrated_gradients"},
    "in_silico_mutagenesis": {"estimator": "in_silico_mutagenesis"},
    "attention_last": {"estimator": "attention", "attention_layers": "last"},
    "attention_rollout": {"estimator": "attention", "attention_layers": "rollout"},
}
"""Settings of the attribution job of each method."""
UNSIGNED: tuple[Method, ...] = ("attention_last", "attention_rollout")
"""Methods whose values have no sign."""
UNREFERENCED = ("in_silico_mutagenesis", *UNSIGNED)
"""Methods that do not leave out tokens."""
WITHOUT_DELETION = ("integrated_gradients",)
"""Methods that cannot remove tokens entirely."""


def unfit_methods(task: Task) -> tuple[Method, ...]:
    """Return the methods that do not explain what models of a task predict."""
    unfit: tuple[Method, ...] = () if task.has_calls else ("anchors",)
    return (*unfit, *UNSIGNED) if task.place else unfit


Permutations = Annotated[int, Range(1, 10_000_000)]


@dataclass(frozen=True, kw_only=True)
class ComparisonOptions(SequenceOptions):
    """Options of a comparison of explanations."""

    model: tuple[str, ...]
    """MLflow run ids, registered models (models:/NAME@ALIAS) or directories; they are analysed separately,
    on the same sequences."""
    data: tuple[str, ...] = ()
    """Sequences: CSV, TSV, FASTA or k-mer TSV, gzipped or not. Default: built-in simulated promoters,
    whose elements are known."""
    elements: str | None = None
    """CSV or TSV of the true elements of the sequences, if they are known: id, element, start
    (from 0), end (one past the last base). For built-in sequences they are known."""
    num_sequences: Count = 100
    """Number of sequences to explain, drawn from the data with equal numbers per label if possible."""
    tss_index: Whole | None = None
    """0-based index of the first transcribed base. Default: inferred from the length of the sequences, unless
    --crop is given."""
    methods: tuple[Method, ...] = tuple(SETTINGS)
    """Methods to compare. Default: all that can explain what the models predict."""
    target: str | None = None
    """Class to explain, by its name in the model. For a model that predicts per base or bin, also the
    class at one of them, counted from 0: donor@120. Default for two classes: the second, positive one."""
    reference: Reference = "mask"
    """Replacement for a token that is left out: the mask token, nothing, or shuffled copies."""
    sanity: Literal["none", "whole", "cascade"] = "whole"
    """Sanity checks: explain the other class, and the model with all weights shuffled (whole), or also with
    the weights shuffled layer by layer from the head down (cascade)."""
    sanity_sequences: Count = 32
    """Number of sequences for the sanity checks."""
    permutations: Permutations = 1_999
    """Number of shuffles per test of enrichment."""
    seed: Seed = 0
    """Seed of the choice of sequences, sampled masks, shuffled weights and tests."""
    data_seed: Seed = 1
    """Seed of the built-in sequences; it should differ from that of the training data."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Precision: auto is bf16 on GPUs that support it, if it is exact enough."""
    batch_rows: Batch | None = None
    """Model inputs per forward pass. Default: chosen by the available memory; does not change results."""
    out: str | None = None
    """Folder to copy the report to."""


def check_options(options: ComparisonOptions) -> None:
    """Raise `InputError` for invalid or incompatible options."""
    if len(set(options.methods)) < 2:
        raise InputError(
            f"a comparison needs two methods or more, not {len(set(options.methods))}",
            remedy=f"Name two or more with --methods: {', '.join(SETTINGS)}.",
        )
    for what, given in (("method", options.methods), ("model", options.model)):
        for one in given:
            if given.count(one) > 1:
                raise InputError(f"{what} {one} is named twice", remedy=f"Name every {what} once.")
    if not options.model:
        raise InputError("no model is named", remedy="Name one or more with --model.")
    if options.reference == "deletion":
        for method in options.methods:
            if method in WITHOUT_DELETION:
                raise InputError(
                    f"{method} cannot remove tokens entirely",
                    remedy="Use --reference mask or shuffle, or leave the method out.",
                )
