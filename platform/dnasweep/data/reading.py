"""Read sequences from files of any supported format into one table.

The steps are, in order: find the files (:mod:`~dnasweep.data.sources`), parse each into columns of text
(:mod:`~dnasweep.data.parsing`), check the rows (:mod:`~dnasweep.data.rows`), and join all files into one
table (:mod:`~dnasweep.data.table`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from dnasweep.data.catalogue import Catalogue
from dnasweep.data.column_names import ColumnNames
from dnasweep.data.label_checks import check_kinds
from dnasweep.data.label_reading import read_labels
from dnasweep.data.labels import ZERO_AND_ONE, Labels, TaskChoice
from dnasweep.data.parsing import How, Parsed, parse
from dnasweep.data.rows import (
    check_rows,
    check_shots,
    is_species,
    join_rows,
    label_cells,
    loses_class,
)
from dnasweep.data.source import Source
from dnasweep.data.sources import find_sources
from dnasweep.data.species import resolve
from dnasweep.data.species_names import tell_names
from dnasweep.errors import InputError
from dnasweep.formats.detection import FORMATS, Format
from dnasweep.formats.headers import canonical_name
from dnasweep.formats.paths import user_path
from dnasweep.formats.rejects import RejectedRow, check_rejects, parsing

Paths = str | Path | Sequence[str | Path]


class Reading(NamedTuple):
    """Rows, their origins, and the rows that were left out."""

    table: pd.DataFrame
    """The good rows."""
    origins: pd.DataFrame
    """For each good row `file`, as text, and `row`, 1-based including the header."""
    rejected: list[RejectedRow]
    """The bad rows."""
    notes: tuple[str, ...] = ()
    """Sentences on how the files were interpreted: formats, sources of splits and species, and columns
    that are not read."""
    labels: Labels = ZERO_AND_ONE
    """What the labels are."""


def read_rows(
    paths: Paths = (),
    *,
    positives: Paths = (),
    negatives: Paths = (),
    sequences: Paths = (),
    species: str | None = None,
    genome: str | Path | None = None,
    window: tuple[int, int] = (-300, 300),
    require_labels: bool = True,
    skip_bad_rows: bool = False,
    min_bases: int = 1,
    format: Format = "auto",
    split_matters: bool | None = None,
    catalogue: Catalogue | None = None,
    task: TaskChoice = "auto",
    positive_label: str | None = None,
    classes: Sequence[str] | None = None,
    columns: ColumnNames = ColumnNames(),  # noqa: B008 a tuple
) -> Reading:
    """Read labelled sequences into one table, and keep track of where each row comes from.

    Supported formats are CSV and TSV (headers: `column_names.ACCEPTED`), k-mer TSV of DNABERT, JSON,
    Parquet and Arrow with the same column names, FASTA, EPDnew FASTA, SGA, FPS and .dat, GenBank, BED,
    transcription starts of GTF and GFF, and plain text with one sequence per line; each may be compressed
    with gzip, bzip2, xz or zstd, recognised by content. Folders and file names are described in
    :func:`~dnasweep.data.sources.find_sources`, and the detection of formats in
    :func:`~dnasweep.formats.detection.detect_format`. Letters are converted to upper case, U is read as T.

    Parameters
    ----------
    paths
        Files and folders. In files without labels, rows of EPDnew and one-base BED rows, which are
        promoters, get label 1, and files named positive and negative get labels 1 and 0.
    positives, negatives
        Files and folders whose rows get label 1, or 0, unless they have labels themselves.
    sequences
        FASTA files with the sequences of tables that have none, as for
        :func:`~dnasweep.data.sources.find_sources`.
    species
        Species of rows that name none; if unset, it may come from file names or RefSeq accessions.
    genome
        FASTA that coordinates refer to.
    window
        First and last base of the window around a transcription start, which is base 0.
    require_labels
        Whether rows without a label are refused; otherwise their label is -1.
    skip_bad_rows
        Whether to continue with the good rows if there are bad ones.
    min_bases
        Minimum length of a sequence in bases; shorter sequences are bad rows.
    format
        Format of all files; `auto` detects it from the name and content of each file.
    split_matters
        Whether rows keep their given splits, so that uncertain splits are refused. None for the value of
        `require_labels`.
    catalogue
        Catalogue of known species; None for the built-in one.
    task, positive_label, classes
        How labels are read, as for :func:`~dnasweep.data.label_reading.read_labels`.
    columns
        Columns named by the user; other columns are found by standard names.

    Returns
    -------
    reading
        Rows in the order of the files. Missing ids are `<file>:<row>`; ids used in several files are
        prefixed with the file name.

    Raises
    ------
    InputError
        For a file that cannot be used at all, for the first bad row unless `skip_bad_rows` is set, and if no
        row is left.
    """
    if format not in FORMATS:
        raise InputError(f"format is {format!r}", remedy=f"Use one of {', '.join(FORMATS)}.")
    matters = require_labels if split_matters is None else split_matters
    sources, notes = find_sources(
        _listed(paths),
        _listed(positives),
        _listed(negatives),
        sequences=_listed(sequences),
        species=resolve(species, catalogue) if species else "",
        split_matters=matters,
    )
    if not sources:
        raise InputError("no file is given", remedy="Give files or folders with --data.")
    if species:
        notes += tell_names([species], catalogue)
    reference = None if genome is None else user_path(genome)
    how = How(format, reference, window, require_labels, matters, columns)
    files: list[tuple[Source, Parsed]] = []
    for source in sources:
        with parsing(source.path):
            parsed = parse(source, how)
        files.append((source._replace(label=parsed.label), parsed))
    if columns.given and not columns.where_present and not any(p.has_columns for _, p in files):
        raise InputError(
            f"{columns.given[0]} names a column, but no file has columns", remedy="Leave it out."
        )
    # The meaning of labels is inferred from all of them together.
    cells = [label_cells(parsed.frame, required=require_labels) for _, parsed in files]
    labels = read_labels(
        pd.concat(cells, ignore_index=True),
        task=task,
        positive=positive_label,
        required=require_labels,
        classes=classes,
        columns=_label_columns(files),
        sequences=pd.concat(
            [parsed.frame["sequence"].astype("str").str.strip() for _, parsed in files],
            ignore_index=True,
        ),
    )
    frames: list[pd.DataFrame] = []
    rejected: list[RejectedRow] = []
    loses_any = False
    for source, parsed in files:
        with parsing(source.path):
            frame, bad = check_rows(
                parsed.frame,
                source,
                labels=labels,
                require_labels=require_labels,
                min_bases=min_bases,
                catalogue=catalogue,
            )
        bad = sorted([*parsed.rejected, *bad], key=lambda row: row.row)
        if frame.empty and not bad:
            raise InputError(
                "contains no sequence", file=source.path, remedy="Give a file with sequences."
            )
        notes += _contradicted(source, parsed, frame)
        if source.shots is not None and not bad:
            check_shots(frame, source)
        if not labels.labels.columns:
            loses_any = loses_any or loses_class(parsed.frame, frame)
        frames.append(frame)
        rejected += bad
        notes += parsed.notes
        column = "name" if is_species(parsed.frame, catalogue) else "species"
        if column in parsed.frame:
            names = parsed.frame[column].astype("str").str.strip().unique()
            said = tell_names(names, catalogue)
            notes += [f"{source.path.name}: {line}" for line in said]
        if numbered := int(frame["numbered"].sum()):
            example = frame["id"][frame["numbered"]].iloc[0]
            notes.append(
                f"{source.path.name}: {numbered:,} rows repeat the id of another row and are numbered, as "
                f"in {example}"
            )
    num_good = sum(map(len, frames))
    check_rejects(
        rejected,
        num_left=num_good,
        num_rows=num_good + len({(row.file, row.row) for row in rejected}),
        what="row",
        skip_bad_rows=skip_bad_rows,
        keeps_classes=not (loses_any and require_labels),
    )
    table, origins = join_rows(frames, sources)
    if require_labels:
        check_kinds(table, origins, labels.labels)
        notes += [labels.note] * bool(labels.note)
    return Reading(table, origins, rejected, tuple(dict.fromkeys(notes)), labels.labels)


def _listed(paths: Paths) -> list[str | Path]:
    return [paths] if isinstance(paths, str | Path) else list(paths)


def _contradicted(source: Source, parsed: Parsed, frame: pd.DataFrame) -> list[str]:
    """Return messages about rows whose label contradicts that of their file."""
    if parsed.label is None or "label" not in parsed.frame:
        return []
    num = int((frame["label"] != parsed.label).sum())
    name = "positives" if parsed.label else "negatives"
    return [
        f"{source.path.name}: given as {name}, but {num:,} rows have another label, which is used"
    ][: bool(num)]


def _label_columns(files: Sequence[tuple[Source, Parsed]]) -> tuple[str, ...]:
    """Return the names of the label columns, which must agree in all files; () if they differ.

    Raises
    ------
    InputError
        If a file has several label columns, and another file has different ones.
    """
    labelled = [(source, parsed) for source, parsed in files if "label" in parsed.frame]
    names = {tuple(map(canonical_name, parsed.labels)) for _, parsed in labelled}
    if len(names) == 1:
        return labelled[0][1].labels
    if any(len(one) > 1 for one in names):
        first = labelled[0][1].labels
        other = next(s for s, p in labelled if len(p.labels) != len(first) or p.labels != first)
        raise InputError(
            f"has other columns of labels than {labelled[0][0].path.name}, where they are "
            f"{', '.join(first)}",
            file=other.path,
            remedy="Name the same columns for all files with --label-column.",
        )
    return ()
