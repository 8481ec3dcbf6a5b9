"""A trained model: it predicts and embeds, and the other functions take it as an argument."""

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
from dnasweep.api.predicting import predict_by_job, predictions
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

    Returned by :func:`load_model`, :func:`train` and :meth:`Sweep.best`.

    Parameters
    ----------
    directory
        Folder of the model's files in the format of transformers; `from_pretrained` reads it too.
    name
        Name that the model was requested by. Default: the folder.
    scratch
        Temporary folder of a download, removed with this object.

    Attributes
    ----------
    directory
        Folder of the model's files, which every command accepts as `--model`. A copy of it is a copy of the
        model; that of a download or of converted weights is deleted with this object.
    name
        Name that the model was requested by.
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
        # A download is deleted with this object.
        self._scratch = scratch
        self._config = read_settings(self.directory)

    def __repr__(self) -> str:
        kind = self._kind.architecture
        classes = f", classes {', '.join(self.classes)}" if self.is_classifier else ""
        where = "" if self.name == str(self.directory) else f", in {self.directory}"
        tokenizer = self.tokenizer.config.name
        return f"<dnasweep.Model {self.name!r}: {kind}, tokenizer {tokenizer}{classes}{where}>"

    @property
    def is_classifier(self) -> bool:
        """Whether the model has a classification head; a pretrained encoder has none."""
        return self._kind.head == "classifier"

    @cached_property
    def _kind(self) -> ModelKind:
        from dnasweep.models.pretrained.heads import kind_of

        return kind_of(self.directory)

    @cached_property
    def tokenizer(self) -> DnaTokenizer:
        """The model's tokenizer; `tokenizer.encode([...])` gives the id and the bases of every token."""
        from dnasweep.tokens.loading import load_tokenizer

        return load_tokenizer(self.directory)

    @cached_property
    def classes(self) -> list[str]:
        """Names of the classes or outputs, in the order of the predictions; empty for an encoder."""
        from dnasweep.attribution.targets import class_names
        from dnasweep.tasks.registry import id2label_of, task_of_model

        if not self.is_classifier:
            return []
        least = task_of_model(self._config).least_outputs
        return class_names(id2label_of(self._config), file=self.directory, least=least)

    @property
    def threshold(self) -> float:
        """Probability at or above which the second of two classes is called, chosen on validation."""
        return self._predictor.threshold

    @cached_property
    def _predictor(self) -> Predictor:
        if not self.is_classifier:
            raise InputError(
                "the model has no classification head, so it predicts no class",
                file=self.directory,
                remedy="Fine-tune it: dnasweep.train(data, checkpoint=...), or use it to embed.",
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
        """Return one row per sequence: its id, the probability of each class and the call, or predicted numbers.

        Parameters
        ----------
        sequences
            DNA: a list of strings, a pandas column, a table with a column `sequence`, or the path of
            a file.
        storage
            Storage root that keeps the results shard by shard and lets an interrupted call resume.
        address
            Ray cluster to compute on: `auto`, HOST:PORT, or `local` for workers on this machine.
        progress
            Whether to print progress to standard error.
        options
            Options of `dnasweep predict`, such as `batch_size`.

        Returns
        -------
        predictions
            Columns `id`, `species` if any is known, `probability_<class>` for each class, and `call`.
            A regression model gives `predicted_<output>` in the units of its labels. A model that
            classifies bases gives `bases_<class>`, the intervals called that class, such as `4-6;9-10`
            (from 0, end exclusive), and `probability_<class>`, an array over the bases of the
            sequence. A model of signals gives `predicted_<track>`, an array over the bins.

        Raises
        ------
        InputError
            For sequences that are not DNA or have more tokens than the model can read.

        Examples
        --------
        >>> model = dnasweep.load_model("models:/tokenizer-grid@best")  # doctest: +SKIP
        >>> model.predict(["ACGTTATAAAAGGC" * 20])  # doctest: +SKIP
        """
        if storage is not None or address is not None:
            with Workplace(storage, address, progress=progress) as place:
                return predict_by_job(self.directory, sequences, place, options)
        predictor = self._predictor
        if options:
            predictor = self._other_predictor(options)
        said = console(progress)
        table = read_given(sequences, say=said.print).table
        predictor.check(table, said.print)
        with Progress(console=said, transient=True) as bar:
            task = bar.add_task("predicting", total=len(table))
            found = predictor.probabilities(table, lambda done: bar.update(task, completed=done))
        return predictions(table, found, predictor.config)

    def _other_predictor(self, options: dict[str, Any]) -> Predictor:
        from dnasweep.genomics.predictions import Predictor
        from dnasweep.jobs.prediction_request import PredictOptions

        # Checked like options of the command line; only there are files required.
        asked = make_options(PredictOptions, {"model": self.name, "data": (), **options})
        return Predictor(self.directory, batch_size=asked.batch_size, precision=asked.precision)

    def embed(
        self,
        sequences: Sequences,
        *,
        pooling: Pooling = "mean",
        batch_size: int = 64,
        progress: bool = True,
    ) -> NDArray[np.float32]:
        """Return the last hidden states pooled over the tokens of each sequence, shape (sequences, hidden).

        Parameters
        ----------
        sequences
            As for :meth:`predict`.
        pooling
            `mean` or `max` over the tokens of a sequence without special tokens, or the state of the
            `first` token, [CLS], or of the `last`, [SEP], which in a causal model has seen the whole
            sequence.
        batch_size
            Sequences per forward pass.
        progress
            Whether to print progress to standard error.

        Raises
        ------
        InputError
            For sequences that are not DNA or have more tokens than the model can read.
        """
        from dnasweep.jobs.embedding_request import EmbedOptions
        from dnasweep.models.embedding import embed

        # Checked like the options of the command line; only there are files required.
        asked = {"model": self.name, "data": (), "batch_size": batch_size}
        make_options(EmbedOptions, asked)
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
    """Load a model from a folder, an MLflow run, the model registry or the Hugging Face hub.

    Parameters
    ----------
    name_or_dir
        Folder of a model, `models:/NAME@ALIAS`, `models:/NAME/VERSION`, an MLflow run id, or
        OWNER/MODEL or OWNER/MODEL@REVISION on the Hugging Face hub. Pickled weights
        (`pytorch_model.bin`) are read in a separate process that cannot run code from the file.
    tracking_uri
        MLflow store to look the model up in. Default: MLFLOW_TRACKING_URI, else `runs/mlflow.db`.

    Raises
    ------
    InputError
        If there is no such model; the message lists those that exist.
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
    """Return a model given as an object or by name."""
    return model if isinstance(model, Model) else load_model(model)
