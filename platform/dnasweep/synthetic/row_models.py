"""Models that say one number of a sequence as a whole, which is what motifs and edits are judged by."""

from __future__ import annotations

from pathlib import Path

from dnasweep.attribution.checks import ModelFacts, check_model
from dnasweep.errors import InputError
from dnasweep.models.pretrained.checkpoint import read_config
from dnasweep.tasks.registry import task_of_model


def check_row_model(directory: Path, *, target: str | None) -> ModelFacts:
    """Check a model before it is loaded, and return what a job needs to know about it.

    Parameters
    ----------
    directory
        A classifier or a regression with its tokenizer.
    target
        Class or output; None: the second of two classes, or the only output.

    Raises
    ------
    InputError
        When it has no classification head, no class of this name, or outputs of places in a sequence.
    """
    place = task_of_model(read_config(directory)).place
    if place:
        raise InputError(
            f"the model has outputs of each {place} and none of a sequence as a whole",
            file=directory,
            remedy="Explain one of its outputs with `dnasweep shap-batch --target`, or give another model.",
        )
    return check_model(directory, target=target, reference=None)


def reads(facts: ModelFacts) -> str:
    """Return what is read of a model, such as `log odds of promoter`."""
    return f"log odds of {facts.target}" if facts.task.has_calls else facts.target
