"""Which files a path stands for, and what the names of files and folders say about their rows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from dnasweep.data.names import (
    HELD_OUT_NAMES,
    LABEL_NAMES,
    SPLIT_NAMES,
    UNCERTAIN_SPLIT_NAMES,
    short_split_in_name,
    shortest_names,
    species_in_name,
    split_in_name,
    words_of,
)
from dnasweep.data.table import SPLITS
from dnasweep.errors import InputError
from dnasweep.formats.detection import ENDINGS, ending, stem
from dnasweep.formats.paths import check_readable, entries_of, user_path

_KNOWN = frozenset(e for endings in ENDINGS.values() for e in endings)
# What editors, indexers and DNABERT's own script leave beside the files they were given.
_BYPRODUCT = re.compile(
    r".*~|#.*#|cached_.*|.*\.(?:bak|orig|swp|tmp|log|md|png|pdf|svg|py|sh|ipynb|html|"
    r"fai|gzi|md5|sha256|dvc)",
    re.IGNORECASE,
)
_NAME_ALL_FILES = (
    "Put train, dev or test into the names of all files, or pass --split cluster to split all rows "
    "anew."
)
_SHOWN = 8


class Source(NamedTuple):
    """One file to read, and what holds for its rows unless they say otherwise."""

    path: Path
    """The file."""
    name: str = ""
    """Its name without endings, with folders where two would be the same; begins generated ids."""
    label: int | None = None
    """Label of its rows; None: the file must give labels."""
    split: str = ""
    """Split of its rows."""
    species: str = ""
    """Species of its rows."""
    shots: int | None = None
    """Rows per class, where the file is one of several training sets named after their size."""


class Sources(NamedTuple):
    """Files to read, and how their names were understood."""

    files: list[Source]
    """The files, in order."""
    notes: list[str]
    """Sentences for the user."""


def find_sources(
    data: Sequence[str | Path] = (),
    positives: Sequence[str | Path] = (),
    negatives: Sequence[str | Path] = (),
    *,
    species: str = "",
    split_matters: bool = True,
) -> Sources:
    """Return the files that all of the paths stand for.

    A folder stands for its files named train, dev (validation, valid, val) and test, in any case
    and format; or for its files named positive and negative; or for those in folders with these
    names of splits (as in genomic_benchmarks); or for the train files of folders named after the
    rows per class that they hold, with the test file beside them (few-shot sets, as GeneMask
    publishes them).

    Files given one by one belong to the splits that their names contain as a word (`my_train.csv`,
    `x.dev.tsv`), or that their folders are named after, if these are two splits or more. A file
    named after a species (`celegans.fa`) or an EPDnew collection is of that species unless
    `species` says otherwise; the two letters of EPDnew alone do not name a species.

    Parameters
    ----------
    data, positives, negatives
        Files and folders; the last two have the labels 1 and 0.
    species
        Species of all rows.
    split_matters
        Whether rows keep the splits they are given in, so that a file whose name leaves its split
        open is refused.

    Raises
    ------
    InputError
        For a path that does not exist, a folder without such files or with one that would be left
        unread although it may be a split, or names of which only some say a split.
    """
    found: list[Source] = []
    notes: list[str] = []
    for paths, default in ((data, None), (positives, 1), (negatives, 0)):
        for path in map(user_path, paths):
            check_readable(path, folder=True)
            if path.is_dir():
                inside = _read_folder(path, split_matters)
                found += [source._replace(label=default) for source in inside.files]
                notes += inside.notes
            else:
                found.append(Source(path, label=default))
    splits = _splits(found, notes, split_matters)
    names = shortest_names([source.path for source in found])
    files = []
    for source, split, name in zip(found, splits, names, strict=True):
        named_species = species or species_in_name(source.path)
        if named_species and not species:
            notes.append(
                f"{source.path.name}: the species is {named_species}, by the name of the file"
            )
        label = source.label
        if label is None:
            label = LABEL_NAMES.get(stem(source.path).lower())
        files.append(source._replace(name=name, label=label, split=split, species=named_species))
    return Sources(files, notes)


def _read_folder(folder: Path, split_matters: bool) -> Sources:
    """Return the files that a folder stands for, and notes about what is not read of it."""
    entries = entries_of(folder)
    files = [p for p in entries if p.is_file() and ending(p) in _KNOWN]
    by_split = _by_split(files)
    if by_split:
        split, count = Counter(source.split for source in by_split).most_common(1)[0]
        if count > 1:
            names = ", ".join(source.path.name for source in by_split if source.split == split)
            raise InputError(
                f"holds {count} files for the {split} split: {names}",
                file=folder,
                remedy="Keep one, or give files one by one.",
            )
    few_shot = [] if any(s.split == "train" for s in by_split) else _few_shot_sets(entries)
    found = few_shot + by_split or _class_files_in_split_folders(entries)
    found = sorted(found, key=lambda source: SPLITS.index(source.split)) or [
        Source(f) for f in files if stem(f).lower() in LABEL_NAMES
    ]
    if not found:
        raise _nothing_in(folder, entries)
    read = {source.path for source in found}
    unread = [
        path
        for path in [*entries, *(f for p in entries if _is_split_folder(p) for f in entries_of(p))]
        if path not in read and not any(path in one.parents for one in read)
    ]
    doubtful = [path for path in unread if _may_matter(path)]
    if doubtful and split_matters:
        raise InputError(
            f"{_listed(doubtful, folder)} would not be read, and may be a split or a class",
            file=folder,
            remedy="Name files train, dev and test (.csv, .tsv or FASTA, also .gz), move away what "
            "is not to be read, or give the files one by one.",
        )
    if not unread:
        return Sources(found, [])
    names = _listed([source.path for source in found], folder)
    return Sources(
        found, [f"{folder.name}: read are {names}; not read: {_listed(unread, folder)}"]
    )


def _by_split(files: Iterable[Path]) -> list[Source]:
    names = [(f, stem(f).lower()) for f in files]
    return [Source(f, split=SPLIT_NAMES[name]) for f, name in names if name in SPLIT_NAMES]


def _few_shot_sets(entries: Sequence[Path]) -> list[Source]:
    """Return the train files of folders that are named after their rows per class."""
    folders = [p for p in entries if p.name.isdecimal() and p.is_dir() and int(p.name) > 0]
    return [
        source._replace(shots=int(sub.name))
        for sub in sorted(folders, key=lambda p: int(p.name))
        for source in _by_split(f for f in entries_of(sub) if ending(f) in _KNOWN)
        if source.split == "train"
    ]


def _is_split_folder(path: Path) -> bool:
    return path.name.lower() in SPLIT_NAMES and path.is_dir()


def _class_files_in_split_folders(entries: Sequence[Path]) -> list[Source]:
    return [
        Source(file, split=SPLIT_NAMES[sub.name.lower()])
        for sub in entries
        if _is_split_folder(sub)
        for file in entries_of(sub)
        if file.is_file() and stem(file).lower() in LABEL_NAMES
    ]


def _may_matter(path: Path) -> bool:
    if _BYPRODUCT.fullmatch(path.name):
        return False
    telling = SPLIT_NAMES.keys() | UNCERTAIN_SPLIT_NAMES | LABEL_NAMES.keys()
    return bool(words_of(path.name) & telling)


def _listed(paths: Sequence[Path], folder: Path) -> str:
    return _shown([str(p.relative_to(folder)) for p in paths])


def _shown(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")


def _nothing_in(folder: Path, entries: Sequence[Path]) -> InputError:
    split_folders = [p for p in entries if _is_split_folder(p)]
    if split_folders:
        names = ", ".join(p.name for p in split_folders)
        reason = f"the folders {names} hold no files named positive and negative; they hold "
        held = _shown(sorted({f.name for p in split_folders for f in entries_of(p)}))
        remedy = "Name the files of the two classes positive and negative in each of them."
    else:
        reason = "the folder has no train, dev or test file; it holds "
        held = _listed(entries, folder)
        remedy = (
            "Name its files train, dev and test (.csv, .tsv or FASTA, also .gz), or give the "
            "files themselves."
        )
    return InputError(reason + (held or "nothing"), file=folder, remedy=remedy)


def _splits(files: Sequence[Source], notes: list[str], split_matters: bool) -> list[str]:
    """Return the split of each file, "" where its rows have to say it; adds to `notes`."""
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
            f"does not say in its name which split it is, and others do ({given})",
            file=silent[0],
            remedy=_NAME_ALL_FILES,
        )
    if silent or len(set(named)) < 2:
        if from_name and split_matters:
            notes.append(
                f"one split alone is named ({given}): a column gives the splits, or they "
                "are made anew"
            )
        return by_folder
    if from_name:
        notes.append(f"the names of the files give the splits: {given}")
    return named
