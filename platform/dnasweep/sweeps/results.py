"""The results of published trials, in the form needed by a comparison."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from typing import Any

from rich.markup import escape

from dnasweep.errors import NothingLeft
from dnasweep.stages.outcome import StageOutcome, find_outcome
from dnasweep.stages.plan import SweepPlan
from dnasweep.stages.recipe import Cell
from dnasweep.stages.scores import Scored, find_scores
from dnasweep.stages.specs import ClassifierSpec, EncoderSpec
from dnasweep.storage import Storage
from dnasweep.sweeps.cell_results import BaselineResult, CellResult
from dnasweep.sweeps.request import Sweep

MAIN_AXES = ("tokenizer", "species_set", "learning_rate", "seed")


def cell_result(
    storage: Storage,
    cell: Cell,
    spec: ClassifierSpec,
    *,
    start: str,
    species: tuple[str, ...],
    tested: bool,
    error: str | None = None,
    last: Mapping[str, Any] | None = None,
) -> CellResult:
    """Return the result of a trial.

    Parameters
    ----------
    storage
        Storage of the artefacts.
    cell, spec
        The trial.
    start
        Starting point, as shown to the user.
    species
        Species of the data set for pretraining.
    tested
        Whether to read its test scores, which only selected trials have.
    error
        Why it failed, if nothing was published.
    last
        Last evaluation of the trial, if it was stopped early.
    """
    outcome = find_outcome(storage, spec)
    scored = find_scores(storage, spec) if tested else None
    axes = {
        name: value
        for name, value in dataclasses.asdict(cell).items()
        if name not in (*MAIN_AXES, "checkpoint") and value is not None
    }
    common: dict[str, Any] = {
        "trial_key": spec.key,
        "tokenizer": cell.tokenizer,
        "species_set": start,
        "learning_rate": cell.learning_rate,
        "seed": cell.seed,
        "axes": axes,
        "checkpoint": cell.checkpoint,
        "species": None if cell.checkpoint else _pretrained_on(spec.encoder, species),
    }
    if outcome is None:
        if error is None:
            return CellResult(
                **common,
                outcome="stopped",
                reason="stopped early by the search",
                validation=last["metrics"] if last else {},
                device_seconds=last["device_seconds"] if last else None,
            )
        return CellResult(**common, outcome="failed", reason=error)
    return CellResult(
        **common,
        validation=outcome.best["metrics"],
        test=scored.metrics if scored else None,
        test_scores=scored,
        test_by_output=scored.by_output if scored else {},
        per_species_test=scored.per_species if scored else None,
        device_seconds=outcome.device_seconds,
        peak_memory_bytes=outcome.peak_memory_bytes,
        outcome="finished" if outcome.healthy else outcome.outcome,  # type: ignore[arg-type]
        reason=outcome.reason,
        history=[flat(e) for e in outcome.history],
        pretraining=_pretraining(storage, spec.encoder),
    )


def start_of(cell: Cell, shown: Mapping[str, str]) -> str:
    """Return the starting point of a cell: a species set, a checkpoint, or both in succession.

    Parameters
    ----------
    cell
        The cell.
    shown
        Short name of each checkpoint.
    """
    if not cell.checkpoint:
        return cell.species_set
    further = cell.species_set != "none"
    name = shown[cell.checkpoint]
    return f"{name} then {cell.species_set}" if further else name


def _pretrained_on(encoder: EncoderSpec | None, species: tuple[str, ...]) -> tuple[str, ...]:
    """Return the species that an encoder was trained on; (`not named`,) if the data name none."""
    seen: dict[str, None] = {}
    while encoder is not None:
        seen |= dict.fromkeys(encoder.species or species or ("not named",))
        encoder = encoder.parent
    return tuple(seen)


def baseline_result(
    scored: Scored, *, shots: int | None = None, resample: int = 0
) -> BaselineResult:
    """Return the result of the k-mer baseline, trained on all rows or on a draw.

    Parameters
    ----------
    scored
        Scores on the test rows.
    shots, resample
        Rows per class, and number of the draw for training; None: all rows.
    """
    return BaselineResult(
        name=scored.task.baseline_name,
        test=scored.metrics,
        test_scores=scored,
        shots=shots,
        resample=resample,
    )


def flat(evaluation: Mapping[str, Any]) -> dict[str, float]:
    """Return an evaluation as a flat dictionary of step, epoch, bases seen and metrics."""
    plain = {k: v for k, v in evaluation.items() if k != "metrics" and v is not None}
    return {**plain, **evaluation["metrics"]}


def _pretraining(storage: Storage, spec: EncoderSpec | None) -> dict[str, Any] | None:
    if spec is None:
        return None
    outcome: StageOutcome | None = find_outcome(storage, spec)
    if outcome is None:
        return None
    name = "validation/bits_per_base"
    stages = [find_outcome(storage, ancestor) for ancestor in spec.lineage]
    return {
        "bases_seen": sum(stage.history[-1]["bases_seen"] for stage in stages if stage),
        "bits_per_base": outcome.best["metrics"].get(name),
        "unigram_bits_per_base": outcome.facts.get("unigram_bits_per_base"),
        "markov_bits_per_base": outcome.facts.get("markov_bits_per_base"),
        "history": [
            {"step": e["step"], "bases_seen": e["bases_seen"], "bits_per_base": e["metrics"][name]}
            for e in outcome.history
            if name in e["metrics"]
        ],
    }


def report_failures(sweep: Sweep, plan: SweepPlan) -> None:
    """Print how many trials failed, and why the first one did.

    Trials that were stopped early have not failed.

    Raises
    ------
    NothingLeft
        If trials failed and none finished, so there is nothing to compare.
    """
    finished, kinds, first = 0, Counter[str](), ""
    for cell, spec in zip(plan.cells, plan.classifiers, strict=True):
        outcome = find_outcome(sweep.storage, spec)
        if outcome is not None and outcome.healthy:
            finished += 1
            continue
        if outcome is not None:
            kind, reason = outcome.outcome, outcome.reason
        elif (error := sweep.errors.get(spec.key)) is not None:
            kind, reason = "failed", error
        else:
            continue
        kinds[kind] += 1
        first = first or f"{cell.label}: {reason or kind}"
    if not kinds:
        return
    number = sum(kinds.values())
    how = " or ".join(sorted(kinds))
    if not finished:
        raise NothingLeft(
            f"no trial is left to compare: {number} of {len(plan.cells)} {how}. The first, {first}",
            remedy="Fix the cause or choose other options, and run the same command again: finished work "
            "is kept.",
        )
    sweep.console.print(
        f"[yellow]{number} of {len(plan.cells)} trials {how}; the first, {escape(first)}[/]",
        soft_wrap=True,
    )
