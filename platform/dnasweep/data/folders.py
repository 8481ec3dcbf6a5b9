"""Which files of a folder are read, and which are not."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from dnasweep.data.names import (
    LABEL_NAMES,
    SPLIT_NAMES,
    UNCERTAIN_SPLIT_NAMES,
    label_in_name,
    words_of,
)
from dnasweep.data.published_folders import (
    class_sources,
    data_files,
    is_split_folder,
    label_tables,
    saved_files,
    shards,
)
from dnasweep.data.source import Source, Sources
from dnasweep.data.table import SPLITS
from dnasweep.errors import InputError
from dnasweep.formats.detection import stem
from dnasweep.formats.paths import entries_of

# Files that editors, indexers and DNABERT's script leave beside their input.
_BYPRODUCT = re.compile(
    r".*~|#.*#|cached_.*|.*\.(?:bak|orig|swp|tmp|log|md|png|pdf|svg|py|sh|ipynb|html|"
    r"fai|gzi|md5|sha256|dvc)",
    re.IGNORECASE,
)
_SHOWN = 8


def read_folder(folder: Path, *, split_matters: bool) -> Sources:
    """Return the files to read from a folder, and notes about files that are not read.

    Parameters
    ----------
    folder
        The folder; see :func:`~dnasweep.data.sources.find_sources`.
    split_matters
        Whether rows keep their given splits.

    Raises
    ------
    InputError
        For a folder without such files, or with an unread file that may be a split or a class.
    """
    entries = entries_of(folder)
    if found := saved_files(folder):
        return _several_splits(found, folder)
    parts = shards(entries)
    if not parts and (nested := _hub_folder(folder, entries)) is not None:
        return nested
    if not parts and (pairs := label_tables(entries)):
        pairs = sorted(pairs, key=lambda source: (*SPLITS, "").index(source.split))
        return Sources(pairs, _unread(folder, entries, pairs, split_matters))
    files = data_files(entries)
    by_split = _by_split(files)
    if by_split:
        split, count = Counter(source.split for source in by_split).most_common(1)[0]
        if count > 1:
            names = ", ".join(source.path.name for source in by_split if source.split == split)
            raise InputError(
                f"contains {count} files for the {split} split: {names}",
                file=folder,
                remedy="Keep one, or give files one by one.",
            )
    few_shot = [] if any(s.split == "train" for s in by_split) else _few_shot_sets(entries)
    found = parts or few_shot + by_split or class_sources(folder, entries)
    found = sorted(found, key=lambda source: (*SPLITS, "").index(source.split)) or [
        Source(f) for f in files if label_in_name(f) is not None
    ]
    if not found:
        raise _nothing_in(folder, entries)
    notes = _unread(folder, entries, found, split_matters)
    if parts:
        several = _several_splits(found, folder)
        found, notes = several.files, [*notes, *several.notes]
    return Sources(found, notes)


def _several_splits(found: list[Source], folder: Path) -> Sources:
    """Return files with their splits if there are several; `datasets` calls unsplit data train."""
    named = {source.split for source in found} - {""}
    if len(named) != 1:
        return Sources(found, [])
    note = f"{folder.name}: only one split is named ({named.pop()}), so rows are split anew"
    return Sources([source._replace(split="") for source in found], [note])


def _unread(
    folder: Path, entries: Sequence[Path], found: Sequence[Source], split_matters: bool
) -> list[str]:
    read = {path for source in found for path in (source.path, *source.files)}
    read |= {source.sequences for source in found if source.sequences is not None}
    unread = [
        path
        for path in [*entries, *(f for p in entries if is_split_folder(p) for f in entries_of(p))]
        if path not in read and not any(path in one.parents for one in read)
    ]
    doubtful = [path for path in unread if _may_matter(path)]
    if doubtful and split_matters:
        raise InputError(
            f"{_listed(doubtful, folder)} would not be read, but may be a split or a class",
            file=folder,
            remedy="Name files train, dev and test (.csv, .parquet, FASTA and others), move away files "
            "that should not be read, or give the files one by one.",
        )
    if not unread:
        return []
    names = _listed([source.path for source in found], folder)
    return [f"{folder.name}: read: {names}; not read: {_listed(unread, folder)}"]


def _hub_folder(folder: Path, entries: Sequence[Path]) -> Sources | None:
    """Return the contents of the folder `data` in a clone from the hub; None for any other folder."""
    inside = [p for p in entries if p.is_dir() and not is_split_folder(p) and _holds_splits(p)]
    if not inside or _by_split(data_files(entries)):
        return None
    if len(inside) > 1:
        classes = all(p.name.lower() in LABEL_NAMES for p in inside)
        by_class = " ".join(
            f"--{('negatives', 'positives')[LABEL_NAMES[p.name.lower()]]} {p}"
            for p in inside
            if classes
        )
        raise InputError(
            f"contains {len(inside)} data sets: {_listed(inside, folder)}",
            file=folder,
            remedy=f"Give them as {by_class}." if by_class else "Give one of these folders.",
        )
    if inside[0].name != "data":
        return None
    found = read_folder(inside[0], split_matters=True)
    return Sources(found.files, [f"{folder.name}: only its folder data is read", *found.notes])


def _holds_splits(folder: Path) -> bool:
    entries = entries_of(folder)
    named = shards(entries) or _by_split(data_files(entries)) or any(map(is_split_folder, entries))
    return bool(named) and not folder.name.isdecimal()


def _by_split(files: Iterable[Path]) -> list[Source]:
    names = [(f, stem(f).lower()) for f in files]
    return [Source(f, split=SPLIT_NAMES[name]) for f, name in names if name in SPLIT_NAMES]


def _few_shot_sets(entries: Sequence[Path]) -> list[Source]:
    """Return the train files of folders named after the number of rows per class."""
    folders = [p for p in entries if p.name.isdecimal() and p.is_dir() and int(p.name) > 0]
    return [
        source._replace(shots=int(sub.name))
        for sub in sorted(folders, key=lambda p: int(p.name))
        for source in _by_split(data_files(entries_of(sub)))
        if source.split == "train"
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


def _folders_below(folder: Path) -> list[Path]:
    """Return the subfolders of a folder, and their subfolders."""
    inside = [p for p in entries_of(folder) if p.is_dir()]
    return [*inside, *(p for one in inside for p in entries_of(one) if p.is_dir())]


def _nothing_in(folder: Path, entries: Sequence[Path]) -> InputError:
    split_folders = [p for p in entries if is_split_folder(p)]
    if split_folders:
        names = ", ".join(p.name for p in split_folders)
        reason = f"the folders {names} do not all contain files of sequences; they contain "
        held = _shown(sorted({f.name for p in split_folders for f in entries_of(p)}))
        remedy = "Put the files of the classes, such as positive and negative, into each of them."
    elif inside := [p for p in _folders_below(folder) if _holds_splits(p)]:
        reason = (
            f"the folder has no train, dev or test file, and {len(inside)} folder(s) in it have"
        )
        return InputError(
            reason,
            file=folder,
            remedy=f"Give one of them, such as {inside[0].relative_to(folder)}.",
        )
    else:
        reason = "the folder has no train, dev or test file; it contains "
        held = _listed(entries, folder)
        remedy = (
            "Name its files train, dev and test (.csv, .parquet, FASTA and others), or positive and "
            "negative; put the files of each class into a folder of its name; or give the files "
            "themselves, with --positives and --negatives if they have no labels."
        )
    return InputError(reason + (held or "nothing"), file=folder, remedy=remedy)
