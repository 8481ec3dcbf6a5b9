"""Turns sequences in any usual form (a list, a column, a table, files) into one table."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from dnasweep.api.foreign_objects import as_pandas, as_text, is_one_sequence
from dnasweep.data.columns import choose_columns
from dnasweep.data.label_reading import read_labels
from dnasweep.data.reading import Reading, read_rows
from dnasweep.data.rows import check_rows, is_species, label_cells
from dnasweep.data.source import Source
from dnasweep.data.species_names import tell_names
from dnasweep.data.table import COLUMNS, IUPAC, crop_table, make_table
from dnasweep.errors import InputError
from dnasweep.formats.delimited import Cells
from dnasweep.formats.paths import user_path
from dnasweep.formats.rejects import check_rejects

Sequences: TypeAlias = (
    "str | Path | Sequence[str] | Sequence[Path] | Mapping[str, str] | pd.Series | pd.DataFrame"
)
"""DNA: one string of bases, a list of strings, a dictionary of strings by id, a pandas column, a table whose
sequence column is called `sequence` or recognised as in a file (likewise `id`, `label`, `species`), or one
or several paths of files (FASTA, CSV, TSV...). Records of Biopython, pysam and pyfaidx are read like strings,
with their ids; tables and columns of pyarrow, polars and datasets like those of pandas."""

_BASES = re.compile(f"[{IUPAC}U]+", re.IGNORECASE)
GIVEN = "sequences"
"""Name that messages use for sequences that come from no file."""


def read_given(
    sequences: Sequences,
    *,
    crop: int | None = None,
    species: str | None = None,
    classes: Sequence[str] | None = None,
    say: Callable[[str], object] = lambda note: None,
) -> Reading:
    """Return sequences in any of the forms of :data:`Sequences` as rows of one table.

    Parameters
    ----------
    sequences
        The sequences. Their ids come from the column `id`, else from the index (of a dictionary: its
        keys) if its labels are text and unique; otherwise they are numbered from 0.
    crop
        Number of central bases that every sequence of a file is cut to.
    species
        Species of all rows of a file.
    classes
        Class names of a model; labels become their indices.
    say
        Called with each sentence on how files were interpreted.

    Raises
    ------
    InputError
        For a file that cannot be used, and for the first sequence that is not DNA, counted from 1.
    """
    sequences = as_pandas(sequences)
    if (paths := paths_of(sequences)) is not None:
        reading = read_rows(
            paths, species=species, require_labels=False, min_bases=crop or 1, classes=classes
        )
        for note in reading.notes:
            say(note)
        if crop is None:
            return reading
        return reading._replace(table=crop_table(reading.table, crop))
    if crop is not None or species is not None:
        raise InputError("crop and species apply only to files", remedy="Leave them out.")
    raw = _frame(sequences, say)
    source = Source(Path(GIVEN), GIVEN)
    labels = read_labels(label_cells(raw, required=False), required=False, classes=classes)
    frame, rejected = check_rows(raw, source, labels=labels, require_labels=False)
    check_rejects(
        rejected,
        num_left=len(frame),
        num_rows=len(raw),
        what="sequence",
        skip_bad_rows=False,
        keeps_classes=False,
    )
    if frame["numbered"].any():
        ids = raw["id"].tolist()
        second = next(i for i, name in enumerate(ids) if name and name in ids[:i])
        raise InputError(
            f"the id {ids[second]!r} already occurs in row {ids.index(ids[second]) + 1}",
            file=GIVEN,
            row=second + 1,
            remedy="Make the ids unique, or leave out the column id.",
        )
    for line in tell_names(raw["species"].str.strip().unique()) if "species" in raw else ():
        say(line)
    frame = frame.reset_index(drop=True)
    return Reading(make_table(frame), frame[["file", "row"]], [])


def label_texts(table: pd.DataFrame) -> pd.Series:
    """Return the labels of a table of sequences as they were given, as text; empty where unknown."""
    return label_cells(_frame(table, lambda note: None), required=False)


def paths_of(sequences: Any) -> list[Path] | None:
    """Return the paths of the files, or None if the sequences themselves are given."""
    if isinstance(sequences, Path):
        return [user_path(sequences)]
    if isinstance(sequences, str):
        # An empty text would be the path of the current folder.
        if not sequences.strip():
            return None
        path = user_path(sequences)
        there, is_dna = path.exists(), _BASES.fullmatch(sequences) is not None
        if there and is_dna:
            raise InputError(
                f"{sequences!r} is both DNA and the name of a file",
                remedy="Give pathlib.Path(...) for the file, or a list with the one sequence.",
            )
        return None if is_dna else [path]
    if isinstance(sequences, list | tuple) and any(isinstance(one, Path) for one in sequences):
        return [user_path(one) for one in sequences]
    return None


def _frame(sequences: Any, say: Callable[[str], object]) -> pd.DataFrame:
    """Return the text columns of rows that :func:`~dnasweep.data.rows.check_rows` reads."""
    if isinstance(sequences, pd.DataFrame):
        known = "sequence" in sequences
        names = list(sequences.columns)
        if twice := [name for name in COLUMNS if names.count(name) > 1]:
            raise InputError(
                f"the table has more than one column {twice[0]}", remedy="Rename one of them."
            )
        frame = sequences[[n for n in COLUMNS if n in sequences]] if known else sequences
        frame = frame.drop(columns=["split", "shots"], errors="ignore")
    else:
        known, frame = True, pd.DataFrame({"sequence": _column(sequences)})
    if frame.empty:
        raise InputError("there are no sequences")
    index = frame.index
    frame = frame.astype("str").where(frame.notna(), "").reset_index(drop=True)
    if not known:
        frame = _by_columns(frame, say)
    if "id" not in frame:
        named = "name" in frame and not is_species(frame)
        frame["id"] = frame["name"] if named else _ids_of(index)
    return frame.assign(row=np.arange(1, len(frame) + 1))


def _by_columns(frame: pd.DataFrame, say: Callable[[str], object]) -> pd.DataFrame:
    """Return a table read by the same columns as a file with these column names."""
    names = tuple(map(str, frame.columns))
    cells = frame.set_axis(range(len(names)), axis=1).assign(row=np.arange(1, len(frame) + 1))
    try:
        found = choose_columns(Cells(names, cells), file=Path(GIVEN), split_matters=False)
    except InputError as error:
        raise InputError(
            error.reason,
            remedy="Rename the column with the DNA: table.rename(columns={...: 'sequence'}).",
        ) from error
    if "sequence" not in found.frame:
        raise InputError(
            f"the table has coordinates in {', '.join(names)}, but no sequences",
            remedy="Write them to a file, and give that and a genome to the job.",
        )
    for note in found.notes:
        say(note)
    return found.frame.drop(columns="split", errors="ignore")


def _column(sequences: Any) -> pd.Series:
    one = is_one_sequence(sequences)
    try:
        column = pd.Series([sequences] if one else sequences, dtype=object)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"the sequences are of type {type(sequences).__name__}: {error}",
            remedy="Give a list of strings, a pandas column, a table, or the path of a file.",
        ) from error
    return as_text(column, GIVEN)


def _ids_of(index: pd.Index) -> list[str]:
    if index.is_unique and pd.api.types.is_string_dtype(index):
        return [str(one) for one in index]
    return [str(i) for i in range(len(index))]
