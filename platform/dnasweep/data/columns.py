"""Columns of CSV and TSV files: which is the sequence, the label, the split, and which go unread."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from dnasweep.data.names import SPLIT_NAMES, UNCERTAIN_SPLIT_NAMES, words_of
from dnasweep.data.table import SPLITS
from dnasweep.errors import InputError
from dnasweep.formats.delimited import read_cells
from dnasweep.formats.rejects import RejectedRow

ACCEPTED: dict[str, tuple[str, ...]] = {
    "sequence": ("sequence", "seq", "sequences", "dna_sequence"),
    "label": ("label", "true_label", "labels", "class", "target"),
    "id": ("id", "seq_id", "sequence_id", "identifier"),
    "name": ("name",),
    "species": ("species", "organism"),
    "chrom": ("chrom", "chr", "chromosome", "region"),
    "start": ("start", "chromstart", "chrom_start"),
    "end": ("end", "chromend", "chrom_end"),
    "strand": ("strand",),
    "split": ("split",),
}
"""Header names by table column, in any case; `name` is a species or an id, as its values say."""

MEANING = {name: column for column, names in ACCEPTED.items() for name in names}
"""Table column by header name."""

_LINE = re.compile(rb"[^\r\n]+")
_BASES = re.compile(r"[ACGTUN ]{6,}", re.IGNORECASE)
_SEQUENCE = re.compile(r"[ACGTRYSWKMBDHVNUacgtryswkmbdhvnu ]{6,}")
# Names of columns that may give splits: in words, as numbers, and as folds of a cross-validation.
_SPLITS = re.compile(
    r"(?:data_?|sub_?)?sets?|partition|(?:data_?)?splits?_?\w*|\w*_split|phase|usage"
)
_NUMBERED = re.compile(r"(?:sub_?)?sets?|partition|splits?(?:_id)?")
_FOLDS = re.compile(r"(?:cv_?|k_?)?folds?(?:_?(?:id|no|nr|idx|index|num|number))?|cv|\w*_fold")
_FILLERS = frozenset(["is", "in", "for", "used", "set", "data", "split", "row", "rows", "sample"])
_YES_OR_NO = frozenset(["0", "1", "0.0", "1.0", "true", "false", "yes", "no", "t", "f", "y", "n"])
# Unread columns that a user would miss first.
_TELLING = re.compile(r"weight|label|class|target|score|group|is_|in_|^y$|fold|split|set$|strat")
_SHOWN = 10


class Unlabelled(InputError):
    """A file without labels, where labels are needed."""


class Columns(NamedTuple):
    """A delimited file by the columns of the table."""

    frame: pd.DataFrame
    """Text columns named as in `ACCEPTED`, and `row`, the 1-based row in the file."""
    rejected: list[RejectedRow]
    """Rows with more cells than there are columns."""
    header: tuple[str, ...]
    """The names found in the header."""
    notes: tuple[str, ...]
    """How columns were understood, and which were not read."""


def read_columns(
    data: bytes, *, file: Path, separators: str = "\t,;", split_matters: bool = True
) -> Columns:
    """Return a CSV or TSV file with a header by the columns of the table.

    The separator is the one of `separators` that finds most known columns in the header. A file of
    two columns whose first line already is DNA and an integer has no header: its columns are
    sequence and label. If no column is named split, one whose values are names of splits is the
    split. Columns of other names are left out.

    Parameters
    ----------
    data
        Content of the file.
    file
        The file, for messages.
    separators
        Separators to choose from.
    split_matters
        Whether rows keep the splits they are given in; if not, nothing is refused for them.

    Raises
    ------
    InputError
        For a header without a sequence (or chromosome, start and end), or with a column twice, and
        where it is not certain which column gives the splits.
    """
    start = len(data) - len(data.lstrip())
    skipped = data[:start].count(b"\n") or data[:start].count(b"\r")
    line = _LINE.match(data, start)
    first = line[0].decode(errors="replace") if line else ""
    separator = max(separators, key=lambda s: (_num_known(first, s), first.count(s)))
    header = _header(first, separator, file)
    without_header = _is_row(first, separator)
    if without_header:
        header = ["sequence", "label"]
    meaning = {i: MEANING[name] for i, name in enumerate(header) if name in MEANING}
    _check_header(meaning, first, separator, file)
    frame, rejected = read_cells(data, separator=separator, num_columns=len(header), file=file)
    if not without_header:
        frame = frame[frame["row"] > skipped + 1].reset_index(drop=True)
    others = {i: name for i, name in enumerate(header) if i not in meaning}
    values = {i: set(frame[i].str.strip().str.lower().unique()) for i in others}
    split_known = "split" in meaning.values()
    split = None if split_known else _split_column(others, values, split_matters, file)
    notes = _notes(others, values, split, split_matters and not split_known, file)
    if split is not None:
        meaning[split] = "split"
    return Columns(
        frame[["row", *meaning]].rename(columns=meaning), rejected, tuple(header), notes
    )


def _canonical_name(name: str) -> str:
    return re.sub(r"[\s\-]+", "_", name.strip().lstrip("#").strip().lower())


def _header(line: str, separator: str, file: Path) -> list[str]:
    try:
        row = pd.read_csv(
            io.StringIO(line + "\n"), sep=separator, header=None, dtype="str", na_filter=False
        )
    except pd.errors.ParserError as error:
        raise InputError("the header cannot be read", file=file, row=1) from error
    return [_canonical_name(name) for name in row.iloc[0]]


def _num_known(line: str, separator: str) -> int:
    names = line.split(separator)
    return sum(_canonical_name(name.strip().strip("\"'")) in MEANING for name in names)


def _is_row(line: str, separator: str) -> bool:
    cells = [cell.strip().strip('"') for cell in line.split(separator)]
    return len(cells) == 2 and bool(_SEQUENCE.fullmatch(cells[0])) and cells[1].isdigit()


def _check_header(meaning: dict[int, str], line: str, separator: str, file: Path) -> None:
    found = [name.strip().strip("\"'") for name in line[:500].split(separator)][:20]
    listed = f"found {', '.join(n[:40] or '(no name)' for n in found)}"
    columns = list(meaning.values())
    for column in columns:
        if columns.count(column) > 1:
            raise InputError(
                f"the header names the {column} more than once: {listed}",
                file=file,
                row=1,
                remedy="Keep one of these columns.",
            )
    if "sequence" not in columns and not {"chrom", "start", "end"} <= set(columns):
        if any(_BASES.fullmatch(name) for name in found):
            raise InputError(
                f"there is no header, row 1 holds a sequence already: {listed}",
                file=file,
                row=1,
                remedy="Put a line with the names of the columns before it, such as "
                "id,sequence,label.",
            )
        raise InputError(
            f"there is no column with sequences: {listed}",
            file=file,
            row=1,
            remedy=f"Name it {' or '.join(ACCEPTED['sequence'][:2])} (any case), and the label "
            f"{' or '.join(ACCEPTED['label'][:2])}; or give {', '.join(ACCEPTED['chrom'][:2])}, "
            "start and end with a genome.",
        )


def _split_column(
    others: Mapping[int, str], values: Mapping[int, set[str]], split_matters: bool, file: Path
) -> int | None:
    """Return which of the columns without an accepted name gives the splits, None where none does."""
    found = [i for i in others if _are_splits(values[i], others[i])]
    if not split_matters:
        return found[0] if found else None
    if len(found) > 1:
        raise InputError(
            f"two columns hold splits: {' and '.join(others[i] for i in found[:2])}",
            file=file,
            row=1,
            remedy="Name the one that counts split.",
        )
    if found:
        return found[0]
    for i, name in others.items():
        if value := _unclear_split(values[i], name):
            raise InputError(
                f"the column {name} may give the splits, and {value[:40]!r} in it is none of "
                "train, validation and test",
                file=file,
                row=1,
                remedy="Write train, validation and test there and name it split, or pass "
                "--split cluster or rename the column to have all rows split anew.",
            )
    return None


def _are_splits(values: set[str], name: str) -> bool:
    words = values - {""}
    if not words or not words <= SPLIT_NAMES.keys():
        return False
    return len({SPLIT_NAMES[word] for word in words}) > 1 or bool(_SPLITS.fullmatch(name))


def _unclear_split(values: set[str], name: str) -> str:
    """Return a value of a column that looks like splits in other words, "" if it does not."""
    words = values - {""}
    names = SPLIT_NAMES.keys() | UNCERTAIN_SPLIT_NAMES
    if _SPLITS.fullmatch(name):
        # `training set` and `test1` as well, and 0, 1 and 2 where the name leaves little else.
        numbered = _NUMBERED.fullmatch(name) and 1 < len(words) <= len(SPLITS)
        if any(words_of(w) & names for w in words) or (
            numbered and all(map(str.isdecimal, words))
        ):
            return min(words - SPLIT_NAMES.keys(), default="")
    # A column `is_test` or `holdout` of yes and no.
    about = words_of(name) - _FILLERS
    if len(words) > 1 and about and about <= names and words <= _YES_OR_NO:
        return min(words)
    return ""


def _notes(
    others: Mapping[int, str],
    values: Mapping[int, set[str]],
    split: int | None,
    tell_folds: bool,
    file: Path,
) -> tuple[str, ...]:
    """Return what to say about columns without an accepted name."""
    notes = []
    if split is not None:
        shown = ", ".join(sorted(values[split] - {""}))
        notes.append(f"{file.name}: the column {others[split]} gives the splits ({shown})")
    unread = {i: name for i, name in others.items() if i != split and name}
    folds = [n for i, n in unread.items() if _FOLDS.fullmatch(n) and len(values[i] - {""}) > 1]
    if folds and tell_folds and split is None:
        notes.append(
            f"{file.name}: the column {folds[0]} is not read: folds do not say which rows are "
            "train, validation and test; a column named split would"
        )
    if unread:
        order = sorted(unread.values(), key=lambda name: not _TELLING.search(name))
        more = ", ..." if len(order) > _SHOWN else ""
        names = ", ".join(name[:40] for name in order[:_SHOWN])
        notes.append(f"{file.name}: columns not read: {names}{more}")
    return tuple(notes)
