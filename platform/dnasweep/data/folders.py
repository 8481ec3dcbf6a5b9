"""Folders of sequences as people publish them: files and folders named after splits and classes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from dnasweep.data.table import SPLITS
from dnasweep.errors import InputError
from dnasweep.formats.files import ENDINGS, ending, stem
from dnasweep.formats.paths import entries_of

SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("dev", "valid", "validation", "val"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""Names of files, folders and cells that mean a split."""
LABEL_NAMES = {"positive": 1, "positives": 1, "negative": 0, "negatives": 0}
"""Names of files that mean a class."""
PERHAPS = frozenset(
    [
        *("eval", "evaluation", "holdout", "heldout", "validate", "development"),
        *("unseen", "independent", "blind"),
    ]
)
"""Words that mean a split, and not always the same one."""

_KNOWN = frozenset(e for endings in ENDINGS.values() for e in endings)
_COMPOUND = re.compile(r"(.+?)(?:set|data|split|file)s?")
# What editors, indexers and DNABERT's own script leave beside the files they were given.
_BYPRODUCT = re.compile(
    r".*~|#.*#|cached_.*|.*\.(?:bak|orig|swp|tmp|log|md|png|pdf|svg|py|sh|ipynb|html|"
    r"fai|gzi|md5|sha256|dvc)",
    re.IGNORECASE,
)
_SHOWN = 8


class FoundFile(NamedTuple):
    """A file of a folder, and what its place there says of it."""

    path: Path
    split: str = ""
    shots: int | None = None


class Inside(NamedTuple):
    """What a folder stands for."""

    files: list[FoundFile]
    """The files to read, by split."""
    notes: list[str]
    """What is not read of it."""


def name_parts(name: str) -> set[str]:
    """Return the words of a name in lower case: my, train and set of `my_trainSet2`.

    Words in one count by their first part as well: train of `trainset`; `hold-out` is one word.
    """
    parts = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    parts = re.sub(r"(hold|held)[-_. ]?out", r"\1out", parts, flags=re.IGNORECASE)
    words = {word.lower() for word in re.findall(r"[A-Za-z]+", parts)}
    return words | {match[1] for match in map(_COMPOUND.fullmatch, words) if match}


def named_split(path: Path) -> str:
    """Return the split that the name of a file holds as a word, "" where it holds none or two."""
    found = {SPLIT_NAMES[word] for word in name_parts(stem(path)) if word in SPLIT_NAMES}
    return found.pop() if len(found) == 1 else ""


def read_folder(folder: Path, *, split_matters: bool = True) -> Inside:
    """Return the files that a folder stands for.

    They are its files named train, dev (validation, valid, val) and test, in any case and format;
    or its files named positive and negative; or those in folders of these names of splits
    (genomic_benchmarks); or the train files of folders named after the number of rows of each class
    that they hold, with the test file beside them (few-shot sets, as GeneMask publishes them).

    Raises
    ------
    InputError
        For a folder without such files, and where a file would be left unread that may be a split.
    """
    entries = entries_of(folder)
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
    found = few_shot + by_split or _nested(entries)
    found = sorted(found, key=lambda one: SPLITS.index(one.split)) or [
        FoundFile(f) for f in files if stem(f).lower() in LABEL_NAMES
    ]
    if not found:
        raise _nothing(folder, entries)
    read = {one.path for one in found}
    left = [
        path
        for path in [*entries, *(f for p in entries if _parted(p) for f in entries_of(p))]
        if path not in read and not any(path in one.parents for one in read)
    ]
    telling = [p for p in left if _may_matter(p)]
    if telling and split_matters:
        raise InputError(
            f"{_listed(telling, folder)} would not be read, and may be a split or a class",
            file=folder,
            remedy="Name files train, dev and test (.csv, .tsv or FASTA, also .gz), move away what "
            "is not to be read, or give the files one by one.",
        )
    if not left:
        return Inside(found, [])
    names = _listed([one.path for one in found], folder)
    return Inside(found, [f"{folder.name}: read are {names}; not read: {_listed(left, folder)}"])


def _by_split(files: Iterable[Path]) -> list[FoundFile]:
    names = [(f, stem(f).lower()) for f in files]
    return [FoundFile(f, SPLIT_NAMES[name]) for f, name in names if name in SPLIT_NAMES]


def _few_shot(entries: Sequence[Path]) -> list[FoundFile]:
    """Return the train files of folders that are named after their rows of each class."""
    folders = [p for p in entries if p.name.isdecimal() and p.is_dir() and int(p.name) > 0]
    return [
        found._replace(shots=int(sub.name))
        for sub in sorted(folders, key=lambda p: int(p.name))
        for found in _by_split(f for f in entries_of(sub) if ending(f) in _KNOWN)
        if found.split == "train"
    ]


def _parted(path: Path) -> bool:
    return path.name.lower() in SPLIT_NAMES and path.is_dir()


def _nested(entries: Sequence[Path]) -> list[FoundFile]:
    """Return the files of classes in folders of splits."""
    return [
        FoundFile(file, SPLIT_NAMES[sub.name.lower()])
        for sub in entries
        if _parted(sub)
        for file in entries_of(sub)
        if file.is_file() and stem(file).lower() in LABEL_NAMES
    ]


def _may_matter(path: Path) -> bool:
    if _BYPRODUCT.fullmatch(path.name):
        return False
    words = name_parts(path.name)
    return bool(words & (SPLIT_NAMES.keys() | PERHAPS | LABEL_NAMES.keys()))


def _listed(paths: Sequence[Path], folder: Path) -> str:
    shown = ", ".join(str(p.relative_to(folder)) for p in paths[:_SHOWN])
    return shown + (", ..." if len(paths) > _SHOWN else "")


def _nothing(folder: Path, entries: Sequence[Path]) -> InputError:
    parted = [p for p in entries if _parted(p)]
    if parted:
        inside = sorted({f.name for p in parted for f in entries_of(p)})
        names = ", ".join(p.name for p in parted)
        reason = f"the folders {names} hold no files named positive and negative; they hold "
        held = ", ".join(inside[:_SHOWN]) + (", ..." if len(inside) > _SHOWN else "")
        remedy = "Name the files of the two classes positive and negative in each of them."
    else:
        reason = "the folder has no train, dev or test file; it holds "
        held = _listed(entries, folder)
        remedy = (
            "Name its files train, dev and test (.csv, .tsv or FASTA, also .gz), or give the "
            "files themselves."
        )
    return InputError(reason + (held or "nothing"), file=folder, remedy=remedy)
