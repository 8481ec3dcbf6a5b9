"""Sequences from files of any format in use, as one table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from dnasweep.data.columns import read_delimited
from dnasweep.data.rows import clean, loses_class
from dnasweep.data.sources import Source, find_all
from dnasweep.data.species import resolve
from dnasweep.data.table import make_table
from dnasweep.data.unlabelled import unlabelled
from dnasweep.errors import InputError
from dnasweep.formats.files import read_bytes
from dnasweep.formats.intervals import read_places, take_windows
from dnasweep.formats.paths import user_path
from dnasweep.formats.recognition import FORMATS, Format, detect, taken_for
from dnasweep.formats.reference import cut_out
from dnasweep.formats.rejects import RejectedRow, parsing, refuse, write_rejects
from dnasweep.formats.sequences import read_fasta, read_lines

Paths = str | Path | Sequence[str | Path]


class Reading(NamedTuple):
    """Rows, where each of them stands, and the rows that were left out."""

    table: pd.DataFrame
    """The good rows."""
    places: pd.DataFrame
    """For each of them `file`, as text, and `row`, 1-based with the header counted."""
    faults: list[RejectedRow]
    """The bad rows."""


def read_sequences(
    paths: Paths = (),
    *,
    positives: Paths = (),
    negatives: Paths = (),
    species: str | None = None,
    label: int | None = None,
    genome: str | Path | None = None,
    window: tuple[int, int] = (-300, 300),
    require_labels: bool = True,
    skip_bad_rows: bool = False,
    shortest: int = 1,
    format: Format = "auto",
    rejects: str | Path | None = None,
    say: Callable[[str], None] | None = None,
) -> pd.DataFrame:
    """Read labelled sequences into one table (see :mod:`dnasweep.data.table`).

    Read are CSV and TSV (headers: `delimited.ACCEPTED`), k-mer TSV as DNABERT writes it, FASTA,
    EPDnew FASTA, SGA, FPS and .dat, BED, and plain text with a sequence a line; each also as gzip,
    told by content. Folders and names of files are described in :func:`find_all`, and how a format
    is told in :func:`detect`. Letters are made upper case, U is read as T.

    Parameters
    ----------
    paths
        Files and folders.
    positives, negatives
        Files and folders all of whose rows have label 1, or 0, where they have no labels
        themselves.
    species
        Species of the rows that name none; unset, a file's name or RefSeq accessions may tell.
    label
        Label of the rows of `paths` in files without labels. Unset, EPDnew's files and one-base
        BED rows, which list promoters, are 1, and files named positive or negative are 1 and 0.
    genome
        FASTA that coordinates refer to.
    window
        First and last base taken around a transcription start, which is 0.
    require_labels
        Whether rows without label are refused; otherwise their label is -1.
    skip_bad_rows
        Whether to go on with the good rows where there are bad ones.
    shortest
        Bases below which a sequence is a bad row.
    format
        Format of all files; auto: by name and content of each.
    rejects
        TSV to write the bad rows to (file, row, reason, text), where there are any.
    say
        Called with each sentence about how the files were understood: what a file was taken for,
        where splits and species come from, which columns are not read.

    Returns
    -------
    DataFrame
        Rows in the order of the files. Ids not given are `<file>:<row>`; ids used in several
        files get the file's name before them.

    Raises
    ------
    InputError
        For a file that cannot be used at all, and for the first row that cannot unless
        `skip_bad_rows`; if no row is left.
    """
    reading = read_located(
        paths,
        positives=positives,
        negatives=negatives,
        species=species,
        label=label,
        genome=genome,
        window=window,
        require_labels=require_labels,
        skip_bad_rows=skip_bad_rows,
        shortest=shortest,
        format=format,
        say=say,
    )
    if reading.faults and rejects is not None:
        write_rejects(reading.faults, Path(rejects))
    return reading.table


def read_located(
    paths: Paths = (),
    *,
    positives: Paths = (),
    negatives: Paths = (),
    species: str | None = None,
    label: int | None = None,
    genome: str | Path | None = None,
    window: tuple[int, int] = (-300, 300),
    require_labels: bool = True,
    skip_bad_rows: bool = False,
    shortest: int = 1,
    format: Format = "auto",
    split_matters: bool | None = None,
    say: Callable[[str], None] | None = None,
) -> Reading:
    """Read labelled sequences as :func:`read_sequences` does, and tell where each row stands.

    Unless `split_matters`, which stands for `require_labels` where it is not given, nothing is
    refused for a split that is not certain.
    """
    if format not in FORMATS:
        raise InputError(f"format is {format!r}", remedy=f"Use one of {', '.join(FORMATS)}.")
    matters = require_labels if split_matters is None else split_matters
    found = find_all(
        _listed(paths),
        _listed(positives),
        _listed(negatives),
        label=label,
        species=resolve(species) if species else "",
        split_matters=matters,
    )
    sources, notes = found.files, list(found.notes)
    if not sources:
        raise InputError("no file is given", remedy="Give files or folders with --data.")
    reference = None if genome is None else user_path(genome)
    how = _How(format, reference, window, require_labels, matters)
    frames: list[pd.DataFrame] = []
    faults: list[RejectedRow] = []
    lost = False
    for source in sources:
        with parsing(source.path):
            raw, bad, source = _read(source, how, notes)
            frame, rest = clean(raw, source, require_labels=require_labels, shortest=shortest)
        frames.append(frame)
        if source.shots is not None and not (bad or rest):
            _check_shots(frame, source)
        lost = lost or loses_class(raw, frame)
        faults += sorted([*bad, *rest], key=lambda fault: fault.row)
        if frame.empty and not (bad or rest):
            raise InputError(
                "holds no sequence", file=source.path, remedy="Give a file with sequences."
            )
    if faults and not skip_bad_rows:
        rows = sum(map(len, frames)) + len({(fault.file, fault.row) for fault in faults})
        raise refuse(faults, rows, keeps_classes=not (lost and require_labels))
    if not any(len(frame) for frame in frames):
        raise InputError(
            f"no good row is left; the first of {len(faults):,} bad ones: {faults[0].reason}",
            file=faults[0].file,
            row=faults[0].row,
        )
    if say is not None:
        for note in dict.fromkeys(notes):
            say(note)
    return _joined(frames, sources, faults)


def _check_shots(frame: pd.DataFrame, source: Source) -> None:
    """Refuse a few-shot set that has not as many rows of each class as its folder says."""
    counts = frame["label"].value_counts().sort_index()
    if (counts != source.shots).any():
        listed = ", ".join(f"{n:,} of class {label}" for label, n in counts.items())
        raise InputError(
            f"holds {listed}, where its folder says {source.shots} of each",
            file=source.path,
            remedy="Name the folder after the rows of each class.",
        )


def _listed(paths: Paths) -> list[Path]:
    listed = [paths] if isinstance(paths, str | Path) else list(paths)
    return [user_path(path) for path in listed]


def _joined(
    frames: list[pd.DataFrame], sources: list[Source], faults: list[RejectedRow]
) -> Reading:
    ids = pd.concat([frame["id"] for frame in frames])
    shared = set(ids[ids.duplicated()])
    for frame, source in zip(frames, sources, strict=True):
        frame["id"] = frame["id"].mask(frame["id"].isin(shared), f"{source.name}/" + frame["id"])
    joined = pd.concat(frames, ignore_index=True)
    table = make_table(joined)
    repeated = table["id"].duplicated()
    if repeated.any():
        raise InputError(
            f"the id {table['id'][repeated].iloc[0]!r} comes from two files",
            file=joined["file"][repeated].iloc[0],
            row=int(joined["row"][repeated].iloc[0]),
            remedy="Give each file once.",
        )
    return Reading(table, joined[["file", "row"]], faults)


class _How(NamedTuple):
    """What holds for all files of a reading."""

    format: Format
    genome: Path | None
    window: tuple[int, int]
    require_labels: bool
    split_matters: bool


def _read(
    source: Source, how: _How, notes: list[str]
) -> tuple[pd.DataFrame, list[RejectedRow], Source]:
    data, path = read_bytes(source.path), source.path
    kind = detect(data, path) if how.format == "auto" else how.format
    told = [f"read as {kind.upper()}"] if how.format == "auto" and taken_for(kind, path) else []
    promoters = False
    faults: list[RejectedRow] = []
    header: tuple[str, ...] = ()
    if kind == "fasta":
        raw, promoters = read_fasta(data)
    elif kind == "text":
        raw = read_lines(data)
    elif kind in ("csv", "tsv"):
        separators = "\t,;" if how.format == "auto" else "\t" if kind == "tsv" else ",;"
        cells = read_delimited(
            data, file=path, separators=separators, split_matters=how.split_matters
        )
        raw, faults, header = cells.frame, cells.faults, cells.header
        notes += cells.notes
        if "sequence" not in raw:
            raw = raw.assign(strand=raw.get("strand", ""))
            raw, bad = take_windows(raw, window=how.window, file=path)
            faults = [*faults, *bad]
    else:
        raw, faults = read_places(data, format=kind, window=how.window, file=path)  # type: ignore[arg-type]
        promoters = bool(raw["tss"].all()) and len(raw) > 0
    if "tss" in raw and (starts := int(raw["tss"].sum())):
        bases = how.window[1] - how.window[0] + 1
        told.append(
            f"{starts:,} of {len(raw):,} rows are one base, taken as a transcription start and "
            f"widened to {bases:,} bases"
        )
    if source.label is None and promoters:
        source = source._replace(label=1)
        if how.require_labels:
            told.append("label 1, as a list of promoters")
    notes += [f"{path.name}: {'; '.join(told)}"] if told else []
    if how.require_labels and source.label is None and "label" not in raw:
        raise unlabelled(source.path, kind, header)
    if "sequence" not in raw:
        if how.genome is None:
            raise InputError(
                "gives coordinates, not sequences",
                file=path,
                remedy="Give the FASTA they refer to with --genome."
                if how.require_labels
                else "Give sequences: bedtools getfasta -s cuts them out of a genome.",
            )
        raw, bad = cut_out(raw, genome=how.genome, file=path)
        faults = [*faults, *bad]
    return raw, faults, source
