"""Properties of tasks that do not depend on labels: names, metrics, and form of the models."""

from __future__ import annotations

from typing import ClassVar, Literal

from dnasweep.data.labels import TaskName


class TaskFacts:
    """Properties of a task, defined by its class."""

    name: ClassVar[TaskName]
    metric: ClassVar[str]
    """Default metric for selection and ranking."""
    metrics: ClassVar[tuple[str, ...]]
    """Bare names of the metrics of the task."""
    tested: ClassVar[tuple[str, ...]]
    """Metrics by which differences between models are tested."""
    output_name: ClassVar[str] = "output"
    """Term for an output."""
    predicts: ClassVar[str] = "predicts"
    """Verb phrase for what a model does with its outputs, for messages."""
    baseline_name: ClassVar[str] = "k-mer logistic regression"
    """Name of the baseline that every model must beat."""
    has_positives: ClassVar[bool] = False
    """Whether one class is positive; encoders can be pretrained on its rows."""
    has_classes: ClassVar[bool] = True
    """Whether each row has one class, which a model calls."""
    has_calls: ClassVar[bool] = True
    """Whether classes or labels have probabilities and are called."""
    has_weights: ClassVar[bool] = True
    """Whether the loss supports class weights and label smoothing."""
    head: ClassVar[Literal["row", "bases"]] = "row"
    """What the logits of a model describe: a row, or each of its bases."""
    has_bias: ClassVar[bool] = False
    """Whether the last layer needs a bias, to which the mean of the labels is added."""
    reads_other_strand: ClassVar[bool] = True
    """Whether the labels of a row also apply to its reverse complement."""
    reads_windows: ClassVar[bool] = True
    """Whether a row that is too long for the model may be read in windows."""
    place: ClassVar[str] = ""
    """Term for the positions in a row with separate logits, each of which can be explained; empty
    if logits describe the whole row."""
    explained_unit: ClassVar[str] = ""
    """Unit of the explained output; empty if `--value` determines it."""
    stranded: ClassVar[bool] = False
    """Whether predictions are specific to the strand that is read."""
    scan_threshold: ClassVar[float | None] = None
    """Default value at or above which a scan calls a peak, for tasks without calls; None: it must
    be given."""
    hub_name: ClassVar[str] = ""
    """Name of the task on the Hugging Face hub; empty if it has none."""
    least_outputs: ClassVar[int] = 2
    """Minimum number of logits of a model."""
    unit: ClassVar[str] = ""
    """Unit of the predictions; empty for probabilities."""
    collapse: ClassVar[str] = (
        "all validation rows are called one class and the loss is that of guessing"
    )
    """Description of a collapsed training run."""
