"""A registered model as MLflow loads it, for models that transformers' own pipeline would run differently."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnasweep.api.model import Model, load_model

if TYPE_CHECKING:
    import pandas as pd


class ServedModel:
    """Predicts for DNA sequences, with the table of :meth:`dnasweep.Model.predict` as its result.

    Parameters
    ----------
    model
        Model to predict with.
    """

    def __init__(self, model: Model) -> None:
        self._model = model

    def predict(self, model_input: pd.DataFrame) -> pd.DataFrame:
        """Return one row per sequence: the probability of each class and the call, or predicted numbers.

        Parameters
        ----------
        model_input
            Table with one column of DNA, whatever its name.

        Raises
        ------
        InputError
            For sequences that are not DNA or have more tokens than the model can read.
        """
        sequences = [str(one) for one in model_input.iloc[:, 0]]
        return self._model.predict(sequences, progress=False).drop(columns="id")


def _load_pyfunc(path: str) -> ServedModel:
    """Load the model in a folder; MLflow calls this function by name."""
    return ServedModel(load_model(path))
