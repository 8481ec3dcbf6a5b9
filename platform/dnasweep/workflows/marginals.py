"""A marginalisation: compute outputs shard by shard, then write tables and a page."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from rich.console import Console
from rich.markup import escape

from dnasweep.formats.rejects import REJECTS, write_rejects
from dnasweep.jobs.executor import Executor
from dnasweep.jobs.job import FinishedJob, Job, JobFiles, files_in
from dnasweep.jobs.marginal_request import MarginalOptions, MarginalRequest, prepare_marginals
from dnasweep.jobs.shards.store import Shards
from dnasweep.jobs.shards.tables import read_tables
from dnasweep.plain import write_csv
from dnasweep.synthetic.arrangements import NONE
from dnasweep.synthetic.marginal_effects import MarginalEffects, marginal_effects
from dnasweep.tracking.tags import command
from dnasweep.workflows.run import Say

ALONE, PAIRS, OUTPUTS = "alone", "spacings", "outputs.parquet"


class MarginalJob(Job[MarginalRequest]):
    """Inserts motifs into backgrounds and measures the model's output."""

    worker = "dnasweep.synthetic.marginal_worker:MarginalWorker"
    title, unit, context, artifacts = "marginalising", "backgrounds", "marginalised", "marginals"
    sometimes = ("*.png", "spacings.*", REJECTS)

    @classmethod
    def of(
        cls, options: MarginalOptions, executor: Executor, console: Console, say: Say
    ) -> MarginalJob:
        return cls(prepare_marginals(options, say=say))

    def sources(self) -> Sequence[str]:
        return self.request.options.data

    def announcement(self) -> list[str]:
        request, made = self.request, self.request.arrangements
        number = len(made.conditions)
        rows = len(request.rows)
        held = made.starts[0]
        if made.pairs:
            which = 0 if made.held == "motif" else 1
            place = f"{escape(request.motifs[which].name)} held at base {held} (from 0)"
        else:
            place = f"{len(made.starts):,} positions from base {held} (from 0)"
        return [
            f"[bold]backgrounds[/] {rows:,} of {made.length:,} bases, {request.settings['backgrounds']}",
            f"[bold]conditions[/] {number:,}, {place}; {rows * number:,} evaluations of the model",
        ]

    def facts(self, total: dict[str, float]) -> dict[str, Any]:
        return {
            "num_backgrounds": total["num_rows"],
            "num_evals": total["num_evals"],
            "actor_seconds": round(total["seconds"], 3),
        }

    def write(self, shards: Shards, facts: dict[str, Any], console: Console) -> JobFiles:
        from dnasweep.report.marginal_findings import finding

        request = self.request
        ids, outputs = _outputs(shards)
        names = (request.motifs[0].name, request.motifs[-1].name)
        found = marginal_effects(outputs, request.arrangements, names, seed=request.options.seed)

        def write(folder: Path) -> None:
            write_results(folder, request, found, outputs, ids)
            if request.rejects:
                write_rejects(request.rejects, folder / REJECTS)

        name = "results"
        if request.rejects:
            name += f"-{hashlib.sha256(repr(request.rejects).encode()).hexdigest()[:8]}"
        with console.status("writing the files"):
            folder = request.storage.obtain(
                f"{self.kind}/{shards.key}", name, write, inputs=request.settings
            )
        told, best = finding(found, request.motifs, request.reads), found.strongest
        metrics: dict[str, float] = {}
        if best is not None:
            metrics = {
                "spacing": float(best["spacing"]),
                "interaction": float(best["interaction"]),
            }
        return JobFiles(
            folder=folder, files=files_in(folder), metrics=metrics, note=told, summary=told
        )

    def closing(self, finished: FinishedJob, files: Sequence[Path]) -> list[str]:
        return [
            *(f"[bold]written[/] {escape(str(path))}" for path in files),
            escape(finished.made.summary),
        ]


def write_results(
    folder: Path,
    request: MarginalRequest,
    found: MarginalEffects,
    outputs: NDArray[np.float64],
    ids: Sequence[str],
) -> None:
    """Write the tables and the page of a marginalisation into a folder.

    Parameters
    ----------
    folder
        Folder to write to.
    request
        The job.
    found
        Results of the job.
    outputs, ids
        Model outputs, shape (backgrounds, conditions), and ids of the backgrounds.
    """
    from dnasweep.report.files import write_page
    from dnasweep.report.marginal_page import PAGE, marginal_page

    for stem, frame in ((ALONE, found.alone), (PAIRS, found.pairs)):
        if not frame.empty:
            write_csv(frame, folder / f"{stem}.csv")
            frame.to_parquet(folder / f"{stem}.parquet", index=False)
    pq.write_table(long_table(ids, outputs, request), folder / OUTPUTS, compression="zstd")
    page = marginal_page(
        found,
        request.motifs,
        reads=request.reads,
        mean=float(outputs[:, 0].mean()),
        settings={
            **request.settings,
            "model name": request.options.model,
            "data": list(request.options.data),
            "num_backgrounds": len(outputs),
            "num_sources": request.num_sources,
        },
        command=command(),
        files=sorted(path.name for path in folder.iterdir()),
    )
    write_page(page, folder / PAGE)


def _outputs(shards: Shards) -> tuple[list[str], NDArray[np.float64]]:
    """Return the ids of the backgrounds, and the outputs, shape (backgrounds, conditions)."""
    table = pa.concat_tables(read_tables(shards, OUTPUTS))
    flat = table["outputs"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return table["id"].to_pylist(), flat.reshape(len(table), -1)


def long_table(
    ids: Sequence[str], outputs: NDArray[np.float64], request: MarginalRequest
) -> pa.Table:
    """Return the outputs as a table with a row per background and condition.

    Parameters
    ----------
    ids
        Ids of the backgrounds.
    outputs
        (backgrounds, conditions).
    request
        The job.
    """
    conditions = request.arrangements.conditions
    columns = {
        "motif_start": [one.motif for one in conditions],
        "motif_strand": [one.motif_strand if one.motif != NONE else "" for one in conditions],
        "other_start": [one.other for one in conditions],
        "other_strand": [one.other_strand if one.other != NONE else "" for one in conditions],
    }
    frame = pd.DataFrame(columns)
    repeated = pd.concat([frame] * len(outputs), ignore_index=True)
    repeated.insert(0, "background", np.repeat(np.array(ids, object), len(conditions)))
    return pa.Table.from_pandas(repeated.assign(output=outputs.ravel()), preserve_index=False)
