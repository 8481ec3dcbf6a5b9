"""Which files a path stands for, and what their names say of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from dnasweep.data.folders import (
    LABEL_NAMES,
    SPLIT_NAMES,
    FoundFile,
    name_parts,
    named_split,
    read_folder,
)
from dnasweep.data.species import resolve
from dnasweep.errors import InputError
from dnasweep.formats.files import stem
from dnasweep.formats.paths import check_readable, user_path

__all__ = ["SPLIT_NAMES", "Source", "Sources", "find_all", "find_sources"]

_SHORT = {"tr": "train", "trn": "train", "va": "validation", "te": "test", "ts": "test"}
_SHORT |= {"tst": "test", "vl": "validation", "vld": "validation"}
_HELD_OUT = frozenset(["eval", "evaluation", "holdout", "heldout", "validate"])
_EPDNEW = re.compile(r"(?<![A-Za-z])([A-Z][a-z])(?:NC)?_EPDnew")


class Source(NamedTuple):
    """One file to read, and what holds for its rows where they do not say otherwise."""

    path: Path
    """The file."""
    name: str
    """Its name without endings, with folders where two would be the same; begins made-up ids."""
    label: int | None = None
    """Label of its rows; None: the file must tell."""
    split: str = ""
    """Split of its rows."""
    species: str = ""
    """Species of its rows."""
    shots: int | None = None
    """Rows of each class in it, where it is one of several training sets given by their size."""


class Sources(NamedTuple):
    """Files to read, and how their names were understood."""

    files: list[Source]
    """The files, in order."""
    notes: list[str]
    """Sentences for the person who gave them."""


def find_all(
    data: Sequence[str | Path] = (),
    positives: Sequence[str | Path] = (),
    negatives: Sequence[str | Path] = (),
    *,
    label: int | None = None,
    species: str = "",
    split_matters: bool = True,
) -> Sources:
    """Return the files that all of the paths stand for.

    A folder stands for what :func:`read_folder` finds in it. Files given one by one are the splits
    that their names hold as a word (`my_train.csv`, `x.dev.tsv`), or the names of their folders,
    where they are two splits or more. A file named after a species (`celegans.fa`) or an EPDnew
    collection is of that species, unless `species` says otherwise; the two letters of EPDnew alone
    are no name of a species.

    Parameters
    ----------
    data, positives, negatives
        Files and folders; the last two have the labels 1 and 0.
    label
        Label of `data`.
    species
        Species of all rows.
    split_matters
        Whether rows are to be in the splits they are given in, so that a file whose name leaves
        that open is refused.

    Raises
    ------
    InputError
        For a path that does not exist, a folder without such files, or names of which only some
        say which split they are.
    """
    found: list[tuple[FoundFile, int | None]] = []
    notes: list[str] = []
    for paths, default in ((data, label), (positives, 1), (negatives, 0)):
        for path in map(user_path, paths):
            check_readable(path, folder=True)
            if path.is_dir():
                inside = read_folder(path, split_matters=split_matters)
                found += [(one, default) for one in inside.files]
                notes += inside.notes
            else:
                found.append((FoundFile(path), default))
    files = [one for one, _ in found]
    splits = _splits(files, notes, split_matters)
    names = _names([one.path for one in files])
    sources = []
    for (one, default), split, name in zip(found, splits, names, strict=True):
        of = species or _species(one.path)
        if of and not species:
            notes.append(f"{one.path.name}: the species is {of}, by the name of the file")
        sources.append(
            Source(
                path=one.path,
                name=name,
                label=LABEL_NAMES.get(stem(one.path).lower()) if default is None else default,
                split=split,
                species=of,
                shots=one.shots,
            )
        )
    return Sources(sources, notes)


def find_sources(
    paths: Sequence[Path], *, label: int | None = None, species: str = ""
) -> list[Source]:
    """Return the files that `paths` stand for; see :func:`find_all`."""
    return find_all(paths, label=label, species=species).files


def _splits(files: list[FoundFile], notes: list[str], matters: bool) -> list[str]:
    """Return the split of each file, "" where its rows are to tell."""
    named = [one.split or named_split(one.path) for one in files]
    if len({name for name in named if name}) < 2:
        folders = [one.split or SPLIT_NAMES.get(one.path.parent.name.lower(), "") for one in files]
        if len(set(folders)) > 1 and all(folders):
            named = folders
    if not any(named):
        named = _short_splits(files)
    by_name = [one for one, name in zip(files, named, strict=True) if name and not one.split]
    if not any(named) or not (by_name or matters):
        perhaps = [one.path for one in files if name_parts(stem(one.path)) & _HELD_OUT]
        if matters and 0 < len(perhaps) < len(files):
            raise InputError(
                "may be a split by its name, and no other file is named after one",
                file=perhaps[0],
                remedy="Put train, dev or test into the names of all files, or pass --split cluster "
                "to split all rows anew.",
            )
        return [one.split for one in files]
    told = ", ".join(f"{f.path.name} {n}" for f, n in zip(files, named, strict=True) if n)
    silent = [one.path for one, name in zip(files, named, strict=True) if not name]
    if silent and matters and len(files) > 1:
        raise InputError(
            f"does not say in its name which split it is, and others do ({told})",
            file=silent[0],
            remedy="Put train, dev or test into the names of all files, or pass --split cluster "
            "to split all rows anew.",
        )
    if silent or len(set(named)) < 2:
        if by_name and matters:
            notes.append(
                f"one split alone is named ({told}): a column gives the splits, or they "
                "are made anew"
            )
        return [one.split for one in files]
    if by_name:
        notes.append(f"the names of the files give the splits: {told}")
    return named


def _short_splits(files: list[FoundFile]) -> list[str]:
    """Return the splits of files named `x_tr`, `x_va` and `x_te`, "" unless all of them are."""
    found = [{_SHORT[w] for w in name_parts(stem(one.path)) if w in _SHORT} for one in files]
    splits = [one.pop() if len(one) == 1 else "" for one in found]
    whole = all(splits) and "train" in splits and len(set(splits)) > 1
    return splits if whole else [""] * len(files)


def _names(files: Sequence[Path]) -> list[str]:
    """Return the shortest ends of the paths that tell the files apart."""
    names = [stem(f) for f in files]
    for depth in range(1, max((len(f.parts) for f in files), default=0)):
        counts = {name: names.count(name) for name in set(names)}
        names = [
            "/".join([*f.parts[:-1][-depth:], stem(f)]) if counts[name] > 1 else name
            for f, name in zip(files, names, strict=True)
        ]
    return names


def _species(file: Path) -> str:
    match = _EPDNEW.search(file.name)
    name = match[1] if match else stem(file)
    # `dr.csv` is Dr. Somebody's as well as a zebrafish's, and 9606 may be a number of anything.
    if not match and (len(name) < 3 or name.isdecimal()):
        return ""
    try:
        return resolve(name)
    except InputError:
        return ""
