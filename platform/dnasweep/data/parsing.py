"""Read one file as columns of text: detect the format, find the columns, cut out intervals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from dnasweep.data.column_names import ColumnNames
from dnasweep.data.columns import choose_columns, unlabelled
from dnasweep.data.separate_sequences import add_sequences, one_column
from dnasweep.data.source import Source
from dnasweep.data.title_labels import check_all_have_labels, read_title_labels
from dnasweep.errors import InputError
from dnasweep.formats.annotation import check_regions, read_starts
from dnasweep.formats.bed import CCRE_CLASS, VALUE, read_bed_cells
from dnasweep.formats.content import columnar_kind, read_content
from dnasweep.formats.coordinate_origin import count_from_zero, counts_from_one, plain_positions
from dnasweep.formats.delimited import Cells, read_table
from dnasweep.formats.detection import Format, detect_format, name_tells
from dnasweep.formats.genbank import read_genbank
from dnasweep.formats.headers import SEPARATORS, canonical_name
from dnasweep.formats.intervals import count_lengths_from_zero, read_intervals, widen_starts
from dnasweep.formats.records import read_columnar, read_json
from dnasweep.formats.reference import cut_out
from dnasweep.formats.rejects import RejectedRow
from dnasweep.formats.sequences import join_wrapped, read_fasta, read_lines, titles_of


class How(NamedTuple):
    """Options for all files of a reading; see :func:`~dnasweep.data.reading.read_rows`."""

    format: Format
    genome: Path | None
    window: tuple[int, int]
    require_labels: bool
    split_matters: bool
    columns: ColumnNames


class Parsed(NamedTuple):
    """The contents of a file."""

    frame: pd.DataFrame
    """Text columns of the table, including `sequence`, and `row`."""
    rejected: list[RejectedRow]
    """Rows that could not be parsed."""
    label: int | None
    """Label of rows without one of their own."""
    notes: list[str]
    """Messages on how the file was interpreted."""
    has_columns: bool = False
    """Whether it is a table of named columns."""
    labels: tuple[str, ...] = ()
    """Names of the label columns."""


_TABLES = ("csv", "tsv", "json", "parquet", "arrow")
_OF_COLUMNS = (*_TABLES, "bed")

_CERTAIN = {
    CCRE_CLASS: "the class of each cCRE, in the sixth column, is its label, CTCF-bound or not",
    VALUE: "the labels are the values of bedGraph",
}


def parse(source: Source, how: How) -> Parsed:
    """Return the rows of one file as text, with sequences cut out of the genome if necessary.

    Parameters
    ----------
    source
        The file.
    how
        Options that apply to all files.

    Raises
    ------
    InputError
        For a file that cannot be used at all.
    """
    path, label = source.path, source.label
    if source.files:
        frame = _read_texts(source.files)
        return _finish(Parsed(frame, [], label, []), source, how)
    data = read_content(path)
    kind = _kind(data, path, how)
    if source.sequences is not None:
        kind = _kind_of_labels(kind, path, source.sequences)
    understood = (
        [] if how.format != "auto" or name_tells(path, kind) else [f"read as {kind.upper()}"]
    )
    rejected: list[RejectedRow] = []
    notes: list[str] = []
    header: Sequence[str] = ()
    labels: tuple[str, ...] = ()
    lists_promoters = False
    if kind in _OF_COLUMNS:
        wanted = how.require_labels and label is None and not source.class_name
        plain = source.sequences is not None and kind in ("csv", "tsv")
        cells = (one_column(data) if plain else None) or _read_cells(data, kind, path, how)
        columns = how.columns
        cells, had_commas = plain_positions(cells)
        if counted := counts_from_one(cells):
            cells = count_from_zero(cells)
        places = pd.DataFrame(index=cells.frame.index)
        if source.sequences is not None:
            cells, columns, places, note = add_sequences(
                cells, source.sequences, file=path, names=columns
            )
            understood.append(note)
        if kind == "bed" and wanted and not columns.label:
            # Of the columns of BED, only a bedGraph value and a cCRE class are certainly labels.
            told = [name for name in cells.names if name in (VALUE, CCRE_CLASS)]
            columns = columns._replace(label=tuple(map(canonical_name, told)))
            understood += [_CERTAIN[name] for name in told]
        found = choose_columns(
            cells,
            file=path,
            names=columns,
            label_wanted=wanted and kind != "bed",
            split_matters=how.split_matters,
            has_genome=how.genome is not None,
        )
        frame, rejected, header = found.frame, cells.rejected, found.header
        frame = frame.join(places[[name for name in places if name not in frame]])
        if kind == "bed":
            header = [name for i, name in enumerate(header) if i in cells.frame]
        labels = found.labels
        notes += found.notes
        if "start" in frame and had_commas:
            notes.append(f"{path.name}: commas in positions separate thousands")
        if "start" in frame and counted:
            notes.append(
                f"{path.name}: start counts from 1, {counted}, and is converted to count from 0"
            )
        if "sequence" not in frame:
            if {"ref", "alt"} <= set(map(canonical_name, header)):
                raise InputError(
                    "lists variants, as its columns ref and alt show, of which only the place would be read",
                    file=path,
                    row=cells.header_row or None,
                    remedy="Score them with dnasweep score-variants, or remove these columns if you mean the places.",
                )
            if kind == "bed":
                frame = frame.rename(columns={} if "id" in frame else {"name": "id"})
                frame = frame.assign(
                    id=frame.get("id", pd.Series("", frame.index)).replace(".", "")
                )
                if how.columns.label and labels:
                    what = "columns" if len(labels) > 1 else "column"
                    notes.append(f"{path.name}: the labels are the {what} {', '.join(labels)}")
            elif not counted:
                notes.append(f"{path.name}: start counts from 0, as in BED")
            frame = frame.assign(strand=frame.get("strand", ""))
            frame, bad = widen_starts(frame, window=how.window, file=path)
            rejected = [*rejected, *bad]
            lists_promoters = kind == "bed" and bool(frame["tss"].all()) and len(frame) > 0
    elif kind == "fasta":
        frame, lists_promoters = read_fasta(data)
        if nameless := int((frame["id"] == "").sum()):
            what = (
                "sequence has no name and is"
                if nameless == 1
                else "sequences have no name and are"
            )
            understood.append(f"{nameless:,} {what} numbered")
        if how.require_labels and not (lists_promoters or source.class_name):
            texts = pd.Series(titles_of(data), index=frame.index, dtype="str")
            titles = read_title_labels(texts, given=label is not None)
            frame = frame.assign(**titles.columns)
            if not titles.columns and label is None:
                check_all_have_labels(texts, path)
            understood += [titles.note] * bool(titles.note)
    elif kind == "genbank":
        frame = read_genbank(data, file=path)
    elif kind == "text":
        frame = read_lines(data)
    elif kind == "gff":
        starts, rejected, note = read_starts(data, file=path)
        if how.genome is not None:
            check_regions(data, how.genome, chroms=starts["chrom"].unique(), file=path)
        understood.append(note)
        frame, bad = widen_starts(starts, window=how.window, file=path)
        rejected, lists_promoters = [*rejected, *bad], len(frame) > 0
    else:
        frame, rejected = read_intervals(data, kind, window=how.window, file=path)
        lists_promoters = bool(frame["tss"].all()) and len(frame) > 0
    if "tss" in frame and (num_starts := int(frame["tss"].sum())):
        bases = how.window[1] - how.window[0] + 1
        understood.append(
            f"{num_starts:,} of {len(frame):,} rows are one base, taken as a transcription start "
            f"and widened to {bases:,} bases"
        )
    if label is None and lists_promoters and not (source.class_name or "label" in frame):
        label = 1
        if how.require_labels:
            understood.append("label 1, as a list of promoters")
    if understood:
        notes.append(f"{path.name}: {'; '.join(understood)}")
    has_label = label is not None or "label" in frame or source.class_name
    if how.require_labels and not has_label:
        raise unlabelled(
            path,
            header,
            1 if kind in ("csv", "tsv") else None,
            has_titles=kind == "fasta",
            has_places=kind == "bed",
        )
    parsed = Parsed(frame, rejected, label, notes, kind in _OF_COLUMNS, labels)
    return _finish(parsed, source, how)


def _kind(data: bytes, path: Path, how: How) -> Format:
    if how.format == "auto":
        return detect_format(data, path, header_names=how.columns.known)
    kind = columnar_kind(data)
    if kind != how.format and (kind or how.format in ("parquet", "arrow")):
        raise InputError(
            f"is {kind or 'text'}, not {how.format}", file=path, remedy="Leave --format out."
        )
    return how.format


def _kind_of_labels(kind: Format, path: Path, fasta: Path) -> Format:
    """Return the format of a table of labels, which looks like text or BED as it has no sequences."""
    if kind in ("text", "bed"):
        return "tsv"
    if kind not in _TABLES:
        raise InputError(
            f"is {kind.upper()}, not a table of labels for the sequences of {fasta.name}",
            file=path,
            remedy="Give CSV, TSV, JSON or Parquet with --data.",
        )
    return kind


def _read_cells(data: bytes, kind: Format, path: Path, how: How) -> Cells:
    if kind == "bed":
        return read_bed_cells(data, file=path, wanted=how.columns.known)
    if kind == "json":
        return read_json(data, file=path)
    if kind in ("parquet", "arrow"):
        return read_columnar(data, file=path)
    free = how.format == "auto"
    separators = SEPARATORS if free else "\t" if kind == "tsv" else SEPARATORS.replace("\t", "")
    return read_table(data, file=path, known=how.columns.known, separators=separators, blanks=free)


def _read_texts(files: Sequence[Path]) -> pd.DataFrame:
    """Return the sequences of files with one sequence each, with their file and line."""
    frames = []
    for file in files:
        data = read_content(file)
        frame = read_fasta(data)[0] if data.startswith(b">") else read_lines(data)
        number = "" if len(frame) == 1 else "/" + frame["row"].astype("str")
        frames.append(frame.assign(id=file.stem + number, file=str(file)))
    return pd.concat(frames, ignore_index=True)


def _finish(parsed: Parsed, source: Source, how: How) -> Parsed:
    """Return the parsed rows with joined sequences, and with the class given by the file name."""
    frame, path = parsed.frame, source.path
    rejected, notes = parsed.rejected, parsed.notes
    if "label" not in frame and parsed.label is None and source.class_name:
        frame = frame.assign(label=source.class_name)
        notes = [*notes, f"{source.name}: the class is {source.class_name}, by its name"]
    if "sequence" in frame:
        sequences, joined = join_wrapped(frame["sequence"])
        if num_rna := int(sequences.str.contains("U", regex=False, case=False).sum()):
            joined = [*joined, f"{num_rna:,} sequences are RNA, whose U is read as T"]
        frame = frame.assign(sequence=sequences)
        frame, moved = count_lengths_from_zero(frame)
        notes = [*notes, *(f"{path.name}: {line}" for line in [*joined, *moved])]
        return parsed._replace(frame=frame, notes=notes)
    if how.genome is None:
        raise InputError(
            "gives coordinates, not sequences",
            file=path,
            remedy="Give the FASTA they refer to with --genome.",
        )
    frame, bad = cut_out(frame, genome=how.genome, file=path)
    return parsed._replace(frame=frame, rejected=[*rejected, *bad], notes=notes)
