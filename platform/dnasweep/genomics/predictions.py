"""Predictions for a table of sequences, as the rows people keep."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from dnasweep.config import AVERAGED
from dnasweep.errors import InputError
from dnasweep.models.encoder.capacity import capacity
from dnasweep.models.encoder.precision import Precision
from dnasweep.models.predict import predict_probabilities
from dnasweep.models.pretrained.checkpoint import load_classifier, read_config
from dnasweep.models.strands import strands_of
from dnasweep.plain import write_csv
from dnasweep.storage import try_writing
from dnasweep.tasks.calls import call_classes, decision_threshold
from dnasweep.tokens.loading import load_tokenizer
from dnasweep.tokens.tokenizers import DnaTokenizer

PREFIX = 1 << 20
"""Bases of a longer sequence that are looked at first."""
_TOO_LONG = "Cut it into windows of the length the model was trained on."
ROWS = 4096
"""Rows between two words of progress."""


def predict_table(
    model_directory: Path,
    table: pd.DataFrame,
    *,
    batch_size: int = 64,
    precision: Precision = "auto",
    progress: Callable[[int], None] | None = None,
) -> pd.DataFrame:
    """Return one row a sequence: id, species, a probability for each class, and the call.

    A two-class model calls its second class at the threshold its trial chose on validation, kept
    in its configuration as `decision_threshold`, or at 0.5; others call the likeliest class. A
    model that was trained to call by both strands is called by both.

    Parameters
    ----------
    model_directory
        A classifier as exported by training.
    table
        Sequences, as :mod:`dnasweep.data.reading` reads them.
    progress
        Called with the number of rows done.

    Raises
    ------
    InputError
        When there are no rows, or a sequence has more tokens than the model has positions.
    """
    if len(table) == 0:
        raise InputError("there are no sequences to predict")
    model, tokenizer = load_classifier(model_directory), load_tokenizer(model_directory)
    settings = read_config(model_directory)
    labels = {int(i): str(name) for i, name in (model.config.id2label or {}).items()}
    names = [labels[i] for i in range(len(labels))]
    sequences = table["sequence"].tolist()
    average, threshold = bool(settings.get(AVERAGED, False)), decision_threshold(settings)
    _check_lengths(tokenizer, table, capacity(settings), average)
    parts = []
    for start in range(0, len(sequences), ROWS):
        part = sequences[start : start + ROWS]
        try:
            found = predict_probabilities(
                model, tokenizer, part, batch_size=batch_size, dtype=precision
            )
        except InputError as error:
            if error.row is None:
                raise
            # It counts the rows of this part alone.
            name = table["id"].iloc[start + error.row - 1]
            raise InputError(
                f"sequence {name!r}: {error.reason}", file=model_directory, remedy=error.remedy
            ) from error
        parts.append(found)
        if progress is not None:
            progress(start + len(part))
    probabilities = np.concatenate(parts)
    frame = table[["id", "species"]].reset_index(drop=True)
    for column, name in enumerate(names):
        frame[f"probability_{name}"] = probabilities[:, column]
    frame["call"] = np.asarray(names)[call_classes(probabilities, threshold)]
    return frame


def _check_lengths(tokenizer: DnaTokenizer, table: pd.DataFrame, held: int, average: bool) -> None:
    long = table[table["sequence"].str.len() > PREFIX] if held < PREFIX else table[:0]
    for name, sequence in zip(long["id"], long["sequence"], strict=True):
        # Cut into tokens as a whole, it would take 70 bytes a base only to be refused.
        beginning = tokenizer.encode([sequence[:PREFIX]]).offsets
        if int(np.diff(beginning)[0]) > held:
            raise InputError(
                f"sequence {name!r} of {len(sequence):,} bases has more than {held:,} tokens "
                f"in its first {PREFIX:,} bases, the model holds {held:,}",
                remedy=_TOO_LONG,
            )
    for start in range(0, len(table), ROWS):
        part = table.iloc[start : start + ROWS]
        strands = strands_of(part["sequence"].tolist(), average=average)
        tokens = np.max([np.diff(tokenizer.encode(strand).offsets) for strand in strands], axis=0)
        if tokens.max() > held:
            row = part.iloc[int(np.argmax(tokens > held))]
            raise InputError(
                f"sequence {row['id']!r} of {len(row['sequence'])} bases has {tokens.max()} "
                f"tokens, the model holds {held}",
                remedy=_TOO_LONG,
            )


def check_output(path: Path) -> None:
    """Make the folder of predictions, and make sure that they can be written there.

    Raises
    ------
    InputError
        For an ending other than .parquet and .csv, or a place that cannot be written to.
    """
    if path.suffix.lower() not in (".parquet", ".csv"):
        raise InputError(
            f"cannot write {path.suffix or 'a file without ending'}",
            file=path,
            remedy="End the name in .parquet or .csv.",
        )
    try:
        try_writing(path.parent)
    except OSError as error:
        raise InputError(
            f"the predictions cannot be written: {error.strerror or error}",
            file=path,
            remedy="Give another place with --out, or free space there.",
        ) from error


def write_predictions(frame: pd.DataFrame, path: Path) -> None:
    """Write predictions as Parquet or CSV, by the ending of `path`, in one step."""
    check_output(path)
    aside = path.with_name(path.name + ".tmp")
    try:
        if path.suffix.lower() == ".parquet":
            frame.to_parquet(aside, index=False)
        else:
            write_csv(frame, aside)
        aside.rename(path)
    finally:
        aside.unlink(missing_ok=True)
