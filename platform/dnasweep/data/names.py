"""Meaning of names: words for splits and classes in names of files, folders and columns, and in cells."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from dnasweep.data.species import named_after
from dnasweep.formats.detection import stem

SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("dev", "valid", "validation", "val"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""Names of files, folders and cells that mean a split."""

LABEL_NAMES = {
    **dict.fromkeys(("positive", "positives", "pos"), 1),
    **dict.fromkeys(("negative", "negatives", "neg"), 0),
}
"""Names of files that mean a class."""

HELD_OUT_NAMES = frozenset(["eval", "evaluation", "holdout", "heldout", "validate"])
"""Words in file names that may mean different splits."""

UNCERTAIN_SPLIT_NAMES = HELD_OUT_NAMES | {"development", "unseen", "independent", "blind"}
"""Such words in names of folders and columns, and in cells."""

_SHORT = {
    **dict.fromkeys(("tr", "trn"), "train"),
    **dict.fromkeys(("va", "vl", "vld"), "validation"),
    **dict.fromkeys(("te", "ts", "tst"), "test"),
}
_WORDS = {**SPLIT_NAMES, **_SHORT}
_ABOUT_ALL = frozenset(
    ["set", "data", "sample", "samples", "seq", "seqs", "sequence", "sequences"]
)
_EPDNEW = re.compile(r"(?<![A-Za-z])([A-Z][a-z])(?:NC)?_EPDnew")
_COMPOUND = re.compile(r"(.+?)(?:set|data|split|file)s?")


def words_of(name: str) -> set[str]:
    """Return the lower-case words of a name: my, train and set for `my_trainSet2`.

    The first part of a compound also counts, such as train in `trainset`; `hold-out` is one word.
    """
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    spaced = re.sub(r"(hold|held)[-_. ]?out", r"\1out", spaced, flags=re.IGNORECASE)
    words = {word.lower() for word in re.findall(r"[A-Za-z]+", spaced)}
    return words | {match[1] for match in map(_COMPOUND.fullmatch, words) if match}


def split_meant(cell: str) -> str:
    """Return the split named by a lower-case cell such as `test`, `training set` or `tst`, or "".

    Examples
    --------
    >>> split_meant("training set"), split_meant("val"), split_meant("test2"), split_meant("holdout")
    ('train', 'validation', '', '')
    """
    if not re.fullmatch(r"[a-z]+(?:[-_ ]?(?:set|data|split))?", cell):
        return ""
    found = {_WORDS[word] for word in words_of(cell) if word in _WORDS}
    return found.pop() if len(found) == 1 else ""


def split_in_name(file: Path) -> str:
    """Return the split that a file's name contains as a word, "" if it contains none or two."""
    return _only_split(file, SPLIT_NAMES)


def short_split_in_name(file: Path) -> str:
    """Return the split that a file's name abbreviates, as in `x_tr` and `x_va`, "" if none does."""
    return _only_split(file, _SHORT)


def _only_split(file: Path, names: dict[str, str]) -> str:
    found = {names[word] for word in words_of(stem(file)) if word in names}
    return found.pop() if len(found) == 1 else ""


def label_in_name(file: Path) -> int | None:
    """Return the label of a file named after a class, and perhaps a split; None for any other name.

    Examples
    --------
    >>> label_in_name(Path("train_pos.fa")), label_in_name(Path("negatives.csv"))
    (1, 0)
    >>> label_in_name(Path("gram_positive.fa")) is None
    True
    """
    words = words_of(stem(file))
    found = {LABEL_NAMES[word] for word in words if word in LABEL_NAMES}
    only = words <= LABEL_NAMES.keys() | SPLIT_NAMES.keys() | _ABOUT_ALL
    return found.pop() if only and len(found) == 1 else None


def shortest_names(files: Sequence[Path]) -> list[str]:
    """Return the shortest path suffixes that distinguish the files."""
    names = [stem(f) for f in files]
    for depth in range(1, max((len(f.parts) for f in files), default=0)):
        counts = Counter(names)
        names = [
            "/".join([*f.parts[:-1][-depth:], stem(f)]) if counts[name] > 1 else name
            for f, name in zip(files, names, strict=True)
        ]
    return names


def species_in_name(file: Path) -> str:
    """Return the species that a file is named after, "" if there is none."""
    match = _EPDNEW.search(file.name)
    return named_after(match[1] if match else stem(file), is_code=bool(match))
