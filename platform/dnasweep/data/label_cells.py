"""Reading cells of labels after their kind has been determined."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from dnasweep.data.base_labels import BASE_CLASSES, Form, read_cell
from dnasweep.data.label_sets import rows_of_numbers, sets_of
from dnasweep.data.label_words import MAYBE_MISSING, MISSING
from dnasweep.data.labels import MAX_CLASSES, ZERO_AND_ONE, Labels
from dnasweep.formats.rejects import RowChecks

WHOLE = r"[+-]?\d+(?:\.0*)?"
NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?"
_TWO = "Write the two classes as 0 and 1."


class LabelReading(NamedTuple):
    """Rules for reading cells of labels."""

    labels: Labels = ZERO_AND_ONE
    """Description of the labels."""
    codes: Mapping[str, int] | None = None
    """Class number by label in the form of :func:`canonical`; None if labels are numbers (regression)."""
    note: str = ""
    """Message for the user; empty if nothing had to be decided."""
    expected: str = f"an integer from 0 to {MAX_CLASSES - 1}"
    """Description of valid labels, for messages about invalid ones."""
    remedy: str = _TWO
    """Remedy for invalid labels."""
    separator: str = ""
    """Separator of several labels in a cell; empty if a cell contains one label."""
    form: Form | None = None
    """Notation of classes of bases; None if labels are of rows."""

    def columns(
        self,
        text: pd.Series,
        checks: RowChecks,
        *,
        required: bool,
        sequences: pd.Series | None = None,
    ) -> dict[str, pd.Series]:
        """Return the label columns of the table, and record rows without a valid label as bad.

        Parameters
        ----------
        text
            The cells, without surrounding spaces.
        checks
            Collects bad rows.
        required
            Whether a row without a label is bad; otherwise none is.
        sequences
            Sequences of the rows; used only for labels of bases.
        """
        names = self.labels.columns
        if self.form is not None:
            return self._of_bases(text, checks, sequences)
        if not names:
            return {"label": self.classes(text, checks, required=required)}
        if not self.separator:
            found = self.numbers(text, checks, required=required).to_numpy()[:, None]
        else:
            found = (
                rows_of_numbers(text, self.separator, len(names))
                if self.codes is None
                else sets_of(text, self.separator, self.codes)
            )
            known = pd.Series(np.isfinite(found).all(axis=1), index=text.index)
            self._check(text, known, checks, required=required)
        columns = {name: pd.Series(found[:, i], text.index) for i, name in enumerate(names)}
        return {"label": pd.Series(-1, index=text.index), **columns}

    def _of_bases(
        self, text: pd.Series, checks: RowChecks, sequences: pd.Series | None
    ) -> dict[str, pd.Series]:
        """Return the column with a class for each base, and record rows without valid labels as bad."""
        assert self.form is not None
        assert self.codes is not None
        assert sequences is not None
        cells = [
            read_cell(cell, self.form, self.codes, len(sequence))
            for cell, sequence in zip(text, sequences, strict=True)
        ]
        faults = pd.Series([cell.fault for cell in cells], index=text.index, dtype="str")
        missing = text.str.lower().isin(MISSING)
        checks.add(missing, "the label is missing", self.remedy)
        checks.add(~missing & (faults != ""), faults, self.remedy)
        symbols = pd.Series([cell.symbols for cell in cells], index=text.index, dtype="str")
        return {"label": pd.Series(-1, index=text.index), BASE_CLASSES: symbols}

    def classes(self, text: pd.Series, checks: RowChecks, *, required: bool) -> pd.Series:
        """Return the class of each row, -1 if unknown, and record rows without a valid label as bad.

        Parameters
        ----------
        text
            The cells, without surrounding spaces.
        checks
            Collects bad rows.
        required
            Whether a row without a label is bad; otherwise none is.
        """
        assert self.codes is not None
        number = canonical(text).map(self.codes)
        self._check(text, number.notna(), checks, required=required)
        return number.fillna(-1).astype("int64")

    def numbers(self, text: pd.Series, checks: RowChecks, *, required: bool) -> pd.Series:
        """Return the number of each row, nan if there is none; otherwise as :meth:`classes`.

        Parameters
        ----------
        text, checks, required
            As for :meth:`classes`.
        """
        number = as_numbers(text)
        self._check(text, number.notna(), checks, required=required)
        return number

    def _check(
        self, text: pd.Series, known: pd.Series, checks: RowChecks, *, required: bool
    ) -> None:
        if not required:
            return
        missing = text.str.lower().isin([*MISSING, MAYBE_MISSING]) & ~known
        none = "Write none if a row has none of the labels." if self.separator else ""
        checks.add(missing, "the label is missing", none)
        if self.separator and self.codes is None:
            gaps = text[~known & ~missing].map(self._first_gap).reindex(text.index, fill_value="")
            checks.add(
                gaps != "", "the " + gaps + " is missing", "Fill it in, or leave the row out."
            )
        quoted = text.str[:40].map(repr)
        reason = "the label " + quoted + f" is not {self.expected}"
        checks.add(~missing & ~known, reason, self.remedy)

    def _first_gap(self, text: str) -> str:
        """Return the first label that is missing in a row with one place for each; "" if there is none."""
        cells, names = text.split(self.separator), self.labels.names
        if len(cells) == len(names):
            for number, (cell, name) in enumerate(zip(cells, names, strict=True), start=1):
                if cell.strip().lower() in (*MISSING, MAYBE_MISSING):
                    return f"label {number}" if name.isdecimal() else f"label {name}"
        return ""


def canonical(text: pd.Series) -> pd.Series:
    """Return labels in the form used for comparisons: lower case, whole numbers without + or decimals."""
    whole = text.str.fullmatch(WHOLE)
    found = text.str.casefold()
    if whole.any():
        found = found.mask(whole, text.where(whole, "0").map(_whole).astype("str"))
    return found


def _whole(text: str) -> int:
    return int(text.split(".")[0])


def as_numbers(text: pd.Series) -> pd.Series:
    """Return cells as numbers; nan for cells that are not finite numbers."""
    number = pd.to_numeric(text.where(text.str.fullmatch(NUMBER)), errors="coerce")
    return number.where(np.isfinite(number))
