"""A design job: edit sequences shard by shard, explain them before and after, and write the results."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from rich.console import Console
from rich.markup import escape

from dnasweep.attribution.tables import StoredAttributions, read_attributions
from dnasweep.formats.rejects import REJECTS, write_rejects
from dnasweep.jobs.attribution_request import AttributionOptions, prepare_attribution
from dnasweep.jobs.design_request import DesignOptions, DesignRequest, prepare_designs
from dnasweep.jobs.executor import Executor
from dnasweep.jobs.job import FinishedJob, Job, JobFiles, files_in, run_together
from dnasweep.jobs.shards.store import Shards
from dnasweep.jobs.shards.tables import read_tables
from dnasweep.plain import write_csv
from dnasweep.tracking.tags import command
from dnasweep.workflows.attributions import AttributionJob
from dnasweep.workflows.run import Say

FASTA = "designs.fa"
BEFORE, AFTER = "given", "designed"
Explain = Callable[[pd.DataFrame], StoredAttributions]


class DesignJob(Job[DesignRequest]):
    """Edits sequences.

    Parameters
    ----------
    request
        The checked request.
    explain
        Function that returns attributions of designs, before and after.
    """

    worker = "dnasweep.synthetic.design_worker:DesignWorker"
    title, unit, context, artifacts = "designing", "sequences", "designed", "designs"
    sometimes = ("*.png", REJECTS)

    @classmethod
    def of(
        cls, options: DesignOptions, executor: Executor, console: Console, say: Say
    ) -> DesignJob:
        request = prepare_designs(options, say=say)
        return cls(request, partial(explain_designs, request, console, executor))

    def __init__(self, request: DesignRequest, explain: Explain) -> None:
        super().__init__(request)
        self._explain = explain

    def sources(self) -> Sequence[str]:
        return self.request.options.data

    def announcement(self) -> list[str]:
        request, settings = self.request, self.request.settings
        how = "greedily" if settings["beam"] == 1 else f"with a beam of {settings['beam']}"
        return [
            f"[bold]design[/] {len(request.rows):,} sequences, up to {settings['edits']} edits each to "
            f"{settings['goal']} the {escape(request.reads)}, {how}"
        ]

    def facts(self, total: dict[str, float]) -> dict[str, Any]:
        return {
            "num_sequences": total["num_rows"],
            "num_edits": total["num_edits"],
            "num_evals": total["num_evals"],
            "actor_seconds": round(total["seconds"], 3),
        }

    def write(self, shards: Shards, facts: dict[str, Any], console: Console) -> JobFiles:
        from dnasweep.report.design_page import finding

        request = self.request
        designs, edits = (
            pa.concat_tables(read_tables(shards, f"{stem}.parquet")).to_pandas()
            for stem in ("designs", "edits")
        )
        explained = min(request.options.explained, len(designs))

        def write(folder: Path) -> None:
            write_results(folder, request, designs, edits, self._explain)
            if request.rejects:
                write_rejects(request.rejects, folder / REJECTS)

        digest = hashlib.sha256(repr((explained, request.rejects)).encode()).hexdigest()[:8]
        folder = request.storage.obtain(
            f"{self.kind}/{shards.key}", f"results-{digest}", write, inputs=request.settings
        )
        told = finding(designs, request.reads, request.settings)
        change = designs["designed_output"] - designs["output"]
        return JobFiles(
            folder=folder,
            files=files_in(folder),
            metrics={"median_change": float(change.median())},
            note=told,
            summary=told,
        )

    def closing(self, finished: FinishedJob, files: Sequence[Path]) -> list[str]:
        return [
            *(f"[bold]written[/] {escape(str(path))}" for path in files),
            escape(finished.made.summary),
        ]


def write_results(
    folder: Path,
    request: DesignRequest,
    designs: pd.DataFrame,
    edits: pd.DataFrame,
    explain: Explain,
) -> None:
    """Write the sequences, the tables and the page of a design job into a folder.

    Parameters
    ----------
    folder
        Folder to write to.
    request
        The job.
    designs, edits
        Tables with a row per sequence, and a row per edit in the order of editing.
    explain
        Function that returns attributions of designs, before and after.
    """
    from dnasweep.report.design_page import PAGE, design_page
    from dnasweep.report.files import write_page

    for stem, frame in (("designs", designs), ("edits", edits)):
        write_csv(frame, folder / f"{stem}.csv")
        frame.to_parquet(folder / f"{stem}.parquet", index=False)
    rows = zip(designs["id"], designs["designed"], strict=True)
    (folder / FASTA).write_text("".join(f">{name}\n{bases}\n" for name, bases in rows))
    change = (designs["designed_output"] - designs["output"]).abs()
    changed = designs[designs["num_edits"] > 0]
    order = change[changed.index].sort_values(ascending=False, kind="stable").index
    shown = designs.loc[order[: request.options.explained]]
    page = design_page(
        designs,
        edits,
        explained=None if shown.empty else explain(shown),
        reads=request.reads,
        settings={
            **request.settings,
            "model name": request.options.model,
            "data": list(request.options.data),
            "kept motifs": list(request.options.keep_motifs),
            "kept bases": list(request.options.keep_bases),
        },
        command=command(),
        files=sorted(path.name for path in folder.iterdir()),
    )
    write_page(page, folder / PAGE)


def explain_designs(
    request: DesignRequest, console: Console, executor: Executor, designs: pd.DataFrame
) -> StoredAttributions:
    """Return attributions of designs, for both the given and the designed sequence.

    Parameters
    ----------
    request
        The design job.
    console
        Console for progress and results.
    executor
        Executor of the computation.
    designs
        Rows of the table of designs.
    """
    options = request.options
    with tempfile.TemporaryDirectory(prefix="dnasweep-") as scratch:
        path = Path(scratch) / "before_and_after.tsv"
        both = [
            pd.DataFrame({"id": [f"{kind}: {name}" for name in designs["id"]], "sequence": bases})
            for kind, bases in ((BEFORE, designs["sequence"]), (AFTER, designs["designed"]))
        ]
        write_csv(pd.concat(both), path, sep="\t")
        asked = AttributionOptions(
            model=options.model,
            data=(str(path),),
            target=request.settings["target"],
            reference="mask" if request.has_mask else "shuffle",
            report=False,
            storage=options.storage,
            tracking_uri=options.tracking_uri,
            address=options.address,
            num_actors=options.num_actors,
            gpus_per_actor=options.gpus_per_actor,
            preflight=options.preflight,
        )
        made = prepare_attribution(asked, resolve=executor.resolve_precision)
        (finished,) = run_together([AttributionJob(made)], asked, console, executor=executor)
    return read_attributions(finished.shards.fetch())
