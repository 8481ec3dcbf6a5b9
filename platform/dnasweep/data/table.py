"""The table used throughout the package, with one labelled sequence per row, and its checks."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from dnasweep.data.base_labels import BASE_CLASSES
from dnasweep.data.labels import OUTPUT
from dnasweep.data.species import CANONICAL
from dnasweep.errors import InputError

IUPAC = "ACGTRYSWKMBDHVN"
"""The letters of a sequence, with ambiguity codes; U is read as T."""

DTYPES: dict[str, str] = {
    "id": "str",
    "sequence": "str",
    "label": "int8",
    "species": "str",
    "chrom": "str",
    "start": "Int64",
    "end": "Int64",
    "strand": "str",
    "split": "str",
    "shots": "Int64",
}
"""Column types. `label` is -1 where unknown; text is empty where unknown; `start` and `end` are
0-based, half-open and missing where unknown; `shots` is the number of rows of each class in the
given few-shot set of a training row, missing if it belongs to none."""

COLUMNS = tuple(DTYPES)
"""The columns, in order. They are followed by float64 columns `output:NAME` if rows have numbers or several
labels instead of a class; or by `base_classes` with a symbol for each base if every base has a class
(:mod:`dnasweep.data.base_labels`)."""

SPLITS = ("train", "validation", "test")
"""The values of `split`, besides empty."""


def make_table(data: Mapping[str, Any] | pd.DataFrame) -> pd.DataFrame:
    """Return `data` as a table with all columns in order, their types and a new index.

    Parameters
    ----------
    data
        Data with at least `sequence`; other columns of `COLUMNS` are filled if absent (`id` with `seq:1`,
        `seq:2`, ...), columns of outputs are kept, and other columns are dropped. Not changed.

    Raises
    ------
    InputError
        Without a column `sequence`, or with values that do not fit the types.
    """
    frame = pd.DataFrame(dict(data) if isinstance(data, Mapping) else data).reset_index(drop=True)
    if "sequence" not in frame:
        raise InputError(f"there is no column 'sequence' among {list(frame.columns)}")
    columns: dict[str, Any] = {}
    for name, dtype in DTYPES.items():
        if name in frame:
            values: Any = frame[name]
            if dtype == "str":
                values = values.astype("str").fillna("")
        elif name == "id":
            values = pd.Series(frame.index + 1).map("seq:{}".format)
        else:
            fill: Any = {"str": "", "int8": -1, "Int64": pd.NA}[dtype]
            values = pd.Series(fill, index=frame.index)
        try:
            columns[name] = values.astype(dtype)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"column {name!r} does not contain {dtype} values: {error}"
            ) from error
        if dtype == "int8" and not (columns[name] == values).all():
            raise InputError("a label is not an integer from -1 to 127")
    for name in outputs_of(frame):
        if name == BASE_CLASSES:
            columns[name] = frame[name].astype("str").fillna("")
        else:
            columns[name] = frame[name].astype("float64")
    return pd.DataFrame(columns, index=frame.index)


def outputs_of(frame: pd.DataFrame) -> list[str]:
    """Return the columns of a table that contain outputs."""
    return [n for n in map(str, frame.columns) if n.startswith(OUTPUT) or n == BASE_CLASSES]


def _output_dtype(name: str) -> str:
    return "str" if name == BASE_CLASSES else "float64"


def _fail_at(frame: pd.DataFrame, bad: pd.Series, reason: str, file: str | Path | None) -> None:
    if bad.any():
        position = int(bad.to_numpy().argmax())
        value = str(frame["id"].iloc[position])[:60]
        raise InputError(f"{reason} (id {value!r})", file=file, row=position + 1)


def row_error(origins: pd.DataFrame, row: int, reason: str, remedy: str) -> InputError:
    """Return the error for a row that was read, with its file and row there, if it is from a file.

    Parameters
    ----------
    origins
        Columns `file` and `row`: the origin of each row.
    row
        Number of the row, from 0.
    reason, remedy
        As in :class:`~dnasweep.errors.InputError`.
    """
    if not (file := origins["file"].iloc[row]):
        return InputError(reason, remedy=remedy)
    return InputError(reason, file=file, row=int(origins["row"].iloc[row]), remedy=remedy)


def check_table(frame: pd.DataFrame, *, file: str | Path | None = None) -> pd.DataFrame:
    """Return `frame` itself if it is a valid table, for tables that were not made by a reader.

    Rows in messages are 1-based table rows.

    Raises
    ------
    InputError
        For wrong columns or types, an empty table, a repeated id, an empty sequence or one with letters
        other than upper-case IUPAC DNA, a label below -1, a species without a canonical name,
        or an unknown strand or split.
    """
    if tuple(frame.columns) != (*COLUMNS, *outputs_of(frame)):
        raise InputError(
            f"the columns are {list(frame.columns)} instead of {list(COLUMNS)}", file=file
        )
    outputs = [(name, _output_dtype(name)) for name in outputs_of(frame)]
    for name, dtype in (*DTYPES.items(), *outputs):
        if str(frame[name].dtype) != dtype:
            raise InputError(f"column {name!r} is {frame[name].dtype}, not {dtype}", file=file)
    if frame.empty:
        raise InputError("there is no sequence", file=file)
    _fail_at(frame, frame["id"] == "", "the id is empty", file)
    _fail_at(frame, frame["id"].duplicated(), "the id is used twice", file)
    clean = frame["sequence"].str.fullmatch(f"[{IUPAC}]+")
    _fail_at(frame, ~clean, "the sequence is empty or not upper-case IUPAC DNA", file)
    _fail_at(frame, frame["label"] < -1, "the label is below -1", file)
    if BASE_CLASSES in frame:
        differ = frame[BASE_CLASSES].str.len() != frame["sequence"].str.len()
        _fail_at(frame, differ, "the sequence does not have one class for each base", file)
    canonical = {s for s in frame["species"].unique() if not s or CANONICAL.fullmatch(s)}
    _fail_at(frame, ~frame["species"].isin(canonical), "the species has no canonical name", file)
    _fail_at(frame, ~frame["strand"].isin(("+", "-", "")), "the strand is not known", file)
    _fail_at(frame, ~frame["split"].isin((*SPLITS, "")), "the split is not known", file)
    return frame


def digest(table: pd.DataFrame) -> str:
    """Return a digest of the content of a table, including row order, as 16 hex digits."""
    state = hashlib.sha256()
    for column in (*COLUMNS, *outputs_of(table)):
        state.update("\x1f".join(table[column].astype("str").fillna("")).encode())
        state.update(b"\x1e")
    return state.hexdigest()[:16]


def crop_table(table: pd.DataFrame, num_bases: int) -> pd.DataFrame:
    """Return the table with every sequence cut to its `num_bases` central bases.

    If an odd number of bases is removed, the extra one is taken from the end. Coordinates that span the
    sequence are adjusted, according to its strand; rows and order are unchanged.

    Raises
    ------
    InputError
        For a number below 1, or a sequence of fewer bases.

    Examples
    --------
    >>> table = make_table({"id": ["a"], "sequence": ["AACGTT"], "label": [1]})
    >>> crop_table(table, 4)["sequence"].tolist()
    ['ACGT']
    """
    if num_bases < 1:
        raise InputError(f"crop is {num_bases!r}", remedy="Use 1 base or more.")
    bases = table["sequence"].str.len()
    if (bases < num_bases).any():
        first = int((bases < num_bases).to_numpy().argmax())
        raise InputError(
            f"the sequence {table['id'].iloc[first]!r} has {bases.iloc[first]} bases, but "
            f"{num_bases} are needed",
            remedy="Use a smaller --crop, or leave the row out.",
        )
    left = (bases - num_bases) // 2
    right = bases - num_bases - left
    spanned = ((table["end"] - table["start"]) == bases).fillna(False).astype(bool)
    backward = table["strand"] == "-"
    start = table["start"] + left.mask(backward, right)
    cut = {
        name: pd.Series(
            [s[i : i + num_bases] for s, i in zip(table[name], left, strict=True)],
            index=table.index,
            dtype="str",
        )
        for name in ("sequence", BASE_CLASSES)
        if name in table
    }
    return table.assign(
        **cut,
        start=table["start"].mask(spanned, start),
        end=table["end"].mask(spanned, start + num_bases),
    )


def check_classes(table: pd.DataFrame) -> None:
    """Raise `InputError` unless every split contains at least two classes, all labelled 0, 1, ...

    Few-shot sets may lack a validation split.
    """
    if (table["label"] < 0).any():
        first = table["id"][table["label"] < 0].iloc[0]
        raise InputError(
            f"the row {first!r} has no label", remedy="Give each row a label of 0, 1, ..."
        )
    classes = sorted(table["label"].unique().tolist())
    if len(classes) < 2:
        made = ", or have negatives made with --generate-negatives" if classes == [1] else ""
        raise InputError(
            f"all {len(table):,} rows have the label {classes[0] if classes else 'none'}",
            remedy=f"Give rows of both classes{made}.",
        )
    if classes != list(range(len(classes))):
        raise InputError(
            f"the labels are {', '.join(map(str, classes))}", remedy="Number the classes 0, 1, ..."
        )
    few_shot = bool(table["shots"].notna().any())
    for split in SPLITS:
        if split == "validation" and few_shot and not (table["split"] == split).any():
            continue
        labels = table["label"][table["split"] == split]
        if labels.nunique() < 2:
            raise InputError(
                f"the {split} split has {len(labels):,} rows of {labels.nunique()} class(es)",
                remedy="Give more rows, or larger shares with --split-fractions, such as 0.5 0.25 "
                "0.25; given splits need rows of both classes, or --split cluster.",
            )


def check_species(table: pd.DataFrame, species: Sequence[str]) -> None:
    """Raise `InputError` unless training has rows of `species`, of at least two if there are several."""
    train = table[table["split"] == "train"]
    present = set(train["species"].unique()) & set(species)
    wanted = ", ".join(species)
    held = ", ".join(sorted(s for s in train["species"].unique() if s)) or "no named species"
    if not present:
        raise InputError(
            f"there are no training rows of {wanted}; the data contain {held}",
            remedy="Choose species sets that occur in the data, or name the species with --species.",
        )
    if len(species) > 1 and len(present) < 2:
        raise InputError(
            f"of {wanted}, the training rows contain only {next(iter(present))}",
            remedy="Name that species instead of the set, or add data of the others.",
        )
