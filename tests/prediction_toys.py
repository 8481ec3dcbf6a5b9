"""Predictions computed in this process, for tests of what jobs make of them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from dnasweep.genomics.predictions import Predictor, prediction_table


def predict_table(directory: Path, table: pd.DataFrame, *, batch_size: int = 64) -> pd.DataFrame:
    """Return the predictions of a model for a table, once every sequence is checked."""
    predictor = Predictor(directory, batch_size=batch_size)
    predictor.check(table)
    found = predictor.probabilities(table)
    return prediction_table(table, found, predictor.config)
