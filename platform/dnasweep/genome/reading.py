"""Sequences from files of any format in use, as one table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from dnasweep.errors import InputError
from dnasweep.genome.coordinates import read_places, take_windows
from dnasweep.genome.delimited import ACCEPTED, read_delimited
from dnasweep.genome.fasta import read_fasta, read_lines
from dnasweep.genome.faults import Fault, refuse, write_rejects
from dnasweep.genome.files import ENDINGS, ending, read_bytes
from dnasweep.genome.paths import user_path
from dnasweep.genome.reference import cut_out
from dnasweep.genome.rows import clean
from dnasweep.genome.sources import Source, find_sources
from dnasweep.genome.species import resolve
from dnasweep.genome.table import make_table

Paths = str | Path | Sequence[str | Path]

_SGA = re.compile(rb"\S+\t\S+\t\d+\t[+\-0]\t\d+(?:\t|$)")
_BED = re.compile(rb"(?:track|browser)\s|\S+\t\d+\t\d+(?:\t|$)")
_DNA = re.compile(rb"[ACGTRYSWKMBDHVNU ]+", re.IGNORECASE)
_OTHERS = {
    b"##fileformat=VCF": "a VCF of variants",
    b"MEME version": "a file of motifs",
    b"LOCUS ": "GenBank",
    b"##gff": "GFF",
    b"@": "FASTQ or SAM",
}


class Reading(NamedTuple):
    """Rows, where each of them stands, and the rows that were left out."""

    table: pd.DataFrame
    """The good rows."""
    places: pd.DataFrame
    """For each of them `file`, as text, and `row`, 1-based with the header counted."""
    faults: list[Fault]
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
    rejects: str | Path | None = None,
) -> pd.DataFrame:
    """Read labelled sequences into one table (see :mod:`dnasweep.genome.table`).

    Read are CSV and TSV (headers: `delimited.ACCEPTED`), k-mer TSV as DNABERT writes it, FASTA,
    EPDnew FASTA, SGA, FPS and .dat, BED, and plain text with a sequence a line; each also as gzip,
    told by content. Folders with given splits are described in :func:`find_sources`. Letters are
    made upper case, U is read as T.

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
    rejects
        TSV to write the bad rows to (file, row, reason, text), where there are any.

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
) -> Reading:
    """Read labelled sequences as :func:`read_sequences` does, and tell where each row stands."""
    common = resolve(species) if species else ""
    sources = find_sources(_listed(paths), label=label, species=common)
    sources += find_sources(_listed(positives), label=1, species=common)
    sources += find_sources(_listed(negatives), label=0, species=common)
    if not sources:
        raise InputError("no file is given", remedy="Give files or folders with --data.")
    reference = None if genome is None else user_path(genome)
    frames: list[pd.DataFrame] = []
    faults: list[Fault] = []
    for source in sources:
        raw, bad, source = _read(source, reference, window, require_labels)
        frame, rest = clean(raw, source, require_labels=require_labels, shortest=shortest)
        frames.append(frame)
        if source.shots is not None and not (bad or rest):
            _check_shots(frame, source)
        faults += sorted([*bad, *rest], key=lambda fault: fault.row)
        if frame.empty and not (bad or rest):
            raise InputError(
                "holds no sequence", file=source.path, remedy="Give a file with sequences."
            )
    if faults and not skip_bad_rows:
        raise refuse(faults)
    if not any(len(frame) for frame in frames):
        raise InputError(
            f"no good row is left; the first of {len(faults):,} bad ones: {faults[0].reason}",
            file=faults[0].file,
            row=faults[0].row,
        )
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


def _joined(frames: list[pd.DataFrame], sources: list[Source], faults: list[Fault]) -> Reading:
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


def _read(
    source: Source, genome: Path | None, window: tuple[int, int], require_labels: bool
) -> tuple[pd.DataFrame, list[Fault], Source]:
    data = read_bytes(source.path)
    kind = _detect(data, source.path)
    promoters = False
    faults: list[Fault] = []
    header: tuple[str, ...] = ()
    if kind == "fasta":
        raw, promoters = read_fasta(data)
    elif kind == "lines":
        raw = read_lines(data)
    elif kind == "delimited":
        raw, faults, header = read_delimited(data, file=source.path)
        if "sequence" not in raw:
            raw = raw.assign(strand=raw.get("strand", ""))
            raw, bad = take_windows(raw, window=window, file=source.path)
            faults = [*faults, *bad]
    else:
        raw, faults = read_places(data, format=kind, window=window, file=source.path)  # type: ignore[arg-type]
        promoters = bool(raw["tss"].all())
    if source.label is None and promoters:
        source = source._replace(label=1)
    if require_labels and source.label is None and "label" not in raw:
        raise _unlabelled(source, kind, header)
    if "sequence" not in raw:
        if genome is None:
            raise InputError(
                "gives coordinates, not sequences",
                file=source.path,
                remedy="Give the FASTA they refer to with --genome.",
            )
        raw, bad = cut_out(raw, genome=genome, file=source.path)
        faults = [*faults, *bad]
    return raw, faults, source


def _unlabelled(source: Source, kind: str, header: tuple[str, ...]) -> InputError:
    if kind == "delimited":
        return InputError(
            f"there is no column with labels: found {', '.join(header[:20])}",
            file=source.path,
            row=1,
            remedy=f"Name it {' or '.join(ACCEPTED['label'][:2])} (any case).",
        )
    return InputError(
        "nothing says which label its sequences have",
        file=source.path,
        remedy="Give it as --positives or --negatives.",
    )


def _detect(data: bytes, path: Path) -> str:
    """Return fasta, fps, sga, bed, lines or delimited: by content, where that is open by name."""
    first = data.lstrip()[:65536].splitlines()[0].rstrip()
    name = ending(path)
    for start, what in _OTHERS.items():
        if first.startswith(start):
            raise InputError(
                f"is {what}", file=path, remedy="Give CSV, TSV, FASTA, SGA or BED, plain or gzip."
            )
    if first.startswith(b">"):
        return "fasta"
    if first.startswith((b"ID   ", b"FP   ")):
        return "fps"
    if name == "sga" or _SGA.match(first):
        return "sga"
    if name == "bed" or _BED.match(first):
        return "bed"
    if name in ENDINGS["fasta"]:
        raise InputError(
            "is named FASTA but does not begin with >", file=path, row=1, remedy="Check the file."
        )
    known = {name for names in ACCEPTED.values() for name in names}
    if _DNA.fullmatch(first) and first.decode().lower() not in known:
        return "lines"
    return "delimited"
