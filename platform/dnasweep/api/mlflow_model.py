"""A registered model as MLflow loads it, where transformers' own pipeline would not answer as the model does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnasweep.api.model import Model, load_model

if TYPE_CHECKING:
    import pandas as pd


class ServedModel:
    """Answers DNA with the table of :meth:`dnasweep.Model.predict`.

    Parameters
    ----------
    model
        The model that answers.
    """

    def __init__(self, model: Model) -> None:
        self._model = model

    def predict(self, model_input: pd.DataFrame) -> pd.DataFrame:
        """Return one row per sequence: a probability for each class and the call, or numbers.

        Parameters
        ----------
        model_input
            One column of DNA, whatever its name.

        Raises
        ------
        InputError
            For sequences that are no DNA or have more tokens than the model reads.
        """
        sequences = [str(one) for one in model_input.iloc[:, 0]]
        return self._model.predict(sequences, progress=False).drop(columns="id")


def _load_pyfunc(path: str) -> ServedModel:
    """Return the model in a folder; MLflow calls this by name."""
    return ServedModel(load_model(path))
