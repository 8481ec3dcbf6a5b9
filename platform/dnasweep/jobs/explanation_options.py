"""Options of a comparison of explanations, and the methods there are."""

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
"""What an attribution job is asked for by each method."""
UNSIGNED: tuple[Method, ...] = ("attention_last", "attention_rollout")
"""Methods whose values have no sign."""
UNREFERENCED = ("in_silico_mutagenesis", *UNSIGNED)
"""Methods that leave out no token."""
WITHOUT_DELETION = ("integrated_gradients",)
"""Methods that cannot leave tokens out altogether."""


def unfit_methods(task: Task) -> tuple[Method, ...]:
    """Return the methods that do not explain what models of a task predict."""
    unfit: tuple[Method, ...] = () if task.has_calls else ("anchors",)
    return (*unfit, *UNSIGNED) if task.place else unfit


Permutations = Annotated[int, Range(1, 10_000_000)]


@dataclass(frozen=True, kw_only=True)
class ComparisonOptions(SequenceOptions):
    """Options of a comparison of explanations."""

    model: tuple[str, ...]
    """MLflow run ids, registered models (models:/NAME@ALIAS) or directories; each is compared by
    itself, on the same sequences."""
    data: tuple[str, ...] = ()
    """Sequences: CSV, TSV, FASTA or k-mer TSV, gzip or not. Nothing: built-in simulated promoters,
    whose elements are known."""
    elements: str | None = None
    """CSV or TSV of the true elements of the sequences, if they are known: id, element, start
    (from 0), end (one past the last base). Built-in sequences have theirs."""
    num_sequences: Count = 100
    """Sequences to explain, drawn from the data, equally many of each label as far as possible."""
    tss_index: Whole | None = None
    """0-based index of the first transcribed base. Default: by the length of the windows."""
    methods: tuple[Method, ...] = tuple(SETTINGS)
    """Methods to compare. Default: all that can explain what the models predict."""
    target: str | None = None
    """Class to explain, by its name in the model; of a model of bases or bins also that of one of
    them, from 0: donor@120. Default: the second of two, the positive one."""
    reference: Reference = "mask"
    """What stands for a token left out: the mask token, nothing, or shuffled copies."""
    sanity: Literal["none", "whole", "cascade"] = "whole"
    """Explain the other class, and the model with all weights shuffled (whole), or part after part
    from the head down as well (cascade)."""
    sanity_sequences: Count = 32
    """Sequences for these checks."""
    permutations: Permutations = 1_999
    """Shuffles of every test of enrichment."""
    seed: Seed = 0
    """Of the choice of sequences, of sampled masks, shuffled weights and tests."""
    data_seed: Seed = 1
    """Seed of the built-in sequences: another one than that of the sequences trained on."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Arithmetic: auto is bf16 on GPUs that have it, where it is exact enough."""
    batch_rows: Batch | None = None
    """Model inputs a forward pass. Default: found from the memory; changes no value."""
    out: str | None = None
    """Folder to copy the report to."""


def check_options(options: ComparisonOptions) -> None:
    """Raise `InputError` for options that cannot be used, or not together."""
    if len(set(options.methods)) < 2:
        raise InputError(
            f"{len(set(options.methods))} method is nothing to compare",
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
                    f"{method} cannot leave tokens out altogether",
                    remedy="Use --reference mask or shuffle, or leave the method out.",
                )
