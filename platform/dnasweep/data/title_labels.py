"""Labels in the titles of a FASTA file: `>id|1`, `>id|1|training` and `>id label=1`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from dnasweep.data.label_cells import NUMBER
from dnasweep.data.label_words import is_yes_or_no
from dnasweep.data.labels import MAX_CLASSES
from dnasweep.data.names import split_meant
from dnasweep.data.split_columns import plain_splits
from dnasweep.errors import InputError

_NAMES = ("label", "class", "target")
# Up to the end, a separator or the next name; a label may contain spaces.
_NAMED = (
    r"(?i)(?:^|[\s|;,\[]){name}\s*[=:]\s*"
    r"(\"[^\"]*\"|'[^']*'|[^\s|;,\]][^|;,\]]*?)(?=$|[|;,\]]|\s+\[|\s+\w+\s*[=:]|\s*$)"
)

_WORD = r"\|\s*(positive|negative)\s*(?:\||$)"
_MOST = 0.9


class TitleLabels(NamedTuple):
    """Labels and splits read from the titles of a file."""

    columns: dict[str, pd.Series]
    """Columns `label` and, if present, `split`; empty if the titles contain no labels."""
    note: str = ""
    """Message on how the titles were interpreted."""


def read_title_labels(titles: pd.Series, *, given: bool = False) -> TitleLabels:
    """Return labels that all titles of a file give in the same notation, and splits beside them.

    A label is named (`label=1`, `class:enhancer`; label takes precedence over class, and class over target),
    or is the second and last part, after |, as in tasks of the Nucleotide Transformer, or the second of three
    parts, before the split, as in iLearn, or a part positive or negative, as in VISTA. Without a name, labels
    must be the numbers 0, 1, ... without gaps, numbers with decimals, as in AgroNT's tasks, or yes and no,
    since other files have chromosomes, strands or genes there.

    Parameters
    ----------
    titles
        Titles without >.
    given
        Whether the rows have a label already. Labels in the titles then must be 0 and 1, or yes and no, and
        be clearly labels.

    Examples
    --------
    >>> found = read_title_labels(pd.Series(["a|0|training", "b|1|testing"]))
    >>> found.columns["label"].tolist(), found.columns["split"].tolist()
    (['0', '1'], ['train', 'test'])
    >>> read_title_labels(pd.Series(["ENSG01|7", "ENSG02|12"])).columns
    {}
    """
    for name in _NAMES if len(titles) else ():
        found = titles.str.extract(_NAMED.format(name=name))[0]
        if found.notna().all() and not (given and not _are_two(found)):
            note = f"the labels are those of {name} in the titles"
            return TitleLabels({"label": _plain_words(found)}, note)
    words = titles.str.lower().str.extract(_WORD)[0]
    if words.notna().all() and words.nunique() == 2:
        return TitleLabels({"label": words}, "the labels are positive and negative in the titles")
    parts = titles.str.split(n=1).str[0].fillna("").astype(str).str.split("|", regex=False)
    lengths = set(map(len, parts))
    if lengths == {3} and (_are_classes(parts.str[1]) or set(parts.str[1]) <= {"0", "1"}):
        splits = parts.str[2]
        if all(split_meant(split.lower()) for split in splits.unique()):
            note = "the labels and the splits are after | in the titles"
            return TitleLabels({"label": parts.str[1], "split": plain_splits(splits)}, note)
    if (
        lengths == {2}
        and not given
        and (_are_classes(parts.str[1]) or _are_decimals(parts.str[1]))
    ):
        return TitleLabels({"label": parts.str[1]}, "the labels are after | in the titles")
    return TitleLabels({})


def check_all_have_labels(titles: pd.Series, path: Path) -> None:
    """Refuse titles most of which give a label, in one notation, but not all.

    Parameters
    ----------
    titles
        Titles without >, in which :func:`read_title_labels` found no labels.
    path
        The file, for messages.
    """
    parts = titles.str.split(n=1).str[0].fillna("").astype(str).str.split("|", regex=False)
    second = parts.str[1].where(parts.map(len) == 2)
    last = second if _are_classes(second.dropna().astype(str)) else second.iloc[:0]
    named = [titles.str.extract(_NAMED.format(name=name))[0] for name in _NAMES]
    for found in (*named, last):
        lacking = found.isna()
        if len(found) and 0 < lacking.sum() <= len(titles) / 2:
            first, other = titles[lacking].iloc[0], titles[~lacking].iloc[0]
            raise InputError(
                f"the title {first[:40]!r} has no label, but those of {(~lacking).sum():,} of {len(titles):,} "
                f"records have one, such as {other[:40]!r}",
                file=path,
                row=int(lacking.to_numpy().argmax()) + 1,
                remedy="Add the label to the title, or leave the record out.",
            )


def _plain_words(labels: pd.Series) -> pd.Series:
    """Return labels without quotation marks, and without descriptions after recurring numbers or words.

    Labels of several words that recur as a whole, such as `tissue A`, are kept.
    """
    plain = labels.str.strip().str.strip("\"'").str.strip()
    first = plain.str.split(n=1).str[0].fillna("").astype(str)
    described = first.str.fullmatch(NUMBER).all() or 2 * plain.nunique() > len(plain)
    return first if described and first.nunique() > 1 else plain


def _are_two(labels: pd.Series) -> bool:
    values = sorted(_plain_words(labels).str.lower().unique())
    return set(values) <= {"0", "1"} or is_yes_or_no(values)


def _are_decimals(cells: pd.Series) -> bool:
    """Return whether cells are numbers, and nearly all of them have decimals."""
    numbers = cells.str.fullmatch(NUMBER).all()
    return bool(numbers and cells.str.contains(".", regex=False).mean() >= _MOST)


def _are_classes(cells: pd.Series) -> bool:
    values = sorted(cells.str.lower().unique())
    if all(re.fullmatch(r"\d{1,3}", value) for value in values):
        numbers = sorted(map(int, values))
        return 1 < len(numbers) <= MAX_CLASSES and numbers == list(range(len(numbers)))
    # Signs are strands.
    return is_yes_or_no(values) and "+" not in values
