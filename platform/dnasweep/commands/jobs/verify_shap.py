"""Check the stored attributions of a job: every sequence once, every shard complete, every sum correct.

Exit code 0: all checks pass; 1: a check fails, with a table of problems.

    dnasweep verify-shap --attributions runs/attributions/KEY
"""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dnasweep.config.ranges import Amount, Checked
from dnasweep.invocation import as_typed

SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class VerifyOptions(Checked):
    """Options of the verification."""

    attributions: str
    """Folder or URI of the job, as printed by `dnasweep shap-batch`: --storage/attributions/KEY."""
    max_gap: Amount | None = None
    """Maximum completeness error, in the unit of the value. Default: 0.001."""
    max_relative_gap: Amount | None = None
    """Maximum completeness error as a share of |prediction - base value|; the larger limit applies. Default:
    0.001, or 0.2 for gradient-based estimators."""


def main(options: VerifyOptions, console: Console) -> int:
    from dnasweep.jobs.shards.verification import bounds_of, find_job, verify

    shards = find_job(options.attributions)
    bounds = bounds_of(shards.inputs, absolute=options.max_gap, relative=options.max_relative_gap)
    with console.status("reading") as status:
        verdict = verify(
            shards,
            bounds,
            progress=lambda done: status.update(f"read {done:,} of {len(shards):,} shards"),
        )
    gap = "" if bounds is None else f"; completeness error {verdict.max_gap:.2g} at most"
    console.print(
        f"[bold]read[/] {verdict.num_read:,} of {shards.num_rows:,} sequences, "
        f"{verdict.num_tokens:,} tokens{gap}",
        soft_wrap=True,
    )
    if not verdict.problems:
        console.print("[bold green]all checks pass[/]")
        return 0
    table = Table("where", "what is wrong", box=None)
    for problem in verdict.problems[:SHOWN]:
        table.add_row(escape(problem.place), escape(problem.what))
    console.print(table)
    more = len(verdict.problems) - SHOWN
    console.print(
        f"[bold red]{len(verdict.problems):,} problems[/]"
        + f", {more:,} not shown" * (more > 0)
        + "\nDamaged or missing shards can be computed again: delete the folders of those shards, "
        f"manifest.json and the report in {escape(verdict.shards.uri)}, and run the same "
        + as_typed("`dnasweep shap-batch` command."),
        soft_wrap=True,
    )
    return 1
