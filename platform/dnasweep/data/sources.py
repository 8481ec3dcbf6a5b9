"""Find the files given by paths, and the properties of their rows in names of files and folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dnasweep.data.folders import read_folder
from dnasweep.data.hub import local_path
from dnasweep.data.names import (
    HELD_OUT_NAMES,
    SPLIT_NAMES,
    label_in_name,
    short_split_in_name,
    shortest_names,
    species_in_name,
    split_in_name,
    words_of,
)
from dnasweep.data.source import Source, Sources
from dnasweep.errors import InputError
from dnasweep.formats.detection import stem
from dnasweep.formats.paths import check_readable, user_path

_NAME_ALL_FILES = (
    "Put train, dev or test into the names of all files, or pass --split cluster to split all rows "
    "anew."
)


def find_sources(
    data: Sequence[str | Path] = (),
    positives: Sequence[str | Path] = (),
    negatives: Sequence[str | Path] = (),
    *,
    sequences: Sequence[str | Path] = (),
    species: str = "",
    split_matters: bool = True,
) -> Sources:
    """Return the files given by all paths.

    From a folder, files named train, dev (validation, valid, val) and test are read, in any case and
    format; or files named positive and negative, perhaps with a split (`train_pos.fa`); or such files in
    folders named after splits (as in genomic_benchmarks); or the train files of folders named after their
    number of rows per class, with a test file beside them (few-shot sets, as published by GeneMask); or
    tables of labels, each beside a FASTA file with its sequences (as in DeepSTARR). A
    folder may also have been saved by `datasets`, be a clone of a data set of the hub, or contain folders
    named after splits with a file or folder for each class, named after the class.

    Files given one by one belong to the split in their names (`my_train.csv`, `x.dev.tsv`) or in the names
    of their folders, if at least two splits occur. A file named after a species (`celegans.fa`) or an
    EPDnew collection is of that species unless `species` overrides it; the two letters of EPDnew alone do
    not name a species.

    Parameters
    ----------
    data, positives, negatives
        Files and folders; rows of `positives` and `negatives` have the labels 1 and 0.
    sequences
        FASTA files with the sequences of the tables of `data`: one for all, or as many as there are tables.
    species
        Species of all rows.
    split_matters
        Whether rows keep their given splits, so that a file whose split is unclear is refused.

    Raises
    ------
    InputError
        For a path that does not exist, a folder without such files or with an unread file that may be a
        split, and for files of which only some are named after a split.
    """
    found: list[Source] = []
    notes: list[str] = []
    for paths, default in ((data, None), (positives, 1), (negatives, 0)):
        for path in map(local_path, paths):
            check_readable(path, folder=True)
            if path.is_dir():
                inside = read_folder(path, split_matters=split_matters)
                found += [
                    source if default is None else source._replace(label=default, class_name="")
                    for source in inside.files
                ]
                notes += inside.notes
            else:
                found.append(Source(path, label=default))
    found = _beside(found, sequences)
    splits = _splits(found, notes, split_matters)
    names = shortest_names([source.path for source in found])
    files = []
    for source, split, name in zip(found, splits, names, strict=True):
        named_species = species or ("" if source.class_name else species_in_name(source.path))
        if named_species and not species:
            notes.append(
                f"{source.path.name}: the species is {named_species}, by the name of the file"
            )
        label = source.label
        if label is None:
            label = label_in_name(source.path)
        files.append(source._replace(name=name, label=label, split=split, species=named_species))
    return Sources(files, notes)


def _beside(tables: list[Source], sequences: Sequence[str | Path]) -> list[Source]:
    """Return tables with the FASTA files of their sequences.

    Raises
    ------
    InputError
        For a path that is no file, files of classes, and neither one FASTA file nor as many as tables.
    """
    fasta = [user_path(path) for path in sequences]
    for path in fasta:
        check_readable(path)
    if not fasta:
        return tables
    if any(source.label is not None or source.files for source in tables) or not tables:
        raise InputError(
            "--sequences are for tables of labels",
            remedy="Give the tables with --data, without --positives and --negatives.",
        )
    if len(fasta) not in (1, len(tables)):
        raise InputError(
            f"{len(fasta)} files of sequences are given for {len(tables)} of labels",
            remedy="Give --sequences one file for all of --data, or one for each, in the same order.",
        )
    each = fasta * len(tables) if len(fasta) == 1 else fasta
    return [source._replace(sequences=path) for source, path in zip(tables, each, strict=True)]


def _splits(files: Sequence[Source], notes: list[str], split_matters: bool) -> list[str]:
    """Return the split of each file, "" if its rows must give it; appends to `notes`."""
    by_folder = [source.split for source in files]
    named = [source.split or split_in_name(source.path) for source in files]
    if len(set(named) - {""}) < 2:
        parents = [
            source.split or SPLIT_NAMES.get(source.path.parent.name.lower(), "")
            for source in files
        ]
        if len(set(parents)) > 1 and all(parents):
            named = parents
    if not any(named):
        short = [short_split_in_name(source.path) for source in files]
        if all(short) and "train" in short and len(set(short)) > 1:
            named = short
    from_name = [n for n, folder in zip(named, by_folder, strict=True) if n and not folder]
    if not any(named) or not (from_name or split_matters):
        held_out = [s.path for s in files if words_of(stem(s.path)) & HELD_OUT_NAMES]
        if split_matters and 0 < len(held_out) < len(files):
            raise InputError(
                "may be a split by its name, and no other file is named after one",
                file=held_out[0],
                remedy=_NAME_ALL_FILES,
            )
        return by_folder
    given = ", ".join(f"{s.path.name} {n}" for s, n in zip(files, named, strict=True) if n)
    silent = [source.path for source, name in zip(files, named, strict=True) if not name]
    if silent and split_matters and len(files) > 1:
        raise InputError(
            f"does not name its split in the file name, but other files do ({given})",
            file=silent[0],
            remedy=_NAME_ALL_FILES,
        )
    if silent or len(set(named)) < 2:
        if from_name and split_matters:
            notes.append(
                f"only one split is named ({given}): a column gives the splits, or rows "
                "are split anew"
            )
        return by_folder
    if from_name:
        what = "give the splits" if split_matters else "contain splits, which are not used"
        notes.append(f"the names of the files {what}: {given}")
    return named
