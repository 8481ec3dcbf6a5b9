"""Embeddings of a table of sequences, computed by a job shard by shard."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from dnasweep.errors import InputError
from dnasweep.models.pretrained.config_file import read_config
from dnasweep.models.pretrained.vocabulary_match import check_own_vocabulary
from dnasweep.models.row_checks import encoded_rows
from dnasweep.storage import Storage
from dnasweep.tokens.loading import load_tokenizer

TOKEN = "token"
"""Pooling that keeps a vector for each token."""
ROWS = 1024
"""Number of sequences computed and stored together. Batches are formed among them by length, so a different
number changes embeddings in their last digits."""


def check_sequences(directory: Path, table: pd.DataFrame, pooling: str) -> None:
    """Make sure that a model can embed every sequence of a table.

    Parameters
    ----------
    directory
        The model; its weights are not read.
    table
        Columns `id` and `sequence`.
    pooling
        Pooling of token vectors into one vector.

    Raises
    ------
    InputError
        For the first sequence that cannot be embedded, named by its id.
    """
    config, tokenizer = read_config(directory), load_tokenizer(directory)
    check_own_vocabulary(directory)
    for start in range(0, len(table), ROWS):
        part = table.iloc[start : start + ROWS]
        texts, ids = part["sequence"].tolist(), part["id"].tolist()
        with_ids(partial(encoded_rows, config, tokenizer, texts, pooling=pooling), ids)


def with_ids(compute: Callable[[], Any], ids: list[str]) -> Any:
    """Return the result of `compute`; errors about a row name its sequence.

    Parameters
    ----------
    compute
        Function to call, whose errors may refer to a row.
    ids
        Names of the rows.
    """
    try:
        return compute()
    except InputError as error:
        if error.row is None:
            raise
        reason = f"sequence {ids[error.row - 1]!r}: {error.reason}"
        raise InputError(reason, remedy=error.remedy) from error


class EmbeddingWorker:
    """Computes one shard of the work list of an embedding job.

    Parameters
    ----------
    storage, kind, key
        Storage, and kind and key of the model's artefact in it.
    settings
        Settings of the job: `pooling`, `batch_size` and `precision`.
    device
        `cpu` or `cuda`.
    """

    def __init__(
        self, *, storage: str, kind: str, key: str, settings: Mapping[str, Any], device: str
    ) -> None:
        # Imported here because a plan checks sequences, and needs no torch.
        from dnasweep.models.pretrained.any_head import load_any

        directory = Storage(storage).expect(kind, key)
        self._model, self._tokenizer = load_any(directory), load_tokenizer(directory)
        self._pooling = settings["pooling"]
        self._how: dict[str, Any] = {
            "batch_size": settings["batch_size"],
            "dtype": settings["precision"],
            "device": device,
        }

    def smoke_test(self, rows: pa.Table) -> None:
        """Embed the first sequence."""
        self.compute(rows.slice(0, 1), lambda done: None)

    def compute(
        self, rows: pa.Table, progress: Callable[[int], None]
    ) -> tuple[dict[str, pa.Table], dict[str, Any]]:
        """Return the vectors of the sequences in a shard, and their number."""
        from dnasweep.models.embedding import embed

        ids, sequences = rows["id"].to_pylist(), rows["sequence"].to_pylist()
        how = {**self._how, "progress": progress}
        if self._pooling == TOKEN:
            table = with_ids(lambda: self._of_tokens(ids, sequences, how), ids)
        else:
            vectors = with_ids(
                lambda: embed(
                    self._model, self._tokenizer, sequences, pooling=self._pooling, **how
                ),
                ids,
            )
            _check_finite(vectors, ids)
            table = pa.table({"id": rows["id"], "embedding": as_column(vectors)})
        return {"embeddings": table}, {"num_vectors": len(table)}

    def _of_tokens(self, ids: list[str], sequences: list[str], how: dict[str, Any]) -> pa.Table:
        from dnasweep.models.embedding import embed_tokens

        vectors, corpus = embed_tokens(self._model, self._tokenizer, sequences, **how)
        counts = corpus.num_tokens() - 2
        names = np.repeat(np.array(ids, object), counts)
        _check_finite(vectors, names.tolist())
        inner = np.ones(len(corpus.ids), bool)
        inner[corpus.offsets[:-1]] = inner[corpus.offsets[1:] - 1] = False
        tokens = np.array(self._tokenizer.tokens, object)[corpus.ids[inner]]
        return pa.table(
            {
                "id": pa.array(names, pa.large_string()),
                "token": pa.array(tokens, pa.string()),
                "start": pa.array(corpus.starts[inner], pa.int32()),
                "end": pa.array(corpus.ends[inner], pa.int32()),
                "embedding": as_column(vectors),
            }
        )


def as_column(vectors: NDArray[np.float32]) -> pa.Array:
    """Return vectors, (rows, hidden), as a column of lists of equal length."""
    flat = pa.array(np.ascontiguousarray(vectors, np.float32).ravel(), pa.float32())
    return pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])


def as_vectors(column: pa.ChunkedArray) -> NDArray[np.float32]:
    """Return a column of lists of equal length as vectors, (rows, hidden)."""
    flat = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(len(column), -1)


def _check_finite(vectors: NDArray[np.float32], names: list[str]) -> None:
    bad = ~np.isfinite(vectors).all(1)
    if bad.any():
        raise InputError(
            f"sequence {names[int(np.argmax(bad))]!r}: its embedding is not finite (nan or inf)",
            remedy="Use --precision fp32, or another model.",
        )
