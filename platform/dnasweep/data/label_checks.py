"""Check that the labels of a data set can be learned and evaluated in every split."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dnasweep.data.base_labels import BASE_CLASSES, base_targets
from dnasweep.data.labels import Labels
from dnasweep.data.table import SPLITS, check_classes, row_error
from dnasweep.errors import InputError

_OTHER = {"regression": "numbers", "multilabel": "several per row", "token": "of every base"}
_OTHER["profile"] = "signals along a row"


def check_kinds(table: pd.DataFrame, origins: pd.DataFrame, labels: Labels) -> None:
    """Refuse rows that get a class from their file if the labels of other rows are not classes.

    Parameters
    ----------
    table
        All rows that were read.
    origins
        Columns `file` and `row`: the origin of each row.
    labels
        Description of the labels.
    """
    if labels.columns:
        _refuse(
            (table[labels.columns].isna() | (table[labels.columns] == "")).any(axis=1),
            origins,
            f"the file gives its rows a class, but the labels of others are {_OTHER[labels.task]}",
            "Give the labels of all rows in a column named label.",
        )


def check_rare(table: pd.DataFrame, origins: pd.DataFrame, labels: Labels) -> None:
    """Refuse a class with too few rows to be in every split, if there are more than two classes.

    Parameters
    ----------
    table, origins, labels
        As for :func:`check_kinds`.
    """
    if labels.task != "multiclass" or table.empty:
        return
    known = table["label"][table["label"] >= 0]
    classes = np.bincount(known, minlength=len(labels.names))
    rarest, num = int(classes.argmin()), int(classes.min())
    if num < len(SPLITS):
        _refuse(
            table["label"] == rarest,
            origins,
            f"the class {labels.names[rarest]!r} has {num} row(s), too few to be in train, "
            "validation and test",
            "Correct it if it is misspelt, or give more rows of it.",
        )


def _refuse(wrong: pd.Series, origins: pd.DataFrame, reason: str, remedy: str) -> None:
    """Raise `InputError` for the first wrong row, if there is any."""
    if wrong.any():
        raise row_error(origins, int(wrong.to_numpy().argmax()), reason, remedy)


def check_labels(table: pd.DataFrame, labels: Labels) -> None:
    """Raise `InputError` unless the labels of every split are sufficient for training and testing.

    Every class must occur in every split; numbers must vary within it; with several labels per row, each
    label must be both present and absent in some rows; and with classes of bases, each class must occur at
    some base. Few-shot sets may lack a validation split.

    Parameters
    ----------
    table
        A data set whose rows have splits.
    labels
        Description of the labels of the data set.
    """
    if labels.task == "binary":
        check_classes(table)
        return
    few_shot = bool(table["shots"].notna().any())
    for split in SPLITS:
        rows = table[table["split"] == split]
        if split == "validation" and few_shot and rows.empty:
            continue
        if labels.places > 1:
            _check_tracks(rows, split, labels)
        elif BASE_CLASSES in labels.columns:
            _check_bases(rows[BASE_CLASSES], split, labels)
        elif labels.columns:
            _check_outputs(rows[labels.columns], split, labels)
        else:
            _check_present(rows["label"], split, labels)


def _check_present(found: pd.Series, split: str, labels: Labels) -> None:
    missing = [name for i, name in enumerate(labels.names) if not (found == i).any()]
    if missing:
        raise InputError(
            f"the {split} split has {len(found):,} rows, but none of the class(es) "
            f"{', '.join(missing)}",
            remedy="Give more rows of them, or larger shares with --split-fractions, such as 0.5 "
            "0.25 0.25; given splits need rows of every class, or --split cluster.",
        )


def _check_tracks(rows: pd.DataFrame, split: str, labels: Labels) -> None:
    values = rows[labels.columns].to_numpy().reshape(len(rows), labels.places, -1)
    for one, name in enumerate(labels.names):
        if not len(rows) or np.ptp(values[..., one]) == 0:
            raise InputError(
                f"the track {name} is the same in all bins of the {len(rows):,} {split} rows",
                remedy="Give rows where it has a signal, or larger shares with --split-fractions, "
                "such as 0.5 0.25 0.25.",
            )


def _check_bases(symbols: pd.Series, split: str, labels: Labels) -> None:
    present = np.unique(base_targets(symbols))
    missing = [name for i, name in enumerate(labels.names) if i not in present]
    if missing:
        raise InputError(
            f"the {split} split has {len(symbols):,} rows, but no base of the class(es) "
            f"{', '.join(missing)}",
            remedy="Correct a class that is misspelt, give more rows of it, or larger shares with "
            "--split-fractions, such as 0.5 0.25 0.25.",
        )


def _check_outputs(values: pd.DataFrame, split: str, labels: Labels) -> None:
    constant = [
        name
        for name, column in zip(labels.names, labels.columns, strict=True)
        if values[column].nunique() < 2
    ]
    if constant:
        raise InputError(
            f"{', '.join(constant)}: all {len(values):,} {split} rows have the same value",
            remedy="Give more rows, or larger shares with --split-fractions, such as 0.5 0.25 0.25; "
            "leave out a column that is the same in every row.",
        )
