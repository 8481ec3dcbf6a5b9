"""A prediction job: compute probabilities shard by shard, then write one table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from dnasweep.formats.rejects import REJECTS, write_rejects
from dnasweep.jobs.executor import Executor
from dnasweep.jobs.job import FinishedJob, Job, JobFiles
from dnasweep.jobs.prediction_request import (
    PredictionRequest,
    PredictOptions,
    prepare_predictions,
)
from dnasweep.jobs.shards.store import Shards
from dnasweep.jobs.shards.tables import read_tables
from dnasweep.tasks.registry import task_of_model
from dnasweep.workflows.run import Say


class PredictionJob(Job[PredictionRequest]):
    """Predicts the class of sequences; nothing is recorded in MLflow."""

    worker = "dnasweep.genomics.predictions:PredictionWorker"
    title, unit = "predicting", "sequences"

    @classmethod
    def of(
        cls, options: PredictOptions, executor: Executor, console: Console, say: Say
    ) -> PredictionJob:
        return cls(prepare_predictions(options, resolve=executor.resolve_precision, say=say))

    @property
    def rejects(self) -> Path:
        """File for the rows that were left out."""
        return self.request.out.with_suffix(f".{REJECTS}")

    def announcement(self) -> list[str]:
        if not self.request.rejects:
            return []
        left_out = f"{len(self.request.rejects):,}, see {escape(str(self.rejects))}"
        return [f"[yellow]rows left out: {left_out}[/]"]

    def check_output(self) -> None:
        """Do nothing: the request has checked the output before anything was read."""

    def publish(self, made: JobFiles) -> Sequence[Path]:
        """Return the file, which has already been written to its destination."""
        return made.files

    def facts(self, total: dict[str, float]) -> dict[str, Any]:
        return {
            "num_sequences": total["num_rows"],
            "actor_seconds": round(total["seconds"], 3),
        }

    def write(self, shards: Shards, facts: dict[str, Any], console: Console) -> JobFiles:
        from dnasweep.genomics.predictions import prediction_table, write_predictions

        request = self.request
        parts, task = [], task_of_model(request.config)
        for table in read_tables(shards, "predictions.parquet"):
            found = table.drop_columns(["id"])
            parts.append(task.unpacked([column.to_numpy() for column in found.columns]))
        frame = prediction_table(request.table, task.joined(parts), request.config)
        write_predictions(frame, request.out)
        if request.rejects:
            write_rejects(request.rejects, self.rejects)
        else:
            self.rejects.unlink(missing_ok=True)
        return JobFiles(files=[request.out], summary=task.summary(frame))

    def closing(self, finished: FinishedJob, files: Sequence[Path]) -> list[str]:
        counts = ", ".join(map(escape, finished.made.summary))
        return [
            f"{finished.shards.num_rows:,} sequences: {counts}",
            f"[bold]written[/] {escape(str(self.request.out))}",
        ]
