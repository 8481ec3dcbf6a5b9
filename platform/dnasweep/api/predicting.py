"""Predictions of a model from Python, as a table: in this process or by a job."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dnasweep.api.execution import Workplace
from dnasweep.api.options import make_options
from dnasweep.api.sequences import Sequences


def predict_by_job(
    directory: Path, sequences: Sequences, place: Workplace, options: Mapping[str, Any]
) -> pd.DataFrame:
    """Return the predictions of a job, as those of :meth:`~dnasweep.api.model.Model.predict`.

    Parameters
    ----------
    directory
        Folder of the model.
    sequences
        Sequences in any accepted form.
    place
        Where the job runs and keeps its results.
    options
        Other options of the job.
    """
    from dnasweep.api.files import files_of, scratch_folder
    from dnasweep.jobs.prediction_request import PredictOptions
    from dnasweep.workflows.predictions import PredictionJob
    from dnasweep.workflows.run import run

    with scratch_folder() as scratch:
        out = scratch / "predictions.parquet"
        asked = make_options(
            PredictOptions,
            {
                **place.options,
                "model": str(directory),
                "data": files_of(sequences, scratch),
                "out": str(out),
                **options,
            },
        )
        run(PredictionJob.of, asked, place.console, executor=place.job_executor())
        return _without_unknown_species(pd.read_parquet(out))


def predictions(
    table: pd.DataFrame, predicted: np.ndarray, config: Mapping[str, Any]
) -> pd.DataFrame:
    """Return predictions as a table, without species if none is known.

    Parameters
    ----------
    table, predicted, config
        As for :func:`dnasweep.genomics.predictions.prediction_table`.
    """
    from dnasweep.genomics.predictions import prediction_table

    return _without_unknown_species(prediction_table(table, predicted, config))


def _without_unknown_species(frame: pd.DataFrame) -> pd.DataFrame:
    return frame if frame["species"].any() else frame.drop(columns="species")
