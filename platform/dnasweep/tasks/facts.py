"""What is known of a task without its labels: names, metrics, and what a model of it has."""

from __future__ import annotations

from typing import ClassVar, Literal

from dnasweep.data.labels import TaskName


class TaskFacts:
    """Facts of a task, which its class states."""

    name: ClassVar[TaskName]
    metric: ClassVar[str]
    """The metric that selects and ranks unless another is asked for."""
    metrics: ClassVar[tuple[str, ...]]
    """Those that it has, by bare name."""
    tested: ClassVar[tuple[str, ...]]
    """Those that differences between models are tested by."""
    output_name: ClassVar[str] = "output"
    """What an output is called."""
    predicts: ClassVar[str] = "predicts"
    """What a model does with its outputs, where rows have no classes."""
    baseline_name: ClassVar[str] = "k-mer logistic regression"
    """What the reference is called that every model must beat."""
    has_positives: ClassVar[bool] = False
    """Whether one class is the positive one, whose rows encoders are pretrained on."""
    has_classes: ClassVar[bool] = True
    """Whether a row has one class, which a model calls."""
    has_calls: ClassVar[bool] = True
    """Whether classes or labels have probabilities, and are called."""
    has_weights: ClassVar[bool] = True
    """Whether the loss can weigh classes, and smooth them."""
    head: ClassVar[Literal["row", "bases"]] = "row"
    """What a model has logits of: a row, or each of its bases."""
    reads_other_strand: ClassVar[bool] = True
    """Whether the labels of a row are those of its reverse complement too."""
    reads_windows: ClassVar[bool] = True
    """Whether a row that is longer than the model reads may be read in windows."""
    place: ClassVar[str] = ""
    """What the places in a row are called that a model has logits of, one of which can be explained by
    itself; empty where logits are of the row as a whole."""
    explained_unit: ClassVar[str] = ""
    """Unit of what is explained; empty where `--value` says it."""
    stranded: ClassVar[bool] = False
    """Whether what is predicted is of the strand that is read, and not of both."""
    scan_threshold: ClassVar[float | None] = None
    """Value from which on a scan calls a peak, of tasks without calls; None: where it is given."""
    hub_name: ClassVar[str] = ""
    """What the Hugging Face hub calls such a task; empty: it has no name for it."""
    least_outputs: ClassVar[int] = 2
    """Fewest logits of a model."""
    unit: ClassVar[str] = ""
    """Unit of what a model predicts; empty for probabilities."""
    collapse: ClassVar[str] = (
        "all validation rows are called one class and the loss is that of guessing"
    )
    """Why a training that has collapsed is given up."""
