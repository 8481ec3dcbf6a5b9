"""A trained model: it predicts, embeds, and is what the other functions are given."""

from __future__ import annotations

import tempfile
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.progress import Progress

from dnasweep.api.execution import Workplace, console
from dnasweep.api.options import make_options
from dnasweep.api.sequences import Sequences, read_given
from dnasweep.errors import InputError
from dnasweep.models.pretrained.config_file import read_settings

if TYPE_CHECKING:
    from dnasweep.genomics.predictions import Predictor
    from dnasweep.models.pretrained.heads import ModelKind
    from dnasweep.models.row_checks import Pooling
    from dnasweep.tokens.tokenizers import DnaTokenizer


class Model:
    """A classifier or a pretrained encoder with its tokenizer, loaded when it is first used.

    Made by :func:`load_model`, :func:`train` and :meth:`Sweep.best`.

    Parameters
    ----------
    directory
        Folder of its files, in the format of transformers: `from_pretrained` reads it too.
    name
        What it was asked for by. Default: the folder.
    scratch
        Folder of a download, which is removed with this object.
    """

    def __init__(
        self,
        directory: Path,
        *,
        name: str | None = None,
        scratch: tempfile.TemporaryDirectory[str] | None = None,
    ) -> None:
        self.directory = Path(directory)
        self.name = name or str(directory)
        # A download lives as long as this object.
        self._scratch = scratch
        self._config = read_settings(self.directory)

    def __repr__(self) -> str:
        kind = self._kind.architecture
        classes = f", classes {', '.join(self.classes)}" if self.is_classifier else ""
        return f"<dnasweep.Model {self.name!r}: {kind}, tokenizer {self.tokenizer.config.name}{classes}>"

    @property
    def is_classifier(self) -> bool:
        """Whether it has a classification head; a pretrained encoder has none."""
        return self._kind.head == "classifier"

    @cached_property
    def _kind(self) -> ModelKind:
        from dnasweep.models.pretrained.heads import kind_of

        return kind_of(self.directory)

    @cached_property
    def tokenizer(self) -> DnaTokenizer:
        """Its tokenizer; `tokenizer.encode([...])` gives ids and the bases of every token."""
        from dnasweep.tokens.loading import load_tokenizer

        return load_tokenizer(self.directory)

    @cached_property
    def classes(self) -> list[str]:
        """Names of its classes or outputs, in the order of its predictions; empty for an encoder."""
        from dnasweep.attribution.targets import class_names
        from dnasweep.tasks.registry import id2label_of, task_of_model

        if not self.is_classifier:
            return []
        least = task_of_model(self._config).least_outputs
        return class_names(id2label_of(self._config), file=self.directory, least=least)

    @property
    def threshold(self) -> float:
        """Probability from which on it calls the second of two classes, chosen on validation."""
        return self._predictor.threshold

    @cached_property
    def _predictor(self) -> Predictor:
        if not self.is_classifier:
            raise InputError(
                "the model has no classification head, so it predicts no class",
                file=self.directory,
                remedy="Fine-tune it: dnasweep.train(data, checkpoint=...). It can embed.",
            )
        from dnasweep.genomics.predictions import Predictor

        return Predictor(self.directory)

    def predict(
        self,
        sequences: Sequences,
        *,
        storage: str | Path | None = None,
        address: str | None = None,
        progress: bool = True,
        **options: Any,
    ) -> pd.DataFrame:
        """Return one row per sequence: id, a probability for each class, and the call; or numbers.

        Parameters
        ----------
        sequences
            DNA: a list of strings, a pandas column, a table with a column `sequence`, or the path of
            a file.
        storage
            Storage root, to keep what is computed, shard by shard, and to go on after a stop. Needs
            a file as `sequences`.
        address
            Ray cluster to compute on, `auto`, HOST:PORT, or `local` for workers on this machine.
            Needs a file as `sequences`.
        progress
            Whether to show progress on the standard error stream.
        options
            Those of `dnasweep predict`, such as `batch_size`.

        Returns
        -------
        predictions
            Columns `id`, `species` where any is known, `probability_<class>` for each class, `call`;
            of a model of numbers `predicted_<output>`, in the units of its labels; of one with a class for
            each base `bases_<class>`, the intervals that are called it, such as `4-6;9-10` (from 0,
            without their end), and `probability_<class>`, an array over the bases of the sequence; of one
            of signals `predicted_<track>`, an array over the bins.

        Raises
        ------
        InputError
            For sequences that are no DNA or have more tokens than the model reads.

        Examples
        --------
        >>> model = dnasweep.load_model("models:/tokenizer-grid@best")  # doctest: +SKIP
        >>> model.predict(["ACGTTATAAAAGGC" * 20])  # doctest: +SKIP
        """
        if storage is not None or address is not None:
            return self._predict_by_job(sequences, storage, address, progress, options)
        predictor = self._predictor
        if options:
            predictor = self._other_predictor(options)
        said = console(progress)
        table = read_given(sequences, say=said.print).table
        predictor.check(table)
        with Progress(console=said, transient=True) as bar:
            task = bar.add_task("predicting", total=len(table))
            found = predictor.probabilities(table, lambda done: bar.update(task, completed=done))
        return _predictions(table, found, predictor)

    def _other_predictor(self, options: dict[str, Any]) -> Predictor:
        from dnasweep.genomics.predictions import Predictor
        from dnasweep.jobs.prediction_request import PredictOptions

        # Checked as on the command line, which alone needs files.
        asked = make_options(PredictOptions, {"model": self.name, "data": (), **options})
        return Predictor(self.directory, batch_size=asked.batch_size, precision=asked.precision)

    def _predict_by_job(
        self,
        sequences: Sequences,
        storage: str | Path | None,
        address: str | None,
        progress: bool,
        options: dict[str, Any],
    ) -> pd.DataFrame:
        from dnasweep.api.files import files_of
        from dnasweep.jobs.prediction_request import PredictOptions
        from dnasweep.workflows.predictions import run_predictions

        with (
            Workplace(storage, address, progress=progress) as place,
            tempfile.TemporaryDirectory(prefix="dnasweep-") as scratch,
        ):
            out = Path(scratch) / "predictions.parquet"
            asked = make_options(
                PredictOptions,
                {
                    **place.options,
                    "model": str(self.directory),
                    "data": files_of(sequences, Path(scratch)),
                    "out": str(out),
                    **options,
                },
            )
            run_predictions(asked, place.console, executor=place.job_executor())
            return pd.read_parquet(out)

    def embed(
        self,
        sequences: Sequences,
        *,
        pooling: Pooling = "mean",
        batch_size: int = 64,
        progress: bool = True,
    ) -> NDArray[np.float32]:
        """Return the last hidden state of each sequence, pooled over its tokens, (sequences, hidden).

        Parameters
        ----------
        sequences
            As for :meth:`predict`.
        pooling
            `mean` or `max` over the tokens of a sequence, special tokens left out, or the state of
            the `first` token, [CLS], or of the `last`, [SEP], which has read all of a row in a causal
            model.
        batch_size
            Sequences in a forward pass.
        progress
            Whether to show progress on the standard error stream.

        Raises
        ------
        InputError
            For sequences that are no DNA or have more tokens than the model reads.
        """
        from dnasweep.models.embedding import embed

        said = console(progress)
        table = read_given(sequences, say=said.print).table
        with Progress(console=said, transient=True) as bar:
            task = bar.add_task("embedding", total=len(table))
            return embed(
                self._network,
                self.tokenizer,
                table["sequence"].tolist(),
                pooling=pooling,
                batch_size=batch_size,
                progress=lambda done: bar.update(task, completed=done),
            )

    @cached_property
    def _network(self) -> Any:
        from dnasweep.models.pretrained.any_head import load_any

        return load_any(self.directory)


def load_model(name_or_dir: str | Path, *, tracking_uri: str | None = None) -> Model:
    """Return a model by its folder, MLflow run, or name in the model registry or on the hub.

    Parameters
    ----------
    name_or_dir
        Folder of a model, `models:/NAME@ALIAS`, `models:/NAME/VERSION`, an MLflow run id, or
        OWNER/MODEL or OWNER/MODEL@REVISION of the Hugging Face hub. Weights that are pickled
        (`pytorch_model.bin`) are read in a process of their own, which can run no code of theirs.
    tracking_uri
        MLflow store to look it up in. Default: MLFLOW_TRACKING_URI, else `runs/mlflow.db`.

    Raises
    ------
    InputError
        If there is none, with what there is.
    """
    from dnasweep.stages.converted import as_safetensors
    from dnasweep.stages.model_sources import find_model

    name = str(name_or_dir)
    scratch = tempfile.TemporaryDirectory(prefix="dnasweep-model-")
    found = find_model(name, uri=tracking_uri, scratch=Path(scratch.name)).directory
    if (converted := as_safetensors(found, None, scratch.name)) is not None:
        return Model(converted, name=name, scratch=scratch)
    if found.is_relative_to(scratch.name):
        return Model(found, name=name, scratch=scratch)
    scratch.cleanup()
    return Model(found, name=name)


def as_model(model: Model | str | Path) -> Model:
    """Return a model that is given as such or by name."""
    return model if isinstance(model, Model) else load_model(model)


def _predictions(table: pd.DataFrame, found: np.ndarray, predictor: Predictor) -> pd.DataFrame:
    from dnasweep.genomics.predictions import prediction_table

    frame = prediction_table(table, found, predictor.config)
    return frame if frame["species"].any() else frame.drop(columns="species")
