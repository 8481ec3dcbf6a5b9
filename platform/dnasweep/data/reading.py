"""Sequences from files of any format in use, as one table.

The steps, in order: find the files (:mod:`~dnasweep.data.sources`), recognise the format of each
(:mod:`~dnasweep.formats.detection`), parse it into columns of text (:mod:`~dnasweep.data.columns`,
:mod:`~dnasweep.formats.sequences`, :mod:`~dnasweep.formats.intervals`), cut sequences out of a genome
where the file gives coordinates (:mod:`~dnasweep.formats.reference`), check the rows
(:mod:`~dnasweep.data.rows`), and join all files into one table (:mod:`~dnasweep.data.table`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from dnasweep.data.catalogue import Catalogue
from dnasweep.data.columns import ACCEPTED, MEANING, Unlabelled, read_columns
from dnasweep.data.label_checks import check_kinds
from dnasweep.data.label_reading import read_labels
from dnasweep.data.labels import ZERO_AND_ONE, Labels, TaskChoice
from dnasweep.data.rows import (
    check_rows,
    check_shots,
    is_species,
    join_rows,
    label_cells,
    loses_class,
)
from dnasweep.data.sources import Source, find_sources
from dnasweep.data.species import resolve
from dnasweep.data.species_names import tell_names
from dnasweep.errors import InputError
from dnasweep.formats.detection import FORMATS, Format, detect_format, name_tells, read_bytes
from dnasweep.formats.intervals import read_intervals, widen_starts
from dnasweep.formats.paths import user_path
from dnasweep.formats.reference import cut_out
from dnasweep.formats.rejects import RejectedRow, check_rejects, parsing
from dnasweep.formats.sequences import read_fasta, read_lines

Paths = str | Path | Sequence[str | Path]


class Reading(NamedTuple):
    """Rows, where each of them comes from, and the rows that were left out."""

    table: pd.DataFrame
    """The good rows."""
    origins: pd.DataFrame
    """For each of them `file`, as text, and `row`, 1-based with the header counted."""
    rejected: list[RejectedRow]
    """The bad rows."""
    notes: tuple[str, ...] = ()
    """Sentences about how the files were understood: what a file was taken for, where splits and
    species come from, which columns are not read."""
    labels: Labels = ZERO_AND_ONE
    """What the labels are."""


def read_rows(
    paths: Paths = (),
    *,
    positives: Paths = (),
    negatives: Paths = (),
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
) -> Reading:
    """Read labelled sequences into one table, and keep track of where each row comes from.

    CSV and TSV are read (headers: `columns.ACCEPTED`), k-mer TSV as DNABERT writes it, FASTA,
    EPDnew FASTA, SGA, FPS and .dat, BED, and plain text with one sequence per line; each also as
    gzip, recognised by content. Folders and names of files are described in :func:`find_sources`, and
    how a format is recognised in :func:`detect_format`. Letters are made upper case, U is read as T.

    Parameters
    ----------
    paths
        Files and folders. In files without labels, EPDnew's and one-base BED rows, which list
        promoters, are 1, and files named positive and negative are 1 and 0.
    positives, negatives
        Files and folders all of whose rows have label 1, or 0, if they have no labels themselves.
    species
        Species of the rows that name none; unset, a file's name or RefSeq accessions may give it.
    genome
        FASTA that coordinates refer to.
    window
        First and last base taken around a transcription start, which is 0.
    require_labels
        Whether rows without label are refused; otherwise their label is -1.
    skip_bad_rows
        Whether to go on with the good rows if there are bad ones.
    min_bases
        Bases below which a sequence is a bad row.
    format
        Format of all files; auto: by name and content of each.
    split_matters
        Whether rows keep the splits they are given in, so that a split that is not certain is
        refused. None: as `require_labels`.
    catalogue
        What is known about species; None: what the platform knows.
    task, positive_label, classes
        How labels are read, as for :func:`~dnasweep.data.label_reading.read_labels`.

    Returns
    -------
    reading
        Rows in the order of the files. Ids not given are `<file>:<row>`; ids used in several
        files get the file's name before them.

    Raises
    ------
    InputError
        For a file that cannot be used at all, and for the first row that cannot unless
        `skip_bad_rows`; if no row is left.
    """
    if format not in FORMATS:
        raise InputError(f"format is {format!r}", remedy=f"Use one of {', '.join(FORMATS)}.")
    matters = require_labels if split_matters is None else split_matters
    sources, notes = find_sources(
        _listed(paths),
        _listed(positives),
        _listed(negatives),
        species=resolve(species, catalogue) if species else "",
        split_matters=matters,
    )
    if not sources:
        raise InputError("no file is given", remedy="Give files or folders with --data.")
    if species:
        notes += tell_names([species], catalogue)
    reference = None if genome is None else user_path(genome)
    how = _How(format, reference, window, require_labels, matters)
    files: list[tuple[Source, _Parsed]] = []
    for source in sources:
        with parsing(source.path):
            parsed = _parse(source, how)
        files.append((source._replace(label=parsed.label), parsed))
    # What a label means is seen in all of them together.
    cells = [label_cells(parsed.frame, required=require_labels) for _, parsed in files]
    labels = read_labels(
        pd.concat(cells),
        task=task,
        positive=positive_label,
        required=require_labels,
        classes=classes,
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
                "holds no sequence", file=source.path, remedy="Give a file with sequences."
            )
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
    num_good = sum(map(len, frames))
    check_rejects(
        rejected,
        num_left=num_good,
        num_rows=num_good + len({(row.file, row.row) for row in rejected}),
        what="good row",
        skip_bad_rows=skip_bad_rows,
        keeps_classes=not (loses_any and require_labels),
    )
    table, origins = join_rows(frames, sources)
    if require_labels:
        check_kinds(table, origins, labels.labels)
        notes += [labels.note] * bool(labels.note)
    return Reading(table, origins, rejected, tuple(dict.fromkeys(notes)), labels.labels)


class _How(NamedTuple):
    """What holds for all files of a reading; see :func:`read_rows`."""

    format: Format
    genome: Path | None
    window: tuple[int, int]
    require_labels: bool
    split_matters: bool


class _Parsed(NamedTuple):
    """What a file holds."""

    frame: pd.DataFrame
    """Text columns of the table, `sequence` among them, and `row`."""
    rejected: list[RejectedRow]
    """Rows that could not be parsed."""
    label: int | None
    """Label of rows that give none."""
    notes: list[str]
    """How the file was understood."""


def _listed(paths: Paths) -> list[Path]:
    listed = [paths] if isinstance(paths, str | Path) else list(paths)
    return [user_path(path) for path in listed]


def _parse(source: Source, how: _How) -> _Parsed:
    """Return the rows of one file as text, with sequences cut out of the genome if need be."""
    path, label = source.path, source.label
    data = read_bytes(path)
    kind = how.format
    understood: list[str] = []
    if how.format == "auto":
        kind = detect_format(data, path, header_names=MEANING)
        understood += [] if name_tells(path, kind) else [f"read as {kind.upper()}"]
    rejected: list[RejectedRow] = []
    notes: list[str] = []
    header: tuple[str, ...] = ()
    lists_promoters = False
    if kind == "fasta":
        frame, lists_promoters = read_fasta(data)
    elif kind == "text":
        frame = read_lines(data)
    elif kind in ("csv", "tsv"):
        separators = "\t,;" if how.format == "auto" else "\t" if kind == "tsv" else ",;"
        columns = read_columns(
            data, file=path, separators=separators, split_matters=how.split_matters
        )
        frame, rejected, header = columns.frame, columns.rejected, columns.header
        notes += columns.notes
        if "sequence" not in frame:
            frame = frame.assign(strand=frame.get("strand", ""))
            frame, bad = widen_starts(frame, window=how.window, file=path)
            rejected = [*rejected, *bad]
    else:
        frame, rejected = read_intervals(data, kind, window=how.window, file=path)
        lists_promoters = bool(frame["tss"].all()) and len(frame) > 0
    if "tss" in frame and (num_starts := int(frame["tss"].sum())):
        bases = how.window[1] - how.window[0] + 1
        understood.append(
            f"{num_starts:,} of {len(frame):,} rows are one base, taken as a transcription start "
            f"and widened to {bases:,} bases"
        )
    if label is None and lists_promoters:
        label = 1
        if how.require_labels:
            understood.append("label 1, as a list of promoters")
    if understood:
        notes.append(f"{path.name}: {'; '.join(understood)}")
    if how.require_labels and label is None and "label" not in frame:
        raise _unlabelled(path, kind, header)
    if "sequence" not in frame:
        if how.genome is None:
            remedy = "Give sequences: bedtools getfasta -s cuts them out of a genome."
            if how.require_labels:
                remedy = "Give the FASTA they refer to with --genome."
            raise InputError("gives coordinates, not sequences", file=path, remedy=remedy)
        frame, bad = cut_out(frame, genome=how.genome, file=path)
        rejected = [*rejected, *bad]
    return _Parsed(frame, rejected, label, notes)


def _unlabelled(path: Path, kind: str, header: Sequence[str]) -> Unlabelled:
    """Return the error for a file without labels; its header is empty if it has none."""
    if kind in ("csv", "tsv"):
        return Unlabelled(
            f"there is no column with labels: found {', '.join(header[:20])}",
            file=path,
            row=1,
            remedy=f"Name it {' or '.join(ACCEPTED['label'][:2])} (any case).",
        )
    return Unlabelled(
        "nothing says which label its sequences have",
        file=path,
        remedy="Give it as --positives or --negatives.",
    )
