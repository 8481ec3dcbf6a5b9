"""Models as scores of motifs and edits: one number per sequence, for any task."""

from __future__ import annotations

from pathlib import Path

from dnasweep.attribution.checks import ModelFacts, check_model
from dnasweep.errors import InputError

ONE_STRAND = "the model predicts from the mean of both strands, but only the output for the given strand is used"
"""Message about a model that averages both strands."""


def check_row_model(directory: Path, *, target: str | None, shortest: int) -> ModelFacts:
    """Check a model before it is loaded, and return what a job needs to know about it.

    Parameters
    ----------
    directory
        A classifier, or another model that predicts numbers for a sequence, with its tokenizer.
    target
        Class or output; None for the second of two classes, or the only output.
    shortest
        Length of the shortest sequence in bases.

    Raises
    ------
    InputError
        If the model has no classification head or no class with this name, or if the target is beyond
        the end of a sequence.
    """
    facts = check_model(directory, target=target, reference=None)
    if shortest < facts.least_bases:
        raise InputError(
            f"{facts.target} needs sequences of {facts.least_bases:,} bases, and one has {shortest:,}",
            remedy="Give longer sequences, or another --target.",
        )
    return facts


def reads(facts: ModelFacts) -> str:
    """Return the description of the model's output in use, such as `log odds of promoter`."""
    unit = facts.task.explained_unit
    return f"{facts.target} ({unit})" if unit else f"log odds of {facts.target}"
