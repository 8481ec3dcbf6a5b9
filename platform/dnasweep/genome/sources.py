"""Which files a path stands for, and what their names say of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from dnasweep.errors import InputError
from dnasweep.genome.files import ENDINGS, ending, stem
from dnasweep.genome.species import resolve
from dnasweep.genome.table import SPLITS

SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("dev", "valid", "validation", "val"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""Names of files, folders and cells that mean a split."""

_LABEL_NAMES = {"positive": 1, "positives": 1, "negative": 0, "negatives": 0}
_EPDNEW = re.compile(r"(?<![A-Za-z])([A-Z][a-z])(?:NC)?_EPDnew")
_KNOWN = frozenset(e for endings in ENDINGS.values() for e in endings)


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


class _Found(NamedTuple):
    """A file of a folder, and what its place there says of it."""

    path: Path
    split: str = ""
    shots: int | None = None


def find_sources(
    paths: Sequence[Path], *, label: int | None = None, species: str = ""
) -> list[Source]:
    """Return the files that `paths` stand for.

    A folder stands for its files named train, dev (validation, valid, val) and test, in any case
    and format; or for its files named positive and negative; or for folders of these names of
    splits that hold such files (genomic_benchmarks); or for folders named after a number of rows
    that hold a train file with so many of each class, with the test file beside them (few-shot
    sets, as GeneMask publishes them). Files given one by one take their split from their names
    only where these, and the folders beside them, name two splits or more. A file named after a
    species (`celegans.fa`) or an EPDnew collection is of that species, unless `species` says
    otherwise.

    Raises
    ------
    InputError
        For a path that does not exist, or a folder without such files.
    """
    files: list[_Found] = []
    for path in paths:
        files += _in_folder(path) if path.is_dir() else [_Found(path)]
    given = [f.split or SPLIT_NAMES.get(stem(f.path).lower(), "") for f in files]
    use_names = len(set(filter(None, given))) > 1
    names = _names([f.path for f in files])
    return [
        Source(
            path=file,
            name=name,
            label=_LABEL_NAMES.get(stem(file).lower()) if label is None else label,
            split=split or (SPLIT_NAMES.get(stem(file).lower(), "") if use_names else ""),
            species=species or _species(file),
            shots=shots,
        )
        for (file, split, shots), name in zip(files, names, strict=True)
    ]


def _in_folder(folder: Path) -> list[_Found]:
    entries = sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    files = [p for p in entries if p.is_file() and ending(p) in _KNOWN]
    by_split = _by_split(files)
    if by_split:
        split, count = Counter(f.split for f in by_split).most_common(1)[0]
        if count > 1:
            twice = ", ".join(f.path.name for f in by_split if f.split == split)
            raise InputError(
                f"holds {count} files for the {split} split: {twice}",
                file=folder,
                remedy="Keep one, or give files one by one.",
            )
    few_shot = [] if any(f.split == "train" for f in by_split) else _few_shot(entries)
    if by_split or few_shot:
        return sorted(few_shot + by_split, key=lambda found: SPLITS.index(found.split))
    nested = [
        _Found(file, SPLIT_NAMES[sub.name.lower()])
        for sub in entries
        if sub.is_dir() and sub.name.lower() in SPLIT_NAMES
        for file in sorted(sub.iterdir())
        if file.is_file() and stem(file).lower() in _LABEL_NAMES
    ]
    labelled = [_Found(f) for f in files if stem(f).lower() in _LABEL_NAMES]
    if nested or labelled:
        return sorted(nested, key=lambda found: SPLITS.index(found.split)) or labelled
    shown = ", ".join(p.name for p in entries[:8]) + (", ..." if len(entries) > 8 else "")
    raise InputError(
        f"the folder has no train, dev or test file; it holds {shown or 'nothing'}",
        file=folder,
        remedy="Name its files train, dev and test (.csv, .tsv or FASTA, also .gz), "
        "or give the files themselves.",
    )


def _by_split(files: Sequence[Path]) -> list[_Found]:
    names = [(f, stem(f).lower()) for f in files]
    return [_Found(f, SPLIT_NAMES[name]) for f, name in names if name in SPLIT_NAMES]


def _few_shot(entries: Sequence[Path]) -> list[_Found]:
    """Return the train files of folders that are named after their rows of each class."""
    folders = [p for p in entries if p.is_dir() and p.name.isdecimal() and int(p.name) > 0]
    return [
        found._replace(shots=int(sub.name))
        for sub in sorted(folders, key=lambda p: int(p.name))
        for found in _by_split(sorted(f for f in sub.iterdir() if ending(f) in _KNOWN))
        if found.split == "train"
    ]


def _names(files: Sequence[Path]) -> list[str]:
    """Return the shortest ends of the paths that tell the files apart."""
    names = [stem(f) for f in files]
    for depth in range(1, max((len(f.parts) for f in files), default=0)):
        counts = Counter(names)
        names = [
            "/".join([*f.parts[:-1][-depth:], stem(f)]) if counts[name] > 1 else name
            for f, name in zip(files, names, strict=True)
        ]
    return names


def _species(file: Path) -> str:
    match = _EPDNEW.search(file.name)
    try:
        return resolve(match[1] if match else stem(file))
    except InputError:
        return ""
