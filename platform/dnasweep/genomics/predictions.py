"""Predictions for a table of sequences, as a table with one row per sequence."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from dnasweep.config import AVERAGED
from dnasweep.errors import InputError
from dnasweep.models.encoder.capacity import capacity
from dnasweep.models.encoder.precision import Precision
from dnasweep.models.pretrained.config_file import CONFIG_FILE, read_config
from dnasweep.models.pretrained.heads import check_head, kind_of
from dnasweep.models.pretrained.vocabulary_match import check_own_vocabulary
from dnasweep.models.strands import strands_of
from dnasweep.plain import write_csv
from dnasweep.storage import Storage, try_writing
from dnasweep.tasks.calls import decision_threshold
from dnasweep.tasks.registry import task_of_model
from dnasweep.tasks.trained_lengths import note_on_lengths, trained_lengths
from dnasweep.tokens.loading import load_tokenizer
from dnasweep.tokens.model_files import reading

PREFIX = 1 << 20
"""Number of bases at the start of a longer sequence that are checked first."""
_TOO_LONG = "Cut it into windows of the length the model was trained on."
ROWS = 4096
"""Number of sequences computed together. Batches are formed among them by length, so a different
number changes probabilities in their last digits."""


class Predictor:
    """A classifier that is ready to predict.

    Parameters
    ----------
    directory
        The classifier, as exported by training.
    batch_size
        Number of sequences per forward pass.
    precision
        Arithmetic of the forward pass.
    device
        `cpu` or `cuda`; None: the GPU if there is one.

    Raises
    ------
    InputError
        If the directory does not contain a classifier.
    """

    def __init__(
        self,
        directory: Path,
        *,
        batch_size: int = 64,
        precision: Precision = "auto",
        device: str | None = None,
    ) -> None:
        self._directory, self._device = directory, device
        self._batch_size, self._precision = batch_size, precision
        config = read_config(directory)
        check_head(kind_of(directory), "classifier", directory)
        check_own_vocabulary(directory)
        self.tokenizer = load_tokenizer(directory)
        with reading(directory / CONFIG_FILE):
            self.task = task_of_model(config)
        """Task that the model was trained for."""
        self.names = list(self.task.names)
        """Names of classes or outputs, in the order of the predictions."""
        self.config = config
        """Contents of `config.json`."""
        self.threshold = decision_threshold(config)
        """Minimum probability for calling the second of two classes."""
        self.capacity = capacity(config)
        """Maximum number of tokens, special tokens included."""
        self.average = bool(config.get(AVERAGED, False))
        """Whether predictions average both strands."""
        self.lengths = trained_lengths(config)
        """Lengths of the sequences that the model was trained on, if it contains them."""

    @cached_property
    def _model(self) -> Any:
        # Loaded for the first sequence: a plan does not need torch.
        from dnasweep.models.pretrained.checkpoint import load_classifier

        return load_classifier(self._directory)

    def check(self, table: pd.DataFrame, say: Callable[[str], None] = lambda line: None) -> None:
        """Make sure that every sequence of a table fits into the model, as a whole.

        Parameters
        ----------
        table
            Columns `id` and `sequence`.
        say
            Called with a sentence if sequences have other lengths than the training sequences.

        Raises
        ------
        InputError
            If there are no rows, and for the first sequence with more tokens than the model has
            positions.
        """
        if len(table) == 0:
            raise InputError("there are no sequences to predict")
        capacity = self.capacity
        long = table[table["sequence"].str.len() > PREFIX] if capacity < PREFIX else table[:0]
        for name, sequence in zip(long["id"], long["sequence"], strict=True):
            # Tokenising the whole sequence would take 70 bytes per base, only to refuse it.
            beginning = self.tokenizer.encode([sequence[:PREFIX]]).offsets
            if int(np.diff(beginning)[0]) > capacity:
                raise InputError(
                    f"sequence {name!r} of {len(sequence):,} bases has more than {capacity:,} "
                    f"tokens in its first {PREFIX:,} bases, but the model has {capacity:,} positions",
                    remedy=_TOO_LONG,
                )
        for start in range(0, len(table), ROWS):
            part = table.iloc[start : start + ROWS]
            strands = strands_of(part["sequence"].tolist(), average=self.average)
            tokens = np.max(
                [np.diff(self.tokenizer.encode(strand).offsets) for strand in strands], axis=0
            )
            if tokens.max() > capacity:
                row = part.iloc[int(np.argmax(tokens > capacity))]
                raise InputError(
                    f"sequence {row['id']!r} of {len(row['sequence'])} bases has {tokens.max()} "
                    f"tokens, but the model has {capacity} positions",
                    remedy=_TOO_LONG,
                )
        if warning := note_on_lengths(self.lengths, table["sequence"].str.len()):
            say(warning)

    def probabilities(
        self, table: pd.DataFrame, progress: Callable[[int], None] = lambda done: None
    ) -> np.ndarray:
        """Return the probability of each class, (sequences, classes), float64; of classes of bases as
        :func:`~dnasweep.models.predict.predict_probabilities`.

        Parameters
        ----------
        table
            Columns `id` and `sequence`.
        progress
            Called with the number of finished rows.

        Raises
        ------
        InputError
            For the first sequence whose probabilities are not finite, named by its id.
        """
        from dnasweep.models.predict import predict_probabilities

        parts = []
        for start in range(0, len(table), ROWS):
            part = table.iloc[start : start + ROWS]
            try:
                found = predict_probabilities(
                    self._model,
                    self.tokenizer,
                    part["sequence"].tolist(),
                    batch_size=self._batch_size,
                    device=self._device,
                    dtype=self._precision,
                )
            except InputError as error:
                if error.row is None:
                    raise
                # The row number counts only rows of this part.
                reason = f"sequence {part['id'].iloc[error.row - 1]!r}: {error.reason}"
                raise InputError(reason, file=self._directory, remedy=error.remedy) from error
            parts.append(found)
            progress(start + len(part))
        return self.task.joined(parts)


class PredictionWorker:
    """Computes one shard of the work list of a prediction job.

    Parameters
    ----------
    storage, kind, key
        Storage, and kind and key of the model's artefact in it.
    settings
        Settings of the job: `batch_size` and `precision`.
    device
        `cpu` or `cuda`.
    """

    def __init__(
        self, *, storage: str, kind: str, key: str, settings: Mapping[str, Any], device: str
    ) -> None:
        self._predictor = Predictor(
            Storage(storage).expect(kind, key),
            batch_size=settings["batch_size"],
            precision=settings["precision"],
            device=device,
        )

    def smoke_test(self, rows: pa.Table) -> None:
        """Predict the first sequence."""
        self._predictor.probabilities(rows.to_pandas())

    def compute(
        self, rows: pa.Table, progress: Callable[[int], None]
    ) -> tuple[dict[str, pa.Table], dict[str, Any]]:
        """Return the probabilities of a shard's sequences."""
        found = self._predictor.probabilities(rows.to_pandas(), progress)
        packed = self._predictor.task.packed(found)
        columns = {f"probability_{i}": pa.array(list(one)) for i, one in enumerate(packed)}
        return {"predictions": pa.table({"id": rows["id"], **columns})}, {}


def prediction_table(
    table: pd.DataFrame,
    predicted: np.ndarray,
    config: Mapping[str, Any],
) -> pd.DataFrame:
    """Return one row per sequence: id, species, a probability for each class, and the call. For numbers, it
    has the predictions in the units of the labels; for bases, the intervals called each class, and the
    probability of the class at every base.

    A two-class model calls its second class at the threshold that its trial chose on validation, stored
    in its configuration as `decision_threshold`, or at 0.5; others call the most probable class. A model
    trained to average both strands is also called from both.

    Parameters
    ----------
    table
        Columns `id` and `species`.
    predicted
        Predictions for each class or output, shape (sequences, outputs).
    config
        Contents of the model's `config.json`.
    """
    frame = table[["id", "species"]].reset_index(drop=True)
    return frame.assign(**task_of_model(config).table(predicted, config))


def check_output(path: Path) -> None:
    """Create the folder of predictions, and check that it can be written to.

    Raises
    ------
    InputError
        For an extension other than .parquet and .csv, or a location that cannot be written to.
    """
    if path.suffix.lower() not in (".parquet", ".csv"):
        raise InputError(
            f"cannot write {path.suffix or 'a file without an extension'}",
            file=path,
            remedy="Use the extension .parquet or .csv.",
        )
    try:
        try_writing(path.parent)
    except OSError as error:
        raise InputError(
            f"the predictions cannot be written: {error.strerror or error}",
            file=path,
            remedy="Give another location with --out, or free space there.",
        ) from error


def write_predictions(frame: pd.DataFrame, path: Path) -> None:
    """Write predictions as Parquet or CSV, by the extension of `path`, atomically."""
    check_output(path)
    aside = path.with_name(path.name + ".tmp")
    try:
        if path.suffix.lower() == ".parquet":
            frame.to_parquet(aside, index=False)
        else:
            write_csv(_as_text(frame), aside)
        aside.rename(path)
    finally:
        aside.unlink(missing_ok=True)


def _as_text(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table in which lists of numbers are written as text, for CSV."""
    several = [n for n in frame if len(frame) and isinstance(frame[n].iloc[0], np.ndarray)]
    written = {
        str(n): frame[n].map(lambda cell: json.dumps([float(f"{one:.6g}") for one in cell]))
        for n in several
    }
    return frame.assign(**written) if written else frame
