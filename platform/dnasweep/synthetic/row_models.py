"""What motifs and edits are judged by: one number of a sequence, whatever the model's task."""

from __future__ import annotations

from pathlib import Path

from dnasweep.attribution.checks import ModelFacts, check_model
from dnasweep.errors import InputError


def check_row_model(directory: Path, *, target: str | None, shortest: int) -> ModelFacts:
    """Check a model before it is loaded, and return what a job needs to know about it.

    Parameters
    ----------
    directory
        A classifier, or another model that says a number of a sequence, with its tokenizer.
    target
        Class or output; None: the second of two classes, or the only output.
    shortest
        Bases of the shortest sequence.

    Raises
    ------
    InputError
        When it has no classification head, no class of this name, or the target is beyond the end of a
        sequence.
    """
    facts = check_model(directory, target=target, reference=None)
    if shortest < facts.least_bases:
        raise InputError(
            f"{facts.target} needs sequences of {facts.least_bases:,} bases, and one has {shortest:,}",
            remedy="Give longer sequences, or another --target.",
        )
    return facts


def reads(facts: ModelFacts) -> str:
    """Return what is read of a model, such as `log odds of promoter`."""
    unit = facts.task.explained_unit
    return f"{facts.target} ({unit})" if unit else f"log odds of {facts.target}"
