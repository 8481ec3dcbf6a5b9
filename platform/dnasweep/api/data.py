"""Labelled sequences from files, read as every command reads them."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import pandas as pd

from dnasweep.api.execution import console
from dnasweep.api.files import data_of, scratch_folder
from dnasweep.api.options import make_options, refuse_unknown
from dnasweep.data.column_names import ColumnOptions
from dnasweep.data.reading import read_rows
from dnasweep.formats.rejects import write_rejects

COLUMN_OPTIONS = {field.name for field in fields(ColumnOptions)}
"""Options that name columns."""
_FILES = ("paths", "positives", "negatives")
_OTHERS = inspect.signature(read_rows).parameters.keys() - {"columns", *_FILES}


def read_data(
    paths: str | Path | Sequence[str | Path] | pd.DataFrame = (),
    *,
    rejects: str | Path | None = None,
    progress: bool = True,
    **options: Any,
) -> pd.DataFrame:
    """Read sequences, and their labels if there are any, into one table.

    Parameters
    ----------
    paths
        Files and folders, or a table; see :func:`dnasweep.data.reading.read_rows`.
    rejects
        TSV file that bad rows are written to (file, row, reason, text), with `skip_bad_rows=True`.
    progress
        Whether to print to standard error how each file was interpreted.
    options
        `positives` and `negatives` (files of one class), `sequences` (FASTA files of tables that contain
        only labels), `species`, `genome`, `window`, `format`,
        `require_labels`, `skip_bad_rows`, `task`, `positive_label`, and `sequence_column`,
        `label_column`, `split_column`, `id_column` and `species_column` for columns that are not
        recognised by name;
        see :func:`dnasweep.data.reading.read_rows`.

    Returns
    -------
    table
        Columns `id`, `sequence`, `label` (-1 where unknown), `species`, `chrom`, `start`, `end`,
        `strand`, `split`, `shots`.

    Raises
    ------
    InputError
        For the first row that cannot be used, naming file, row and remedy; and for an unknown option.
    """
    named = {name: options.pop(name) for name in COLUMN_OPTIONS & options.keys()}
    columns = make_options(ColumnOptions, named).columns
    given = {"paths": paths, **{name: options.pop(name) for name in _FILES if name in options}}
    refuse_unknown(named | options, {*COLUMN_OPTIONS, *_FILES[1:], *_OTHERS})
    with scratch_folder() as scratch:
        files: dict[str, Any] = {
            name: data_of(one, scratch, name="data" if name == "paths" else name)
            for name, one in given.items()
        }
        reading = read_rows(columns=columns, **files, **options)
    for note in reading.notes:
        console(progress).print(note)
    if reading.rejected and rejects is not None:
        write_rejects(reading.rejected, Path(rejects))
    return reading.table
