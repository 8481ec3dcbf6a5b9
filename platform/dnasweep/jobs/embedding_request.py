"""The checked request of an embedding job: options, sequences and model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import pandas as pd
import pyarrow as pa

from dnasweep.config import versions
from dnasweep.data.reading import Reading
from dnasweep.jobs.options import ForwardOptions
from dnasweep.jobs.request import JobRequest, model_directory, model_key, open_storage
from dnasweep.models.encoder.precision import ResolvePrecision, resolve_here

KIND = "embeddings"


@dataclass(frozen=True, kw_only=True)
class EmbedOptions(ForwardOptions):
    """Options of an embedding job."""

    pooling: Literal["mean", "max", "first", "last", "token"] = "mean"
    """How a sequence becomes a vector: mean or max over its tokens, the state of the first token ([CLS]) or
    of the last (which in a causal model has seen the whole sequence), or a vector for each token."""
    out: str = "embeddings"
    """Folder for embeddings.parquet, embeddings.npz and the page."""


@dataclass(frozen=True, kw_only=True)
class EmbeddingRequest(JobRequest[EmbedOptions]):
    """An embedding job that can be started."""

    KIND: ClassVar[str] = KIND
    table: pd.DataFrame
    """Columns `id`, `species` and `label` of the sequences, by their names; "" where unknown."""


def prepare_embeddings(
    options: EmbedOptions,
    *,
    resolve: ResolvePrecision = resolve_here,
    say: Callable[[str], None] = lambda line: None,
) -> EmbeddingRequest:
    """Read the sequences, find the model and check them against each other.

    Parameters
    ----------
    options
        Options of the command.
    resolve
        Function that returns what the precision `auto` means on the machine that computes the job.
    say
        Called with each sentence on how the files were interpreted.

    Raises
    ------
    InputError
        For any mistake that can be detected before the first sequence is embedded.
    """
    from dnasweep.genomics.embeddings import ROWS, check_sequences

    reading = options.read_rows()
    for note in reading.notes:
        say(note)
    storage, uri = open_storage(options)
    with model_directory(options.model, uri) as directory:
        check_sequences(directory, reading.table, options.pooling)
        digest = model_key(storage, directory, options)
    table = reading.table
    settings = {
        "model": digest,
        "pooling": options.pooling,
        "batch_size": options.batch_size,
        "precision": resolve(
            options.precision, gpus=options.gpus_per_actor, address=options.address
        ),
        "format": versions.EMBEDDINGS,
    }
    rows = {name: pa.array(table[name], pa.large_string()) for name in ("id", "sequence")}
    return EmbeddingRequest(
        options=options,
        storage=storage,
        uri=uri,
        rows=pa.table(rows),
        settings=settings,
        rejects=reading.rejected,
        # Another shard size would change the batches.
        shard_size=ROWS,
        table=table[["id", "species"]].assign(label=_names_of(reading)),
    )


def _names_of(reading: Reading) -> list[str]:
    """Return the class name of each row; "" if unknown."""
    names = dict(enumerate(reading.labels.names))
    return [names.get(label, "") for label in reading.table["label"].tolist()]
