"""Check that p-values and intervals are correct, by simulations without an effect.

python benchmarks/null_simulations.py
python benchmarks/null_simulations.py --times 200 --only mean

Prints a table: the quantity, the simulated data, the nominal value (size .05 of a test, coverage
.95 of an interval), the measured value with its binomial interval, the size at .001 if there were
enough draws, and the largest difference between the distribution of the p-values and the uniform
one. The exit status is 1 if a size is certainly outside .03 to .07 (a coverage, of
.93 to .97).

To add a quantity: a function that takes a generator and a number of draws, in a module `nulls_*.py`
beside this one, and a :class:`nulls.Check` in its `CHECKS`; a new module is named in `MODULES`.
"""

from __future__ import annotations

import importlib
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import tyro
from nulls import Check, measure
from rich.console import Console
from rich.table import Table

MODULES = (
    *("nulls_means", "nulls_cells", "nulls_tasks", "nulls_repeats", "nulls_explain"),
    *("nulls_genomics", "nulls_shapley"),
)
"""Modules with the checks."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to simulate."""

    times: int | None = None
    """Draws of each quantity; None: the number that each check has, mostly 1,000."""
    only: str = ""
    """Only quantities whose short name contains this."""
    seed: int = 0
    """Seed of the draws."""
    out: str | None = None
    """CSV to write the table to."""


def checks(only: str = "") -> dict[str, Check]:
    """Return every check by its short name, in the order of the modules."""
    found: dict[str, Check] = {}
    for module in MODULES:
        for name, check in importlib.import_module(module).CHECKS.items():
            if name in found:
                raise ValueError(f"two checks are called {name}")
            found[name] = check
    return {name: check for name, check in found.items() if only in name}


def main(options: Options) -> int:
    """Print the table; return how many quantities are wrong, at most 1."""
    console = Console(width=140)
    table = Table(title="p-values and intervals where there is no effect")
    for title in ("name", "quantity", "setting"):
        table.add_column(title, overflow="fold")
    for title in ("claims", "measured", "its 95 %", "at .001", "apart", "draws", "s", ""):
        table.add_column(title, justify="right")
    records = []
    for name, check in checks(options.only).items():
        begin = time.perf_counter()
        found = measure(check, times=options.times or check.times, seed=options.seed)
        seconds = time.perf_counter() - begin
        table.add_row(
            name,
            check.quantity,
            check.setting,
            f"{found.nominal:.2f}",
            f"{found.share:.3f}",
            f"{found.low:.3f} to {found.high:.3f}",
            "" if np.isnan(found.far) else f"{found.far:.4f}",
            "" if np.isnan(found.apart) else f"{found.apart:.3f}",
            f"{found.num:,}",
            f"{seconds:.1f}",
            "" if found.right else "WRONG",
            style=None if found.right else "red",
        )
        described = {"name": name, "quantity": check.quantity, "setting": check.setting}
        records.append(described | found._asdict() | {"seconds": seconds})
    console.print(table)
    frame = pd.DataFrame(records)
    if options.out:
        frame.to_csv(Path(options.out), index=False)
    return int(len(frame) > 0 and not frame["right"].all())


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Options, description=__doc__)))
