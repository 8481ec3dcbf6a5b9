"""An embedding job: compute vectors shard by shard, then write tables and a page."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from rich.console import Console
from rich.markup import escape

from dnasweep.formats.rejects import REJECTS, write_rejects
from dnasweep.jobs.embedding_request import EmbeddingRequest, EmbedOptions, prepare_embeddings
from dnasweep.jobs.executor import Executor
from dnasweep.jobs.job import FinishedJob, Job, JobFiles, files_in
from dnasweep.jobs.shards.store import Shards
from dnasweep.jobs.shards.tables import read_tables
from dnasweep.workflows.run import Say


class EmbeddingJob(Job[EmbeddingRequest]):
    """Embeds sequences; nothing is recorded in MLflow."""

    worker = "dnasweep.genomics.embeddings:EmbeddingWorker"
    title, unit = "embedding", "sequences"
    sometimes = ("*.png", REJECTS)

    @classmethod
    def of(
        cls, options: EmbedOptions, executor: Executor, console: Console, say: Say
    ) -> EmbeddingJob:
        return cls(prepare_embeddings(options, resolve=executor.resolve_precision, say=say))

    def facts(self, total: dict[str, float]) -> dict[str, Any]:
        return {
            "num_sequences": total["num_rows"],
            "num_vectors": total["num_vectors"],
            "actor_seconds": round(total["seconds"], 3),
        }

    def write(self, shards: Shards, facts: dict[str, Any], console: Console) -> JobFiles:
        request = self.request

        def write(folder: Path) -> None:
            write_results(folder, request, shards)
            if request.rejects:
                write_rejects(request.rejects, folder / REJECTS)

        # Labels and species colour the figure but do not change the vectors.
        about = repr(request.table.to_dict("list")) + repr(request.rejects)
        digest = hashlib.sha256(about.encode()).hexdigest()[:8]
        with console.status("writing the files"):
            folder = request.storage.obtain(
                f"{self.kind}/{shards.key}", f"results-{digest}", write, inputs=request.settings
            )
        return JobFiles(folder=folder, files=files_in(folder))

    def closing(self, finished: FinishedJob, files: Sequence[Path]) -> list[str]:
        facts = finished.facts
        return [
            f"{facts['num_sequences']:,.0f} sequences, {facts['num_vectors']:,.0f} vectors",
            *(f"[bold]written[/] {escape(str(path))}" for path in files),
        ]


def write_results(folder: Path, request: EmbeddingRequest, shards: Shards) -> None:
    """Write the table, the arrays and the page of an embedding job into a folder.

    Parameters
    ----------
    folder
        Folder to write to.
    request
        The job.
    shards
        Shards of the job, all of them finished.
    """
    from dnasweep.genomics.embeddings import as_vectors
    from dnasweep.report.embedding_page import PAGE, embedding_page
    from dnasweep.report.files import write_page

    vectors, columns, per_sequence = [], [], []
    writer = None
    try:
        for part in read_tables(shards, "embeddings.parquet"):
            if writer is None:
                writer = pq.ParquetWriter(folder / "embeddings.parquet", part.schema)
            writer.write_table(part)
            found = as_vectors(part["embedding"])
            vectors.append(found)
            columns.append(part.drop_columns(["embedding"]).to_pandas())
            if request.settings["pooling"] == "token":
                ids = columns[-1]["id"].to_numpy(object)
                # Tokens of a sequence are contiguous.
                starts = np.flatnonzero(np.append(True, ids[1:] != ids[:-1]))
                sizes = np.diff(np.append(starts, len(ids)))
                per_sequence.append(np.add.reduceat(found, starts) / sizes[:, None])
    finally:
        if writer is not None:
            writer.close()
    whole = np.concatenate(vectors)
    arrays = {
        name: np.concatenate([one[name].to_numpy() for one in columns]) for name in columns[0]
    }
    texts = {name: array.astype(str) for name, array in arrays.items() if array.dtype == object}
    np.savez(
        folder / "embeddings.npz", allow_pickle=False, embeddings=whole, **{**arrays, **texts}
    )
    page = embedding_page(
        np.concatenate(per_sequence) if per_sequence else whole,
        request.table,
        settings={
            **request.settings,
            "model name": request.options.model,
            "data": list(request.options.data),
        },
        files=sorted(path.name for path in folder.iterdir()),
    )
    write_page(page, folder / PAGE)
