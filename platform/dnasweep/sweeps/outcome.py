"""Report of the failed trials of a sweep."""

from __future__ import annotations

from collections import Counter

from rich.markup import escape

from dnasweep.errors import NothingLeft
from dnasweep.stages.outcome import find_outcome
from dnasweep.stages.plan import SweepPlan
from dnasweep.sweeps.request import Sweep

_HEALTHY = ("completed", "stopped")


def report_failures(sweep: Sweep, plan: SweepPlan) -> None:
    """Print how many trials failed, and why the first one did.

    Trials that were stopped early have not failed.

    Raises
    ------
    NothingLeft
        If trials failed and none was finished, so that there is nothing to compare.
    """
    finished, kinds, first = 0, Counter[str](), ""
    for cell, spec in zip(plan.cells, plan.classifiers, strict=True):
        outcome = find_outcome(sweep.storage, spec)
        if outcome is not None and outcome.outcome in _HEALTHY:
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
            remedy="MLflow has their records. Mend the cause, or choose other options, and run the "
            "command again: what is finished is kept.",
        )
    sweep.console.print(
        f"[yellow]{number} of {len(plan.cells)} trials {how}; the first, {escape(first)}[/]",
        soft_wrap=True,
    )
