"""Cells that would train the same model, of which a sweep keeps the first.

Two names may stand for one thing: two species sets for the same species of the data, `tiny` and
`2x128`, two places of one checkpoint.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from dnasweep.stages.plan import SweepPlan
from dnasweep.stages.recipe import Cell


def without_repeats(plan: SweepPlan, say: Callable[[str], None]) -> SweepPlan:
    """Return a plan without the cells whose trial is that of an earlier cell.

    Parameters
    ----------
    plan
        Plan of the sweep.
    say
        Called with a sentence for each value that stands for the same as an earlier one.
    """
    first: dict[str, Cell] = {}
    said: dict[str, None] = {}
    for cell, spec in zip(plan.cells, plan.classifiers, strict=True):
        earlier = first.setdefault(spec.key, cell)
        for field in dataclasses.fields(Cell):
            value, same = getattr(cell, field.name), getattr(earlier, field.name)
            if value != same:
                name = field.name.replace("_", " ")
                said[f"{name} {value} trains the same models as {same}, and is left out."] = None
    for sentence in said:
        say(sentence)
    return plan.distinct
