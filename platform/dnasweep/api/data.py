"""Labelled sequences from files, read as every command reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import pandas as pd

from dnasweep.api.execution import console
from dnasweep.api.options import make_options
from dnasweep.data.column_names import ColumnOptions
from dnasweep.data.reading import read_rows
from dnasweep.formats.rejects import write_rejects

COLUMN_OPTIONS = {field.name for field in fields(ColumnOptions)}
"""Options that name columns."""


def read_data(
    paths: str | Path | Sequence[str | Path] = (),
    *,
    rejects: str | Path | None = None,
    progress: bool = True,
    **options: Any,
) -> pd.DataFrame:
    """Read sequences, and their labels if there are any, into one table.

    Parameters
    ----------
    paths
        Files and folders; see :func:`dnasweep.data.reading.read_rows`.
    rejects
        TSV file that bad rows are written to (file, row, reason, text), with `skip_bad_rows=True`.
    progress
        Whether to print to standard error how each file was interpreted.
    options
        `positives` and `negatives` (files of one class), `species`, `label`, `genome`, `window`,
        `format`, `require_labels`, `skip_bad_rows`, `task`, `positive_label`, and `sequence_column`,
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
        For the first row that cannot be used, naming file, row and remedy.
    """
    named = {name: options.pop(name) for name in COLUMN_OPTIONS & options.keys()}
    reading = read_rows(paths, columns=make_options(ColumnOptions, named).columns, **options)
    for note in reading.notes:
        console(progress).print(note)
    if reading.rejected and rejects is not None:
        write_rejects(reading.rejected, Path(rejects))
    return reading.table
