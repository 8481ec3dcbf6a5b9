"""The checked request of a prediction job: options, sequences and model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import pyarrow as pa

from dnasweep.config import versions
from dnasweep.formats.paths import user_path
from dnasweep.jobs.options import ForwardOptions
from dnasweep.jobs.request import JobRequest, model_directory, model_key, open_storage
from dnasweep.models.encoder.precision import ResolvePrecision, resolve_here

KIND = "predictions"


@dataclass(frozen=True, kw_only=True)
class PredictOptions(ForwardOptions):
    """Options of prediction."""

    out: str = "predictions.parquet"
    """File to write, .parquet or .csv."""


@dataclass(frozen=True, kw_only=True)
class PredictionRequest(JobRequest[PredictOptions]):
    """A prediction job that can be started."""

    KIND: ClassVar[str] = KIND
    out: Path
    """File to write."""
    table: pd.DataFrame
    """Columns `id` and `species` of the sequences."""
    config: Mapping[str, Any]
    """`config.json` of the model."""


def prepare_predictions(
    options: PredictOptions,
    *,
    resolve: ResolvePrecision = resolve_here,
    say: Callable[[str], None] = lambda line: None,
) -> PredictionRequest:
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
        For any mistake that can be detected before the first sequence is predicted.
    """
    from dnasweep.genomics.predictions import ROWS, Predictor, check_output

    out = user_path(options.out).absolute()
    check_output(out)
    reading = options.read_rows()
    for note in reading.notes:
        say(note)
    table = reading.table
    storage, uri = open_storage(options)
    with model_directory(options.model, uri) as directory:
        predictor = Predictor(directory)
        predictor.check(table, say)
        digest = model_key(storage, directory, options)
    settings = {
        "model": digest,
        "classes": predictor.names,
        "tokenizer": predictor.tokenizer.config.name,
        "batch_size": options.batch_size,
        "precision": resolve(
            options.precision, gpus=options.gpus_per_actor, address=options.address
        ),
        "format": versions.PREDICTIONS,
    }
    rows = {name: pa.array(table[name], pa.large_string()) for name in ("id", "sequence")}
    return PredictionRequest(
        options=options,
        storage=storage,
        uri=uri,
        rows=pa.table(rows),
        settings=settings,
        rejects=reading.rejected,
        # Another shard size would change the batches.
        shard_size=ROWS,
        out=out,
        table=table[["id", "species"]],
        config=predictor.config,
    )
